"""How orders went: how many in each stretch of time, what became of them, how fast and how dear."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, select

from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.equity import lap_start
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.order import TERMINAL, Status

ORDERS_MAX: Final = 20_000  # the newest; older ones are in the book
SAMPLE: Final = 500  # newest orders that speed and slippage are taken of
MINUTE_NS: Final = 60 * NS_PER_S
_FILLED: Final = frozenset({Status.FILLED, Status.PARTIALLY_FILLED})
_REFUSED: Final = frozenset({Status.DENIED, Status.REJECTED})
_BP: Final = 10_000


def throughput(session: ReadSession, account: str, *, points: int, now_ns: int) -> dict[str, Any]:
    """Orders of the running lap in at most `points` stretches of the trading clock.

    `latency_ms` are from sent to acknowledged; `slippage_bp` is (filled - decided) / decided,
    weighted by value, plus being a cost. Both are null without an order to take them of.
    """
    where = _newest(session, account)
    columns = t.orders.c
    ends = session.first(
        select(
            func.min(columns.created_ns).label("first"), func.max(columns.created_ns).label("last")
        ).where(where)
    )
    counts: dict[int, dict[str, int]] = {}
    first, width = 0, 1
    if ends is not None and ends["first"] is not None:
        first = int(ends["first"])
        width = (int(ends["last"]) - first) // points + 1
        bucket = ((columns.created_ns - first) // width).label("bucket")
        rows = session.all(
            select(bucket, columns.status, func.count().label("count"))
            .where(where)
            .group_by(bucket, columns.status)
            .order_by(bucket)
        )
        for row in rows:
            found = counts.setdefault(int(row["bucket"]), {"filled": 0, "refused": 0, "other": 0})
            found[_group(row["status"])] += int(row["count"])
    totals = {
        name: sum(each[name] for each in counts.values()) for name in ("filled", "refused", "other")
    }
    return {
        "width_s": width / NS_PER_S,
        "buckets": [
            {"time": format_ns(first + number * width), **found} for number, found in counts.items()
        ],
        "orders": sum(totals.values()),
        "filled": totals["filled"],
        "refused": totals["refused"],
        **_now(session, account, where, now_ns),
        **_latency(session, where),
        "slippage_bp": _slippage(session, where),
    }


def _newest(session: ReadSession, account: str) -> ColumnElement[bool]:
    columns = t.orders.c
    floor = session.scalar(
        select(columns.event)
        .where(columns.account == account)
        .order_by(columns.event.desc())
        .offset(ORDERS_MAX)
        .limit(1)
    )
    since = max(lap_start(session, account), int(floor or 0))
    return and_(columns.account == account, columns.event > since)


def _group(status: str) -> str:
    if status in _FILLED:
        return "filled"
    return "refused" if status in _REFUSED else "other"


def _now(
    session: ReadSession, account: str, where: ColumnElement[bool], now_ns: int
) -> dict[str, int]:
    """What works, and what was sent within the last minute of the wall clock."""
    columns = t.orders.c
    open_states = [status.value for status in Status if status not in TERMINAL]
    working = select(func.count()).where(
        columns.account == account, columns.status.in_(open_states)
    )
    sent = select(func.count()).where(where, columns.sent_at_ns > now_ns - MINUTE_NS)
    return {
        "working": int(session.scalar(working) or 0),
        "last_minute": int(session.scalar(sent) or 0),
    }


def _latency(session: ReadSession, where: ColumnElement[bool]) -> dict[str, float | None]:
    columns = t.orders.c
    rows = session.all(
        select((columns.acked_at_ns - columns.sent_at_ns).label("ns"))
        .where(where, columns.acked_at_ns.is_not(None), columns.sent_at_ns.is_not(None))
        .order_by(columns.event.desc())
        .limit(SAMPLE)
    )
    taken = sorted(int(row["ns"]) / 1e6 for row in rows)

    def share(part: float) -> float | None:
        return taken[min(len(taken) - 1, int(part * len(taken)))] if taken else None

    return {"latency_ms_p50": share(0.5), "latency_ms_p95": share(0.95)}


def _slippage(session: ReadSession, where: ColumnElement[bool]) -> float | None:
    columns = t.orders.c
    rows = session.all(
        select(columns.side, columns.filled, columns.decision_price, columns.average_price)
        .where(where, columns.decision_price.is_not(None), columns.average_price.is_not(None))
        .order_by(columns.event.desc())
        .limit(SAMPLE)
    )
    cost, value = Decimal(0), Decimal(0)
    for row in rows:
        units, wanted = Decimal(row["filled"]), Decimal(row["decision_price"])
        lost = (Decimal(row["average_price"]) - wanted) * units
        cost += lost if row["side"] == "BUY" else -lost
        value += abs(wanted * units)
    return float(cost / value * _BP) if value else None
