"""What the paper exchange holds of an account and of an order that rests, and their state rows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.instrument import Instrument
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
    """An order that rests at the venue. `order` holds its terms as sent; `left` still works.

    `kept`: a state row of it was given out.
    """

    order: Order
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    left: Decimal
    triggered: bool = False
    kept: bool = False

    @property
    def filled(self) -> Decimal:
        """Units filled so far."""
        return self.quantity - self.left

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
        quantity = Decimal(row["quantity"])
        return cls(
            Order.from_body(row["order"]),
            quantity,
            None if limit is None else Decimal(limit),
            None if stop is None else Decimal(stop),
            quantity - Decimal(row["filled"]),
            row["triggered"],
            kept=True,
        )


def above_zero(value: Decimal | None) -> bool:
    """Whether a term of an order is a number above zero; the wire may bring anything."""
    return value is not None and value.is_finite() and value > ZERO


def check_terms(
    instrument: Instrument, quantity: Decimal | None, prices: tuple[Decimal | None, ...]
) -> None:
    """Whether an order may be changed to these terms; raises ValueError naming the wrong one."""
    if quantity is not None and not (quantity.is_finite() and instrument.on_step(quantity)):
        msg = f"the quantity {quantity} was not a multiple of {instrument.step}"
        raise ValueError(msg)
    for price in prices:
        if price is not None and not (price.is_finite() and price > 0):
            msg = f"the price {price} was not above zero"
            raise ValueError(msg)
