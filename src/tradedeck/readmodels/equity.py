"""An account's equity as a curve of at most so many points, peaks and troughs kept.

Rows are put into buckets by their order, and of each bucket the lowest and the highest are kept:
a drawdown never disappears between two points, whatever the width of the screen.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, Integer, and_, cast, func, select

from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.store.sessions import ReadSession


def curve(
    session: ReadSession, account: str, *, points: int, from_ns: int | None, to_ns: int | None
) -> list[dict[str, Any]]:
    """Samples oldest first; every one when there are no more than `points`.

    Of a replay that began again only the running lap: a curve has one value at a time.
    """
    columns = t.equity.c
    where = [columns.account == account, columns.event > lap_start(session, account)]
    if from_ns is not None:
        where.append(columns.time_ns >= from_ns)
    if to_ns is not None:
        where.append(columns.time_ns < to_ns)
    count = int(session.scalar(select(func.count()).where(and_(*where))) or 0)
    chosen = select(columns.event).where(and_(*where))
    if count > points:
        # Two of each bucket, so half as many buckets; the newest sample is always one of them.
        buckets = max(1, points // 2)
        rank = func.row_number().over(order_by=columns.event) - 1
        inner = (
            select(
                columns.event,
                cast(columns.equity, Float).label("value"),
                cast(rank * buckets / count, Integer).label("bucket"),
            )
            .where(and_(*where))
            .subquery()
        )
        low = (
            func.row_number()
            .over(partition_by=inner.c.bucket, order_by=[inner.c.value, inner.c.event])
            .label("low")
        )
        high = (
            func.row_number()
            .over(
                partition_by=inner.c.bucket, order_by=[inner.c.value.desc(), inner.c.event.desc()]
            )
            .label("high")
        )
        ranked = select(inner.c.event, low, high).subquery()
        chosen = select(ranked.c.event).where((ranked.c.low == 1) | (ranked.c.high == 1))
    rows = session.all(
        select(
            columns.event,
            columns.time_ns,
            columns.at_ns,
            columns.equity,
            columns.balance,
            columns.drawdown,
        )
        .where(columns.event.in_(chosen))
        .order_by(columns.event)
    )
    return [
        {
            "time": format_ns(row["time_ns"]),
            "at": format_ns(row["at_ns"]),
            "equity": float(row["equity"]),
            "balance": float(row["balance"]),
            "drawdown": float(row["drawdown"]),
        }
        for row in rows
    ]


def lap_start(session: ReadSession, account: str) -> int:
    """The last sample of an earlier lap of a replay, 0 in the first: it is later than the newest.

    True except on the last bar of a lap, when the laps before are seen once more.
    """
    columns = t.equity.c
    newest = (
        select(columns.time_ns)
        .where(columns.account == account)
        .order_by(columns.event.desc())
        .limit(1)
        .scalar_subquery()
    )
    return int(
        session.scalar(
            select(func.max(columns.event)).where(
                columns.account == account, columns.time_ns > newest
            )
        )
        or 0
    )
