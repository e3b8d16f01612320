"""Deploying, changing, removing traders, and the five acts on one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Response

from tradedeck.api import commands, desk
from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.desk import Wish
from tradedeck.api.idempotency import ControlRoute, StopRoute
from tradedeck.api.routes.config import IfMatch, base_of, tag
from tradedeck.api.wire import Receipt
from tradedeck.api.wire_config import NewTrader, TraderAct, TraderPatch
from tradedeck.audit.types import Action
from tradedeck.desired import parse
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError

router = APIRouter(tags=["traders"], route_class=ControlRoute)
stopping = APIRouter(tags=["traders"], route_class=StopRoute)
Writer = Annotated[Actor, requires(Permission.CONFIG_WRITE)]
Controller = Annotated[Actor, requires(Permission.TRADER_CONTROL)]
TraderId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
log = structlog.get_logger(__name__)

# Verb → the state that is desired afterwards (None: none), and how the record names the act.
VERBS: dict[str, tuple[str | None, Action]] = {
    "start": ("running", Action.TRADER_START),
    "pause": ("paused", Action.TRADER_PAUSE),
    "resume": ("running", Action.TRADER_RESUME),
    "stop": ("stopped", Action.TRADER_STOP),
    "restart": (None, Action.TRADER_RESTART),
}
_WORDS = {"reason", "step_up"}  # of the request, not of the trader


def _missing(trader: str) -> TradedeckError:
    return TradedeckError(Code.NOT_FOUND, f"There is no trader {trader!r}.")


def _with(old: Mapping[str, Any], trader: str, change: Mapping[str, Any] | None) -> dict[str, Any]:
    """The document with one trader changed, or (None) removed."""
    if all(item["id"] != trader for item in old["traders"]):
        raise _missing(trader)
    kept = [item for item in old["traders"] if item["id"] != trader or change is not None]
    return {
        **old,
        "traders": [
            {**item, **change} if change is not None and item["id"] == trader else item
            for item in kept
        ],
    }


@router.post("/traders", status_code=201)
async def deploy(
    body: NewTrader, actor: Writer, ctx: Ctx, response: Response, if_match: IfMatch = None
) -> Receipt:
    """Deploy a trader: one more in the document."""
    base = base_of(if_match, needed=False)
    made = parse.bounded(body.model_dump(exclude=_WORDS, exclude_none=True))

    def make(old: Mapping[str, Any]) -> Any:
        if any(item["id"] == body.id for item in old["traders"]):
            raise TradedeckError(Code.CONFLICT, f"There is a trader {body.id!r} already.")
        return {**old, "traders": [*old["traders"], made]}

    wish = Wish(
        actor, make, base, body.reason, body.step_up, Action.TRADER_CREATE, f"trader/{body.id}"
    )
    return await _apply(ctx, response, wish)


@router.patch("/traders/{trader}")
async def change_trader(
    trader: TraderId,
    body: TraderPatch,
    actor: Writer,
    ctx: Ctx,
    response: Response,
    if_match: IfMatch = None,
) -> Receipt:
    """Change a trader; `limits` and `params` that are given replace those it had."""
    base = base_of(if_match)
    change = parse.bounded(body.model_dump(exclude=_WORDS, exclude_unset=True, exclude_none=True))
    wish = Wish(
        actor,
        lambda old: _with(old, trader, change),
        base,
        body.reason,
        body.step_up,
        Action.TRADER_CHANGE,
        f"trader/{trader}",
    )
    return await _apply(ctx, response, wish)


@router.delete("/traders/{trader}")
async def remove(
    trader: TraderId, actor: Writer, ctx: Ctx, response: Response, if_match: IfMatch = None
) -> Receipt:
    """Remove a trader; the runner stops it and keeps its position and its journal."""
    wish = Wish(
        actor,
        lambda old: _with(old, trader, None),
        base_of(if_match),
        action=Action.TRADER_DELETE,
        target=f"trader/{trader}",
    )
    return await _apply(ctx, response, wish)


async def _apply(ctx: Context, response: Response, wish: Wish) -> Receipt:
    outcome = await desk.change(ctx, wish)
    tag(response, outcome.version.generation)
    return desk.receipt(outcome)


@router.post("/traders/{trader}/start")
async def start(
    trader: TraderId, actor: Controller, ctx: Ctx, body: TraderAct | None = None
) -> Receipt:
    """Let it trade."""
    return await _act(ctx, actor, trader, "start", body)


@stopping.post("/traders/{trader}/pause")
async def pause(
    trader: TraderId, actor: Controller, ctx: Ctx, body: TraderAct | None = None
) -> Receipt:
    """No new entries; exits and protective orders go on."""
    return await _act(ctx, actor, trader, "pause", body)


@router.post("/traders/{trader}/resume")
async def resume(
    trader: TraderId, actor: Controller, ctx: Ctx, body: TraderAct | None = None
) -> Receipt:
    """Entries again."""
    return await _act(ctx, actor, trader, "resume", body)


@stopping.post("/traders/{trader}/stop")
async def stop(
    trader: TraderId, actor: Controller, ctx: Ctx, body: TraderAct | None = None
) -> Receipt:
    """Entries end, working orders are cancelled; the position is kept unless `close`."""
    return await _act(ctx, actor, trader, "stop", body)


@router.post("/traders/{trader}/restart")
async def restart(
    trader: TraderId, actor: Controller, ctx: Ctx, body: TraderAct | None = None
) -> Receipt:
    """A new strategy host with the memory it had."""
    return await _act(ctx, actor, trader, "restart", body)


async def _act(
    ctx: Context, actor: Actor, trader: str, verb: str, body: TraderAct | None
) -> Receipt:
    """Desired state first, so that it lasts; then the command, so that it is at once."""
    wanted, action = VERBS[verb]
    if all(item["id"] != trader for item in ctx.desired.document["traders"]):
        raise _missing(trader)
    said = body or TraderAct()
    changed = await _want(ctx, actor, trader, wanted, action, said.reason)
    args: dict[str, Any] = {"trader": trader}
    if verb == "stop":
        args["close"] = said.close
    command = commands.Command(
        f"trader.{verb}",
        args,
        actor.who(),
        action,
        f"trader/{trader}",
        said.reason,
        correlation="" if changed is None else changed.audit_id,
    )
    try:
        done = await commands.send(ctx, command)
    except TradedeckError as error:
        if changed is None or error.code not in (Code.UNAVAILABLE, Code.TIMEOUT) or said.close:
            raise
        detail = "The runner does not answer; it applies this as soon as it does."
        return changed.model_copy(update={"detail": detail})
    generation = None if changed is None else changed.generation
    return done.model_copy(update={"generation": generation})


async def _want(
    ctx: Context, actor: Actor, trader: str, wanted: str | None, action: Action, reason: str
) -> Receipt | None:
    """The receipt of a new version; None where the document says so already."""
    if wanted is None:
        return None
    wish = Wish(
        actor,
        lambda old: _with(old, trader, {"state": wanted}),
        None,
        reason,
        action=action,
        target=f"trader/{trader}",
    )
    try:
        outcome = await desk.change(ctx, wish)
    except TradedeckError as error:
        if wanted == "running" or error.code not in (Code.STORAGE, Code.UNAVAILABLE):
            raise
        # A full disk must not keep anybody from pausing: the command goes out all the same.
        log.warning("a stop was not kept in desired state", trader=trader, code=error.code)
        return None
    return desk.receipt(outcome) if outcome.changed else None
