"""Orders, executions, the ledger, round trips, decisions: pages and files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from tradedeck.api import export
from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.reading import (
    Cursor,
    From,
    Limit,
    Name,
    NameFilter,
    To,
    answer,
    found,
    listed,
    query,
)
from tradedeck.api.views import (
    DecisionPage,
    FillPage,
    LedgerPage,
    OrderDetail,
    OrderPage,
    TradePage,
)
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.readmodels import lists
from tradedeck.readmodels.orders import life_cycle
from tradedeck.trading.order import TERMINAL, Status

router = APIRouter(tags=["orders"])
Reader = Annotated[Actor, requires(Permission.READ)]
Form = Annotated[export.Format, Query(alias="format")]
_OPEN = "open"
StatusFilter = Annotated[
    str | None,
    Query(
        pattern=f"^({_OPEN}|{'|'.join(Status)})(,({_OPEN}|{'|'.join(Status)}))*$",
        max_length=200,
        description="One or several states, or `open`: all that can still change.",
    ),
]


def _statuses(text: str | None) -> list[str]:
    if text is None:
        return []
    names: list[str] = []
    for name in text.split(","):
        names += (
            [status.value for status in Status if status not in TERMINAL]
            if name == _OPEN
            else [name]
        )
    return sorted(set(names))


@router.get("/orders", response_model=OrderPage, responses=export.RESPONSES)
async def orders(
    actor: Reader,
    ctx: Ctx,
    trader: NameFilter = None,
    account: NameFilter = None,
    instrument: NameFilter = None,
    status: StatusFilter = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    form: Form = export.Format.JSON,
) -> Response:
    """Orders, newest first; refused ones are among them as DENIED."""
    wanted = query(
        from_=from_,
        to=to,
        one_of={"status": _statuses(status)},
        trader=trader,
        account=account,
        instrument=instrument,
    )
    return await listed(
        ctx, actor, lists.ORDERS, wanted, cursor=cursor, limit=limit, form=form, name="orders"
    )


@router.get("/orders/{order}", response_model=OrderDetail)
async def order_detail(order: Name, actor: Reader, ctx: Ctx) -> Response:
    """The life of an order: every entry, every execution, and why it was made."""
    return answer(found(await ctx.store.read(lambda r: life_cycle(r, order)), "order", order))


@router.get("/fills", response_model=FillPage, responses=export.RESPONSES)
async def fills(
    actor: Reader,
    ctx: Ctx,
    trader: NameFilter = None,
    account: NameFilter = None,
    instrument: NameFilter = None,
    order: NameFilter = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    form: Form = export.Format.JSON,
) -> Response:
    """Executions, newest first."""
    wanted = query(
        from_=from_, to=to, trader=trader, account=account, instrument=instrument, order=order
    )
    return await listed(
        ctx, actor, lists.FILLS, wanted, cursor=cursor, limit=limit, form=form, name="fills"
    )


@router.get("/ledger", response_model=LedgerPage, responses=export.RESPONSES)
async def ledger(
    actor: Reader,
    ctx: Ctx,
    account: NameFilter = None,
    ledger: NameFilter = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    form: Form = export.Format.JSON,
) -> Response:
    """Postings of the double entry, newest first."""
    wanted = query(from_=from_, to=to, account=account, ledger=ledger)
    return await listed(
        ctx, actor, lists.LEDGER, wanted, cursor=cursor, limit=limit, form=form, name="ledger"
    )


@router.get("/trades", response_model=TradePage, responses=export.RESPONSES)
async def trades(
    actor: Reader,
    ctx: Ctx,
    trader: NameFilter = None,
    account: NameFilter = None,
    instrument: NameFilter = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    form: Form = export.Format.JSON,
) -> Response:
    """Round trips, newest first; net of every fee."""
    wanted = query(from_=from_, to=to, trader=trader, account=account, instrument=instrument)
    return await listed(
        ctx, actor, lists.TRADES, wanted, cursor=cursor, limit=limit, form=form, name="trades"
    )


@router.get("/decisions", response_model=DecisionPage)
async def decisions(
    actor: Reader,
    ctx: Ctx,
    trader: NameFilter = None,
    from_: From = None,
    to: To = None,
    verdict: Annotated[str | None, Query(pattern="^(none|held|allowed|denied|mixed)$")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Why it did (not) trade: inputs, signal, verdict and every limit, newest first."""
    wanted = query(from_=from_, to=to, trader=trader, verdict=verdict)
    return await listed(
        ctx,
        actor,
        lists.DECISIONS,
        wanted,
        cursor=cursor,
        limit=limit,
        form=export.Format.JSON,
        name="decisions",
    )


@router.get("/signals", response_model=DecisionPage)
async def signals(
    actor: Reader,
    ctx: Ctx,
    trader: NameFilter = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Decisions in which a strategy wanted something, newest first."""
    wanted = query(from_=from_, to=to, trader=trader, signalled=True)
    return await listed(
        ctx,
        actor,
        lists.DECISIONS,
        wanted,
        cursor=cursor,
        limit=limit,
        form=export.Format.JSON,
        name="signals",
    )
