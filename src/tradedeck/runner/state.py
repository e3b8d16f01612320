"""Rows beside the journal: the book and the traders as of the last committed turn.

They are written in the transaction of the entries that caused them, so starting and recovering are
one code: read the rows, ask the venue what came after.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

from tradedeck.engine.account import AccountEngine
from tradedeck.engine.slot import Slot
from tradedeck.execution.book import SENT_MAX, Book
from tradedeck.journal.log import Journal
from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.order import Order, Side
from tradedeck.trading.position import Position


def save_account(journal: Journal, engine: AccountEngine) -> None:
    """Stage the account's row; open orders have rows of their own."""
    book = engine.book
    journal.put(
        f"book/{book.account}",
        {
            "currency": book.currency,
            "balance": decimal_text(book.balance),
            "fees": decimal_text(book.fees),
            "realised": decimal_text(book.realised),
            "positions": [
                position.to_body(book.instruments[symbol].multiplier)
                for symbol, position in book.positions.items()
            ],
            "marks": book.marks,
            "fills": book.fills,
            "engine": engine.dump(),
        },
    )
    if book.sends_moved:  # a row of its own: it is long, and most turns leave it as it is
        book.sends_moved = False
        journal.put(
            f"sends/{book.account}",
            {
                "sent_ns": list(book.sent_ns)[-1_000:],
                "own_sent": {name: list(own)[-1_000:] for name, own in book.own_sent.items()},
                "recent": [
                    [symbol, side.value, decimal_text(units), at]
                    for (symbol, side, units), at in list(book.recent.items())[-200:]
                ],
            },
        )


def load_book(
    journal: Journal, account: str, currency: str, instruments: dict[str, Instrument]
) -> tuple[Book, dict[str, Any] | None]:
    """The account's book as last committed, with its open orders; a new one where there is none."""
    book = Book(account, currency, instruments)
    row = journal.get(f"book/{account}")
    if row is None:
        return book, None
    book.balance, book.fees = Decimal(row["balance"]), Decimal(row["fees"])
    book.realised, book.fills = Decimal(row["realised"]), row["fills"]
    book.positions = {body["instrument"]: Position.from_body(body) for body in row["positions"]}
    book.marks = {symbol: float(mark) for symbol, mark in row["marks"].items()}
    sends = journal.get(f"sends/{account}") or row  # where it was before it had a row of its own
    book.sent_ns.extend(sends.get("sent_ns", ()))
    for name, own in sends.get("own_sent", {}).items():
        book.own_sent[name] = deque(own, maxlen=SENT_MAX)
    book.recent = {
        (symbol, Side(side), Decimal(units)): at
        for symbol, side, units, at in sends.get("recent", ())
    }
    for name in journal.names("order/"):
        body = journal.get(name)
        if body["account"] == account:
            book.add(Order.from_body(body))
    return book, row["engine"]


def save_slot(journal: Journal, slot: Slot) -> None:
    """Stage a trader's own standing and P&L curve."""
    journal.put(
        f"slot/{slot.trader}",
        {
            "realised": decimal_text(slot.realised),
            "fees": decimal_text(slot.fees),
            "target": slot.target,
            "stop": None if slot.stop is None else decimal_text(slot.stop),
            "base": slot.base,
            "watch": slot.watch.dump(),
            "signals": slot.signals,
            "executed": slot.executed,
            "breached": sorted(slot.breached),
            "strategy": slot.strategy,
        },
    )


def load_slot(journal: Journal, slot: Slot) -> bool:
    """Take back what `save_slot` staged; False where the trader is new."""
    row = journal.get(f"slot/{slot.trader}")
    if row is None:
        return False
    slot.realised, slot.fees = Decimal(row["realised"]), Decimal(row["fees"])
    slot.target, slot.base = row["target"], row["base"]
    slot.stop = None if row["stop"] is None else Decimal(row["stop"])
    slot.signals, slot.executed = row["signals"], row["executed"]
    slot.breached = set(row["breached"])
    slot.watch.restore(row["watch"])
    return True
