"""One execution, as the venue reported it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.order import BUY, Side


@dataclass(slots=True)
class Fill:
    """Units exchanged at one price; its id is made of the order's and the venue's number.

    `fee` is positive when paid, in `currency`; `venue_seq` orders a venue's reports and is how a
    fill is known twice.
    """

    order: str
    client_id: str
    account: str
    trader: str
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    time_ns: int
    venue_seq: int
    at_ns: int = 0
    liquidity: str = "taker"

    @property
    def id(self) -> str:
        """Unique, and the same whenever this fill is told."""
        return f"{self.order}-{self.venue_seq}"

    @property
    def signed(self) -> Decimal:
        """Units with the sign of the side."""
        return self.quantity if self.side is BUY else -self.quantity

    def to_body(self) -> dict[str, Any]:
        """JSON-able form; Decimals as text, times as epoch nanoseconds."""
        return {
            "id": self.id,
            "order": self.order,
            "client_id": self.client_id,
            "account": self.account,
            "trader": self.trader,
            "instrument": self.instrument,
            "side": self.side.value,
            "quantity": decimal_text(self.quantity),
            "price": decimal_text(self.price),
            "fee": decimal_text(self.fee),
            "currency": self.currency,
            "time_ns": self.time_ns,
            "venue_seq": self.venue_seq,
            "at_ns": self.at_ns,
            "liquidity": self.liquidity,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Fill:
        """The inverse of `to_body`."""
        values: dict[str, Any] = {
            **body,
            "side": Side(body["side"]),
            "quantity": Decimal(body["quantity"]),
            "price": Decimal(body["price"]),
            "fee": Decimal(body["fee"]),
        }
        del values["id"]
        return cls(**values)
