"""A netting position: signed units, their cost, and what closing them realised.

Cost, not average price, is kept: a whole close needs no division, and a partial close leaves in the
cost exactly what it did not take out, so that realised + unrealised never loses a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.money import ZERO, ledger_round


@dataclass(slots=True)
class Position:
    """Units of one instrument in one account.

    `cost` is signed: quantity x price x multiplier of what is held. `realised` is gross of fees.
    """

    account: str
    instrument: str
    trader: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    opened_ns: int | None = None

    def apply(self, signed: Decimal, price: Decimal, multiplier: Decimal, time_ns: int) -> Decimal:
        """Book a fill of `signed` units; returns the P&L it realised, in the quote currency."""
        held = self.quantity
        value = signed * price * multiplier
        if not held:
            self.quantity, self.cost, self.opened_ns = signed, value, time_ns
            return ZERO
        after = held + signed
        if not after:
            realised = -value - self.cost
            self.quantity, self.cost, self.opened_ns = ZERO, ZERO, None
        elif (held > ZERO) == (signed > ZERO):
            self.quantity, self.cost = after, self.cost + value
            return ZERO
        elif (after > ZERO) == (held > ZERO):
            released = ledger_round(self.cost * -signed / held)
            realised = -value - released
            self.quantity, self.cost = after, self.cost - released
        else:
            closing = -held * price * multiplier
            realised = -closing - self.cost
            self.quantity, self.cost, self.opened_ns = after, value - closing, time_ns
        self.realised += realised
        return realised

    def unrealised(self, price: Decimal, multiplier: Decimal) -> Decimal:
        """P&L of closing everything at `price`, without costs."""
        return self.quantity * price * multiplier - self.cost

    def average_price(self, multiplier: Decimal) -> Decimal | None:
        """Mean entry price of what is held, eight decimals."""
        if not self.quantity:
            return None
        return (self.cost / self.quantity / multiplier).quantize(Decimal("0.00000001"))

    def to_body(self, multiplier: Decimal) -> dict[str, Any]:
        """JSON-able form; Decimals as text."""
        average = self.average_price(multiplier)
        return {
            "account": self.account,
            "instrument": self.instrument,
            "trader": self.trader,
            "quantity": decimal_text(self.quantity),
            "cost": decimal_text(self.cost),
            "multiplier": decimal_text(multiplier),
            "average_price": None if average is None else decimal_text(average),
            "realised": decimal_text(self.realised),
            "opened_ns": self.opened_ns,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Position:
        """The inverse of `to_body`; the average price is derived again."""
        return cls(
            body["account"],
            body["instrument"],
            body["trader"],
            Decimal(body["quantity"]),
            Decimal(body["cost"]),
            Decimal(body["realised"]),
            body["opened_ns"],
        )
