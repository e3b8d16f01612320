"""Traders as they are: list, one, figures, chart, memory, and what one would do now."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from tradedeck.api import candles, drafts
from tradedeck.api.access import requires
from tradedeck.api.asking import ask
from tradedeck.api.context import Context, Ctx
from tradedeck.api.reading import Name, answer, not_found
from tradedeck.api.views import (
    MemoryView,
    Performance,
    SignalPreview,
    TraderBars,
    TraderList,
    TraderView,
)
from tradedeck.api.wire_config import DraftTrader, TraderPreview
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import format_ns, parse_ns
from tradedeck.marketdata.series import BarSeries
from tradedeck.readmodels import marks, performance
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.parts import mapping
from tradedeck.readmodels.status import Facts
from tradedeck.store.scope import MAIN
from tradedeck.store.sessions import ReadSession

router = APIRouter(tags=["traders"])
Reader = Annotated[Actor, requires(Permission.READ)]
POINTS_MAX = 2_000


@router.get("/traders", response_model=TraderList)
async def traders(actor: Reader, ctx: Ctx) -> Response:
    """Every trader: desired and observed."""
    return answer({"items": (await ctx.live.made.body())["traders"]})


async def _known(ctx: Context, trader: str) -> Facts:
    facts = await ctx.live.made.facts()
    if trader not in by_id(facts.document, "traders"):
        raise not_found("trader", trader)
    return facts


@router.get("/traders/{trader}", response_model=TraderView)
async def one_trader(trader: Name, actor: Reader, ctx: Ctx) -> Response:
    """One trader; the ETag is the generation that a change has to name."""
    facts = await _known(ctx, trader)
    listed: list[dict[str, Any]] = (await ctx.live.made.body())["traders"]
    found = next((item for item in listed if item["id"] == trader), None)
    if found is None:  # it was removed between the two reads
        raise not_found("trader", trader)
    response = answer(found)
    response.headers["etag"] = f'"{facts.generation}"'
    return response


@router.get("/traders/{trader}/performance", response_model=Performance)
async def trader_performance(trader: Name, actor: Reader, ctx: Ctx) -> Response:
    """Figures with their formulas."""
    await _known(ctx, trader)
    metrics = await ctx.store.read(lambda r: performance.of_trader(r, trader))
    return answer({"metrics": metrics, "disclaimer": performance.DISCLAIMER})


@router.get("/traders/{trader}/bars", response_model=TraderBars)
async def trader_bars(
    trader: Name,
    actor: Reader,
    ctx: Ctx,
    points: Annotated[int, Query(ge=2, le=POINTS_MAX)] = 400,
) -> Response:
    """Candles up to the trading clock, with signals, orders, refusals and fills on them."""
    facts = await _known(ctx, trader)
    listed: list[dict[str, Any]] = (await ctx.live.made.body())["feeds"]
    spec = by_id(facts.document, "traders")[trader]
    cursor = next((feed["cursor"] for feed in listed if feed["id"] == spec.get("feed")), None)
    series = await candles.of_trader(facts, spec, on_host=ctx.tenant == MAIN)
    until = None if cursor is None else parse_ns(cursor)
    read = partial(_chart, trader=trader, series=series, until_ns=until, points=points)
    return answer(await ctx.store.read(read))


def _chart(
    session: ReadSession,
    *,
    trader: str,
    series: BarSeries | None,
    until_ns: int | None,
    points: int,
) -> dict[str, Any]:
    since = marks.lap_start(session, trader)
    if series is None or until_ns is None:
        shown, origin = marks.prices(session, trader, points, since), "decisions"
    else:
        shown, origin = candles.bars(series, *candles.window(series, until_ns, points)), "feed"
    ends = [bar["end_ns"] for bar in shown]
    return {
        "bars": [{"time": format_ns(bar.pop("end_ns")), **bar} for bar in shown],
        "marks": marks.marks(session, trader, ends, since),
        "origin": origin,
    }


@router.get("/traders/{trader}/memory", response_model=MemoryView)
async def trader_memory(trader: Name, actor: Reader, ctx: Ctx) -> Response:
    """What the strategy remembers, from the runner's journal."""
    await _known(ctx, trader)
    found = mapping(await ask(ctx, actor, "memory.get", {"trader": trader}))
    return answer(
        {
            "trader": trader,
            "strategy": found.get("strategy"),
            "memory": dict(mapping(found.get("memory"))),
        }
    )


@router.get("/traders/{trader}/signal", response_model=SignalPreview)
async def trader_signal(trader: Name, actor: Reader, ctx: Ctx) -> Response:
    """What it would do now, on its last bar; nothing is sent and nothing is remembered."""
    await _known(ctx, trader)
    reply = mapping(await ask(ctx, actor, "signals.preview", {"trader": trader}))
    return answer({"trader": trader, **drafts.signal_of(reply)})


@router.post("/traders/preview")
async def preview_trader(draft: DraftTrader, actor: Reader, ctx: Ctx) -> TraderPreview:
    """What a draft would do and change: faults at their fields, parameters in full, the first
    signal with every limit it would meet. Nothing is sent or kept.
    """
    return await drafts.preview(ctx, actor, draft)
