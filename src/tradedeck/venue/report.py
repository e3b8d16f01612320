"""What a venue says about an order. Reports are numbered by the venue; a gap is visible."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.words import Word
from tradedeck.trading.money import ZERO


class ReportKind(Word):
    """What happened."""

    ACCEPTED = "accepted"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"


@dataclass(slots=True)
class Report:
    """One fact from the venue about one order.

    Args:
        seq: the venue's number, rising by one per account journal.
        kind: what happened.
        client_id: our order id, as we sent it; empty for an order that is not ours.
        account, instrument: whose and in what.
        venue_order: the venue's id.
        time_ns: trading clock of the venue.
        quantity, price, fee: of a fill; or the new terms of a replaced order.
        signed: fill units with their sign.
        done: the order can change no more.
        reason: the venue's words for a rejection, cancel or expiry.
        stop_price: new trigger of a replaced order.
    """

    seq: int
    kind: ReportKind
    client_id: str
    account: str
    instrument: str
    venue_order: str
    time_ns: int
    quantity: Decimal = ZERO
    price: Decimal | None = None
    fee: Decimal = ZERO
    signed: Decimal = ZERO
    done: bool = False
    reason: str = ""
    stop_price: Decimal | None = None
    liquidity: str = "taker"

    def to_body(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "seq": self.seq,
            "kind": self.kind.value,
            "client_id": self.client_id,
            "account": self.account,
            "instrument": self.instrument,
            "venue_order": self.venue_order,
            "time_ns": self.time_ns,
            "quantity": decimal_text(self.quantity),
            "price": None if self.price is None else decimal_text(self.price),
            "fee": decimal_text(self.fee),
            "signed": decimal_text(self.signed),
            "done": self.done,
            "reason": self.reason,
            "stop_price": None if self.stop_price is None else decimal_text(self.stop_price),
            "liquidity": self.liquidity,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Report:
        """The inverse of `to_body`."""
        price, stop = body["price"], body["stop_price"]
        values: dict[str, Any] = {
            **body,
            "kind": ReportKind(body["kind"]),
            "quantity": Decimal(body["quantity"]),
            "price": None if price is None else Decimal(price),
            "fee": Decimal(body["fee"]),
            "signed": Decimal(body["signed"]),
            "stop_price": None if stop is None else Decimal(stop),
        }
        return cls(**values)
