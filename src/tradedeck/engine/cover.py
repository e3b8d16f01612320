"""What closes and protective stops cover of a position. Pure; changes nothing."""

from __future__ import annotations

from decimal import Decimal

from tradedeck.execution.book import Book
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import Order, Purpose


def uncovered(book: Book, symbol: str) -> Decimal:
    """Signed units that no close in flight covers; zero where they cover all."""
    held = book.held(symbol)
    closing = sum(
        (
            order.remaining
            for order in book.orders.values()
            if order.instrument == symbol and order.purpose is Purpose.CLOSE
        ),
        ZERO,
    )
    left = max(ZERO, abs(held) - closing)
    return left if held > ZERO else -left


def stale_stops(book: Book, symbol: str, price: Decimal) -> list[Order] | None:
    """Protective stops that a new one at `price` replaces.

    None where none is wanted: one of that size and price works, or what is in flight asks again
    when it ends.
    """
    size = abs(book.held(symbol))
    stale: list[Order] = []
    for other in book.orders.values():
        if other.instrument != symbol:
            continue
        if other.purpose in (Purpose.EXIT, Purpose.CLOSE):
            return None
        if other.purpose is Purpose.PROTECTIVE:
            if other.remaining == size and other.stop_price == price:
                return None
            stale.append(other)
    return stale
