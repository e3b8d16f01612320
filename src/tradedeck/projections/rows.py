"""What each kind of entry does to the tables. One small function per kind, no I/O.

A handler may raise KeyError, TypeError, ValueError or ArithmeticError on a body it cannot read;
the caller turns that into an alarm and keeps the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import orjson

from tradedeck.kernel import canonical
from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.projections.alerts import Draft, alert_of
from tradedeck.projections.book import Book
from tradedeck.projections.fills import filled
from tradedeck.projections.observed import OBSERVED, trader_row
from tradedeck.projections.stop import STOP
from tradedeck.projections.types import Event, Row
from tradedeck.trading.facts import Kind

Body = dict[str, Any]
Handler = Callable[[Book, Event, Body], None]
DETAIL_LETTERS_MAX = 2_000

_ORDER_COLUMNS = frozenset(column.name for column in t.orders.columns)
# Where an order stands in its life; a late acknowledgement never takes it back.
_LATE = frozenset({"PARTIALLY_FILLED", "FILLED", "CANCELLED", "REJECTED", "EXPIRED", "DENIED"})


def project(book: Book, event: Event) -> None:
    """Apply one committed entry to the book."""
    body = cast("Body", orjson.loads(event.body))
    handler = HANDLERS.get(event.kind)
    if handler is not None:
        handler(book, event, body)
    draft = alert_of(event.kind, body)
    if draft is not None:
        raise_alert(book, event, draft)


def number_text(value: object) -> str:
    """A figure as plain decimal text; runners send exact text, or floats where it is a gauge."""
    if isinstance(value, Decimal):
        return canonical.decimal_text(value)
    return canonical.decimal_text(Decimal(value if isinstance(value, str) else repr(value)))


def raise_alert(book: Book, event: Event, draft: Draft) -> None:
    """Put an alert on the list, or count it on the one that is open."""
    book.alert(
        draft.code,
        draft.subject,
        lambda: {
            "id": event.id,
            "code": draft.code,
            "subject": draft.subject,
            "detail": draft.detail[:DETAIL_LETTERS_MAX],
            "severity": draft.severity,
            "at_ns": event.at_ns,
            "last_ns": event.at_ns,
            "count": 1,
            "acknowledged_ns": None,
            "acknowledged_by": None,
            "note": None,
        },
    )


def _place(book: Book, event: Event, body: Body) -> None:
    """order.intent, order.denied: the order comes whole."""
    order = cast("Body", body["order"])
    row = _order(book, event, order)
    if event.kind == Kind.ORDER_DENIED:
        row["status"] = "DENIED"
    _say(row, body)
    trader = book.get(t.traders_observed, order["trader"])
    planned: dict[str, str] = orjson.loads((trader or {}).get("planned") or "{}")
    if order["id"] in planned:
        row["planned_stop"] = planned[order["id"]]
    _step(book, event, row)


def _order(book: Book, event: Event, order: Body) -> Row:
    """The row of an order that came whole, as the runner had it at that entry."""
    row = book.put(
        t.orders,
        (order["id"],),
        **{name: value for name, value in order.items() if name in _ORDER_COLUMNS and name != "id"},
    )
    if row.get("event") is None:
        row["event"] = event.id
    return row


def _known(book: Book, event: Event, body: Body) -> tuple[Row, bool]:
    """The row of the order an entry is about, and whether the entry carried it whole."""
    order: Any = body["order"]
    if isinstance(order, dict):
        return _order(book, event, cast("Body", order)), True
    row = book.edit(t.orders, str(order))
    if row is None:
        raise KeyError(f"order {order} was never announced")
    return row, False


def _say(row: Row, body: Body) -> None:
    if body.get("reason"):
        row["reason"] = str(body["reason"])
    if body.get("numbers") is not None:
        row["numbers"] = canonical.encode(body["numbers"]).decode()


def _step(book: Book, event: Event, row: Row) -> None:
    row["updated_event"], row["updated_ns"] = event.id, event.at_ns
    book.add(t.order_steps, order=row["id"], event=event.id)


def _moved(status: str, *, late: bool = False) -> Handler:
    """An entry that moves an order; `late`: it loses against an outcome that is already known."""

    def handler(book: Book, event: Event, body: Body) -> None:
        row, whole = _known(book, event, body)
        if not whole and not (late and row["status"] in _LATE):
            row["status"] = status
        _say(row, body)
        if body.get("venue_order") is not None:
            row["venue_order"] = str(body["venue_order"])
        if status == "ACCEPTED" and row["acked_at_ns"] is None:
            row["acked_at_ns"] = event.at_ns
        _step(book, event, row)

    return handler


def _noted(book: Book, event: Event, body: Body) -> None:
    """order.cancel_requested: part of its life, no change of state."""
    row, _ = _known(book, event, body)
    _step(book, event, row)


def _replaced(book: Book, event: Event, body: Body) -> None:
    row, _ = _known(book, event, body)
    for name in ("quantity", "limit_price", "stop_price"):
        if body.get(name) is not None:
            row[name] = str(body[name])
    _step(book, event, row)


def _filled(book: Book, event: Event, body: Body) -> None:
    whole = isinstance(body.get("order"), dict)
    if whole:
        row: Row | None = _order(book, event, cast("Body", body["order"]))
    else:
        row = book.edit(t.orders, body["fill"]["order"])
    filled(book, event, body, row, grown=whole)
    if row is not None:
        row["status"] = body.get("status", row["status"])
        _step(book, event, row)


def _decision(book: Book, event: Event, body: Body) -> None:
    signal = cast("Body | None", body.get("signal"))
    book.add(
        t.decisions,
        event=event.id,
        trader=body["trader"],
        instrument=body["instrument"],
        time_ns=body["time_ns"],
        at_ns=event.at_ns,
        price=float(body["price"]),
        verdict=body.get("verdict", "none"),
        signalled=signal is not None,
        body=event.body,
    )
    row = trader_row(book, event, body["trader"])
    row["account"] = body.get("account") or row["account"]
    row["strategy"] = body.get("strategy") or row["strategy"]
    stop = signal.get("stop") if signal else None
    if stop is None:
        return
    planned: dict[str, str] = {}
    for name in body.get("orders") or ():
        order = book.edit(t.orders, name)
        if order is None:
            planned[name] = str(stop)
        else:
            order["planned_stop"] = str(stop)
    row["planned"] = canonical.encode(planned).decode()


def _equity(book: Book, event: Event, body: Body) -> None:
    book.add(
        t.equity,
        event=event.id,
        account=body["account"],
        time_ns=body["time_ns"],
        at_ns=event.at_ns,
        equity=body["equity"],
        balance=body["balance"],
        drawdown=number_text(body.get("drawdown") or 0),
    )
    row = book.put(
        t.accounts_observed, (body["account"],), at_ns=event.at_ns, time_ns=body["time_ns"]
    )
    for name in (
        "equity",
        "balance",
        "unrealised",
        "realised",
        "fees",
        "exposure",
        "day_pnl",
        "drawdown",
    ):
        if body.get(name) is not None:
            row[name] = number_text(body[name])
    row["reasons"] = row.get("reasons") or "[]"
    worst = max(
        Decimal(row.get("max_drawdown") or "0"),
        Decimal(row.get("drawdown") or "0"),
        Decimal(number_text(body.get("max_drawdown") or 0)),
    )
    row["max_drawdown"] = canonical.decimal_text(worst)
    day = format_ns(body["time_ns"])[:10]
    for name, marks in cast("dict[str, Body]", body.get("traders") or {}).items():
        _marked(trader_row(book, event, name), marks, day, Decimal(body["equity"]))


def _marked(row: Row, marks: Body, day: str, equity: Decimal) -> None:
    """A trader's P&L net of fees, its best so far and how much of it was given back."""
    fees = Decimal(number_text(marks.get("fees") or 0))
    realised = Decimal(number_text(marks["realised"])) - fees
    unrealised = Decimal(number_text(marks["unrealised"]))
    total = realised + unrealised
    row["realised"] = canonical.decimal_text(realised)
    row["unrealised"] = canonical.decimal_text(unrealised)
    if row["peak"] is None or total > Decimal(row["peak"]):
        row["peak"] = canonical.decimal_text(total)
        row["peak_equity"] = canonical.decimal_text(equity)
    base = Decimal(row["peak_equity"] or "0")
    given_back = Decimal(row["peak"]) - total
    share = (given_back / base).quantize(Decimal("0.000001")) if base > 0 else Decimal(0)
    row["drawdown"] = number_text(marks.get("drawdown", share))
    if row["day"] != day:
        row["day"], row["day_start"] = day, canonical.decimal_text(total)
    row["day_pnl"] = number_text(marks.get("day_pnl", total - Decimal(row["day_start"])))


HANDLERS: dict[str, Handler] = {
    Kind.ORDER_INTENT: _place,
    Kind.ORDER_DENIED: _place,
    Kind.ORDER_ACCEPTED: _moved("ACCEPTED", late=True),
    Kind.ORDER_REJECTED: _moved("REJECTED"),
    Kind.ORDER_UNKNOWN: _moved("UNKNOWN"),
    Kind.ORDER_CANCEL_REQUESTED: _noted,
    Kind.ORDER_CANCELLED: _moved("CANCELLED"),
    Kind.ORDER_EXPIRED: _moved("EXPIRED"),
    Kind.ORDER_REPLACED: _replaced,
    Kind.ORDER_FILLED: _filled,
    Kind.DECISION: _decision,
    Kind.EQUITY: _equity,
    **OBSERVED,
    **STOP,
}
