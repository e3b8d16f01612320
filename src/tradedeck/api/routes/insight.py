"""What explains an account: its orders over time, the market it is in, what happened before."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from tradedeck.api import candles
from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.reading import CURSOR_MAX, Cursor, Limit, Name, answer, not_found
from tradedeck.api.views_insight import EventPage, Execution, RegimeView
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import format_ns, parse_ns
from tradedeck.marketdata import regime
from tradedeck.readmodels import execution, history
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.status import Facts
from tradedeck.store.scope import MAIN

router = APIRouter(tags=["insight"])
Reader = Annotated[Actor, requires(Permission.READ)]
REGIME_BARS_MAX: Final = 5_000
_KINDS: Final = "|".join(kind.value.replace(".", "[.]") for kind in history.NOTEWORTHY)


def _known(facts: Facts, account: str) -> None:
    if account not in by_id(facts.document, "accounts") and account not in facts.accounts:
        raise not_found("account", account)


@router.get("/accounts/{account}/execution", response_model=Execution)
async def account_execution(
    account: Name, actor: Reader, ctx: Ctx, points: Annotated[int, Query(ge=2, le=500)] = 120
) -> Response:
    """Orders along the trading clock, what became of them, how fast and how dear they were."""
    _known(await ctx.live.made.facts(), account)
    read = partial(execution.throughput, account=account, points=points, now_ns=ctx.clock.now_ns())
    return answer({"account": account, **await ctx.store.read(read)})


@router.get("/accounts/{account}/regime", response_model=RegimeView)
async def account_regime(account: Name, actor: Reader, ctx: Ctx) -> Response:
    """Rising, falling or turbulent: spans over the newest bars of what the account trades."""
    facts = await ctx.live.made.facts()
    _known(facts, account)
    cursors = {feed["id"]: feed["cursor"] for feed in (await ctx.live.made.body())["feeds"]}
    specs = {
        spec["instrument"]: spec
        for spec in by_id(facts.document, "traders").values()
        if spec.get("account") == account and cursors.get(spec.get("feed")) is not None
    }
    read = {
        symbol: await candles.of_trader(facts, spec, on_host=ctx.tenant == MAIN)
        for symbol, spec in specs.items()
    }
    series = [
        (found, parse_ns(cursors[specs[symbol]["feed"]]))
        for symbol, found in read.items()
        if found is not None
    ]
    spans = await asyncio.to_thread(regime.spans, series, REGIME_BARS_MAX)
    return answer(
        {
            "account": account,
            "instruments": sorted(bars.instrument for bars, _ in series),
            "spans": [
                {
                    "start": format_ns(span.start_ns),
                    "end": format_ns(span.end_ns),
                    "regime": span.regime.value,
                }
                for span in spans
            ],
            "formula": regime.FORMULA,
        }
    )


@router.get("/events/history", response_model=EventPage)
async def event_history(
    actor: Reader,
    ctx: Ctx,
    kind: Annotated[
        str | None,
        Query(
            pattern=f"^({_KINDS})(,({_KINDS}))*$",
            max_length=600,
            description="One or several kinds; without it, all that a person calls an event.",
        ),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """What happened, newest first; `seq` is the one of the stream."""
    kinds = tuple(history.NOTEWORTHY) if kind is None else tuple(sorted(set(kind.split(","))))
    before = None if cursor is None else min(int(cursor), CURSOR_MAX)
    items, following = await ctx.store.read(
        lambda r: history.page(r, kinds, before=before, limit=limit)
    )
    return answer({"items": items, "next_cursor": None if following is None else str(following)})
