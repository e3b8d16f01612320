"""Strategies, their presets, and switching to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from tradedeck.api import desk
from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.desk import Wish
from tradedeck.api.idempotency import ControlRoute
from tradedeck.api.routes.config import tag
from tradedeck.api.wire import Receipt
from tradedeck.api.wire_config import Activation, Preset, StrategyList, StrategyView
from tradedeck.audit.types import Action
from tradedeck.desired import parse
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError

router = APIRouter(tags=["strategies"], route_class=ControlRoute)
Reader = Annotated[Actor, requires(Permission.READ)]
NamePath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


def _view(entry: Mapping[str, Any]) -> StrategyView:
    name = str(entry["name"])
    presets: Mapping[str, Any] = entry["presets"]
    return StrategyView(
        id=name,
        name=entry["title"],
        description=entry["description"],
        origin=entry["origin"],
        intervals=list(entry["intervals"]),
        instruments=list(entry["instruments"]),
        presets=[
            Preset(
                id=preset,
                params=dict(params),
                report=f"/api/v1/strategies/{name}/presets/{preset}/report",
            )
            for preset, params in presets.items()
        ],
        params_schema=entry["schema"],
    )


@router.get("/strategies")
async def strategies(actor: Reader, ctx: Ctx) -> StrategyList:
    """Every strategy that a trader may be given."""
    return StrategyList(items=[_view(entry) for entry in ctx.library.entries()])


@router.get("/strategies/{strategy}")
async def one_strategy(strategy: NamePath, actor: Reader, ctx: Ctx) -> StrategyView:
    """One of them."""
    return _view(ctx.library.entry(strategy))


@router.get("/strategies/{strategy}/presets/{preset}/report")
async def preset_report(
    strategy: NamePath, preset: NamePath, actor: Reader, ctx: Ctx
) -> dict[str, Any]:
    """How a preset did on bundled prices. Past results say nothing certain about the next."""
    return ctx.library.report(strategy, preset)


@router.post("/activate")
async def activate(
    body: Activation,
    actor: Annotated[Actor, requires(Permission.CONFIG_WRITE)],
    ctx: Ctx,
    response: Response,
) -> Receipt:
    """Give one trader, or all, another strategy; applied at the next safe point."""
    if body.preset is not None and body.params is not None:
        raise TradedeckError(Code.INVALID, "Give either preset or params.")
    params = dict(parse.bounded(body.params or {}))
    if body.preset is not None:
        params = ctx.library.preset(body.strategy, body.preset)
    ctx.library.entry(body.strategy)

    def make(old: Mapping[str, Any]) -> Any:
        return _switched(old, body.trader, body.strategy, params)

    wish = Wish(
        actor,
        make,
        None,
        body.reason or f"switch to {body.strategy}",
        action=Action.STRATEGY_ACTIVATE,
        target=f"trader/{body.trader}",
    )
    outcome = await desk.change(ctx, wish)
    tag(response, outcome.version.generation)
    return desk.receipt(outcome)


def _switched(
    old: Mapping[str, Any], trader: str, strategy: str, params: dict[str, Any]
) -> dict[str, Any]:
    chosen = [item["id"] for item in old["traders"] if trader in ("all", item["id"])]
    if not chosen:
        raise TradedeckError(Code.NOT_FOUND, f"There is no trader {trader!r}.")
    changed = [
        {**item, "strategy": strategy, "params": params} if item["id"] in chosen else item
        for item in old["traders"]
    ]
    return {**old, "traders": changed}
