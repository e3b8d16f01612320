"""What happened, newest first, in the entries themselves: for a timeline that reaches back."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from typing import Any, Final

import orjson
from sqlalchemy import select

from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.facts import Kind

# What a person calls an event; decisions, samples and acknowledgements are read elsewhere.
NOTEWORTHY: Final = (
    Kind.RUNNER_STARTED,
    Kind.RUNNER_STOPPED,
    Kind.MODE_VERDICT,
    Kind.CONFIG_APPLIED,
    Kind.CONFIG_REFUSED,
    Kind.TRADER_STATE,
    Kind.STRATEGY_SWAPPED,
    Kind.ORDER_DENIED,
    Kind.ORDER_REJECTED,
    Kind.ORDER_UNKNOWN,
    Kind.ORDER_CANCELLED,
    Kind.ORDER_EXPIRED,
    Kind.ORDER_REPLACED,
    Kind.ORDER_FILLED,
    Kind.LIMIT_BREACHED,
    Kind.HALT_SET,
    Kind.HALT_CLEARED,
    Kind.BREAKER_TRIPPED,
    Kind.BREAKER_RESET,
    Kind.FEED_STATE,
    Kind.HOST_KILLED,
    Kind.COMMAND_DONE,
    Kind.ALARM,
)


def page(
    session: ReadSession, kinds: Sequence[str], *, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Entries of `kinds` below `before`, and the cursor of the next page.

    Each kind is read for itself by its index: a rare one is found at once below a million others.
    """
    columns = t.entries.c
    ids: list[int] = []
    for kind in kinds:
        statement = select(columns.id).where(columns.kind == str(kind))
        if before is not None:
            statement = statement.where(columns.id < before)
        rows = session.all(statement.order_by(columns.id.desc()).limit(limit + 1))
        ids += [int(row["id"]) for row in rows]
    newest = nlargest(limit + 1, ids)
    shown = newest[:limit]
    rows = session.all(
        select(columns.id, columns.source, columns.at_ns, columns.kind, columns.body)
        .where(columns.id.in_(shown))
        .order_by(columns.id.desc())
    )
    items = [
        {
            "seq": row["id"],
            "at": format_ns(row["at_ns"]),
            "source": row["source"],
            "kind": row["kind"],
            "body": orjson.loads(row["body"]),
        }
        for row in rows
    ]
    return items, shown[-1] if len(newest) > limit else None
