"""What an execution does to the tables: fill, order, position, postings, round trip.

Postings of an `order.filled` are a double entry: those of `cash` add up to the change of balance,
those under `expense.` are its costs.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import orjson

from tradedeck.kernel import canonical
from tradedeck.kernel.canonical import decimal_text
from tradedeck.projections import tables as t
from tradedeck.projections.book import Book
from tradedeck.projections.trades import Execution, OpenTrade
from tradedeck.projections.trades import book as book_trade
from tradedeck.projections.types import Event, Row
from tradedeck.trading.money import ZERO

CASH = "cash"
EXPENSE = "expense."
_PRICE = Decimal("0.00000001")
_FILL_COLUMNS = frozenset(column.name for column in t.fills.columns)
_POSITION_COLUMNS = frozenset(column.name for column in t.positions.columns)


def filled(
    book: Book, event: Event, body: dict[str, Any], order: Row | None, *, grown: bool
) -> None:
    """order.filled, whole.

    Args:
        book: rows.
        event: the entry.
        body: its body.
        order: the row of its order.
        grown: the order's own figures came with the entry and hold this fill already.
    """
    fill = cast("dict[str, Any]", body["fill"])
    balance = str(body["balance"])
    kept = {name: value for name, value in fill.items() if name in _FILL_COLUMNS}
    kept.update(
        event=event.id,
        balance=balance,
        at_ns=fill.get("at_ns") or event.at_ns,
        decision_price=order["decision_price"] if order else None,
    )
    book.add(t.fills, **kept)
    postings = cast("list[dict[str, Any]]", body.get("postings") or [])
    for line, posting in enumerate(postings):
        book.add(
            t.ledger,
            event=event.id,
            line=line,
            account=fill["account"],
            ledger=posting["ledger"],
            amount=str(posting["amount"]),
            currency=posting["currency"],
            ref=str(posting.get("ref") or fill["id"]),
            time_ns=fill["time_ns"],
            at_ns=event.at_ns,
            balance=balance,
        )
    _position(book, event, cast("dict[str, Any]", body["position"]))
    account = book.put(t.accounts_observed, (fill["account"],), balance=balance, at_ns=event.at_ns)
    account["reasons"] = account.get("reasons") or "[]"
    if order is not None and not grown:
        _grow(order, fill)
    _trip(book, event, body, order)


def _position(book: Book, event: Event, position: dict[str, Any]) -> None:
    key = (position["account"], position["instrument"])
    row = book.put(
        t.positions,
        key,
        event=event.id,
        **{
            name: value
            for name, value in position.items()
            if name in _POSITION_COLUMNS and name not in {"account", "instrument"}
        },
    )
    row["cost"] = row.get("cost") or "0"


def _grow(order: Row, fill: dict[str, Any]) -> None:
    """Filled quantity and average price of the order, from its fills."""
    before, quantity = Decimal(order["filled"] or "0"), Decimal(fill["quantity"])
    value = before * Decimal(order["average_price"] or "0") + quantity * Decimal(fill["price"])
    total = before + quantity
    order["filled"] = decimal_text(total)
    order["average_price"] = decimal_text((value / total).quantize(_PRICE))


def _trip(book: Book, event: Event, body: dict[str, Any], order: Row | None) -> None:
    fill = cast("dict[str, Any]", body["fill"])
    postings = cast("list[dict[str, Any]]", body.get("postings") or [])
    key = (fill["account"], fill["instrument"])
    stored = book.get(t.open_trades, *key)
    trip = OpenTrade.from_json(orjson.loads(stored["state"])) if stored else None
    cash = sum((Decimal(p["amount"]) for p in postings if p["ledger"] == CASH), ZERO)
    costs = sum((Decimal(p["amount"]) for p in postings if p["ledger"].startswith(EXPENSE)), ZERO)
    quantity = Decimal(fill["quantity"])
    stop = order["planned_stop"] if order else None
    trip, closed = book_trade(
        trip,
        Execution(
            account=fill["account"],
            trader=fill["trader"],
            strategy=order["strategy"] if order else "",
            instrument=fill["instrument"],
            signed=quantity if fill["side"] == "BUY" else -quantity,
            price=Decimal(fill["price"]),
            realised=cash + costs,
            fee=costs,
            time_ns=fill["time_ns"],
            balance=Decimal(body["balance"]),
            stop=None if stop is None else Decimal(stop),
            # Entries of before it was journaled are of instruments that have none.
            multiplier=Decimal(body["position"].get("multiplier") or 1),
        ),
    )
    if closed is not None:
        book.add(t.trades, event=event.id, **closed)
    if trip is None:
        book.delete(t.open_trades, *key)
    else:
        book.put(t.open_trades, key, state=canonical.encode(trip.to_json()).decode())
