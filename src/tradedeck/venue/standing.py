"""What the paper exchange holds of an account and of an order that rests, and their state rows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import Order
from tradedeck.venue.model import ExchangeModel
from tradedeck.venue.read import WorkingOrder


@dataclass(slots=True)
class VenueBook:
    """One account as the venue keeps it."""

    currency: str
    balance: Decimal
    model: ExchangeModel


@dataclass(slots=True)
class Working:
    """An order that rests at the venue. `order` holds its terms; `filled` is the venue's count."""

    order: Order
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    filled: Decimal = ZERO
    triggered: bool = False

    @property
    def left(self) -> Decimal:
        """Units still working."""
        return self.quantity - self.filled

    def shown(self) -> WorkingOrder:
        """As an account's owner sees it."""
        return WorkingOrder.of(self.order, self.left, self.limit_price, self.stop_price)

    def to_row(self) -> dict[str, Any]:
        """JSON-able form; Decimals as text."""
        return {
            "order": self.order.to_body(),
            "quantity": decimal_text(self.quantity),
            "limit_price": None if self.limit_price is None else decimal_text(self.limit_price),
            "stop_price": None if self.stop_price is None else decimal_text(self.stop_price),
            "filled": decimal_text(self.filled),
            "triggered": self.triggered,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Working:
        """The inverse of `to_row`."""
        limit, stop = row["limit_price"], row["stop_price"]
        return cls(
            Order.from_body(row["order"]),
            Decimal(row["quantity"]),
            None if limit is None else Decimal(limit),
            None if stop is None else Decimal(stop),
            Decimal(row["filled"]),
            row["triggered"],
        )


def above_zero(value: Decimal | None) -> bool:
    """Whether a term of an order is a number above zero; the wire may bring anything."""
    return value is not None and value.is_finite() and value > 0
