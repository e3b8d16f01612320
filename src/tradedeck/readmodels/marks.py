"""What a trader did along its bars: signals, orders, refusals, fills; and prices it decided on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import orjson
from sqlalchemy import select

from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.parts import sequence
from tradedeck.store.sessions import ReadSession

_BAR: Final = ("open", "high", "low", "close", "volume")
MARKS_MAX: Final = 2_000  # per kind


def marks(
    session: ReadSession, trader: str, ends: Sequence[int], since_event: int
) -> list[dict[str, Any]]:
    """Marks on bars that close at `ends`; each on the first bar that closes at or after it.

    Args:
        session: of the store.
        trader: whose.
        ends: closes of the bars on the chart, ascending.
        since_event: what happened before is of an earlier lap of a replay.
    """
    if not ends:
        return []
    raw = [
        *_signals(session, trader, ends[0], since_event),
        *_orders(session, trader, ends[0], since_event),
        *_fills(session, trader, ends[0], since_event),
    ]
    found: list[dict[str, Any]] = []
    for mark in raw:
        index = bisect_left(ends, mark.pop("time_ns"))
        found.append({"time": format_ns(ends[min(index, len(ends) - 1)]), **mark})
    return sorted(found, key=lambda mark: (mark["time"], mark["seq"]))


def lap_start(session: ReadSession, trader: str) -> int:
    """The event after which the trading clock has only risen: a looping replay begins again."""
    columns = t.decisions.c
    rows = session.all(
        select(columns.event, columns.time_ns)
        .where(columns.trader == trader)
        .order_by(columns.event.desc())
        .limit(5_000)
    )
    for newer, older in pairwise(rows):
        if older["time_ns"] > newer["time_ns"]:
            return int(older["event"])
    return 0


def prices(
    session: ReadSession, trader: str, points: int, since_event: int
) -> list[dict[str, Any]]:
    """The bars of the newest decisions; without a range where only a price is known."""
    columns = t.decisions.c
    rows = session.all(
        select(columns.time_ns, columns.price, columns.body)
        .where(columns.trader == trader, columns.event > since_event)
        .order_by(columns.event.desc())
        .limit(points)
    )
    return [
        {"end_ns": row["time_ns"], **_bar(orjson.loads(row["body"]).get("bar"), row["price"])}
        for row in reversed(rows)
    ]


def _bar(bar: Any, price: float) -> dict[str, Any]:
    values = sequence(bar)
    if len(values) != len(_BAR):
        values = [price] * (len(_BAR) - 1) + [None]
    return dict(zip(_BAR, values, strict=True))


def _signals(session: ReadSession, trader: str, first_ns: int, since: int) -> list[dict[str, Any]]:
    columns = t.decisions.c
    rows = session.all(
        select(columns.event, columns.time_ns, columns.body)
        .where(
            columns.trader == trader,
            columns.signalled.is_(True),
            columns.time_ns >= first_ns,
            columns.event > since,
        )
        .order_by(columns.event.desc())
        .limit(MARKS_MAX)
    )
    return [_signal(row["event"], row["time_ns"], orjson.loads(row["body"])) for row in rows]


def _signal(event: int, time_ns: int, body: dict[str, Any]) -> dict[str, Any]:
    signal = body["signal"]
    target = float(signal.get("target") or 0)
    side = "BUY" if target > 0 else "SELL" if target < 0 else None
    return {
        "time_ns": time_ns,
        "kind": "signal",
        "side": side,
        "price": str(body["price"]),
        "quantity": None,
        "order": None,
        "label": str(signal.get("reason") or ""),
        "seq": event,
    }


def _orders(session: ReadSession, trader: str, first_ns: int, since: int) -> list[dict[str, Any]]:
    columns = t.orders.c
    rows = session.all(
        select(t.orders)
        .where(columns.trader == trader, columns.created_ns >= first_ns, columns.event > since)
        .order_by(columns.event.desc())
        .limit(MARKS_MAX)
    )
    return [
        {
            "time_ns": row["created_ns"],
            "kind": "denied" if row["status"] == "DENIED" else "order",
            "side": row["side"],
            "price": row["limit_price"] or row["stop_price"] or row["decision_price"],
            "quantity": row["quantity"],
            "order": row["id"],
            "label": row["reason"] or row["type"],
            "seq": row["event"],
        }
        for row in rows
    ]


def _fills(session: ReadSession, trader: str, first_ns: int, since: int) -> list[dict[str, Any]]:
    columns = t.fills.c
    rows = session.all(
        select(t.fills)
        .where(columns.trader == trader, columns.time_ns >= first_ns, columns.event > since)
        .order_by(columns.event.desc())
        .limit(MARKS_MAX)
    )
    return [
        {
            "time_ns": row["time_ns"],
            "kind": "fill",
            "side": row["side"],
            "price": row["price"],
            "quantity": row["quantity"],
            "order": row["order"],
            "label": "",
            "seq": row["event"],
        }
        for row in rows
    ]
