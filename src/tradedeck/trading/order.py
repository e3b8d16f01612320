"""An order and its life.

`TRANSITIONS` is the whole life cycle; `Order.move` refuses anything else. UNKNOWN is a state of its
own: it ends only by the broker's record, or a person's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.words import Word
from tradedeck.trading.money import ZERO


class Side(Word):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(Word):
    """How an order meets the market."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"


class TimeInForce(Word):
    """How long an order works."""

    GTC = "GTC"
    DAY = "DAY"
    IOC = "IOC"
    FOK = "FOK"


class Purpose(Word):
    """Why an order exists."""

    ENTRY = "entry"
    EXIT = "exit"
    CLOSE = "close"
    PROTECTIVE = "protective"


class Status(Word):
    """Where an order is in its life."""

    INTENT = "INTENT"
    SENT = "SENT"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"


# For what every order passes: a member read through its enum costs ten times a name of a module.
BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
ENTRY, EXIT = Purpose.ENTRY, Purpose.EXIT

_ENDS = frozenset({Status.FILLED, Status.CANCELLED, Status.REJECTED, Status.EXPIRED})
TERMINAL = _ENDS | {Status.DENIED}
_LIVE = frozenset({Status.ACCEPTED, Status.PARTIALLY_FILLED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.INTENT: frozenset({Status.SENT, Status.UNKNOWN, Status.DENIED}) | _LIVE | _ENDS,
    Status.SENT: frozenset({Status.UNKNOWN}) | _LIVE | _ENDS,
    Status.ACCEPTED: frozenset({Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.UNKNOWN}) | _ENDS,
    Status.PARTIALLY_FILLED: frozenset({Status.PARTIALLY_FILLED, Status.UNKNOWN}) | _ENDS,
    Status.UNKNOWN: _LIVE | _ENDS,
    Status.FILLED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.DENIED: frozenset(),
}


class IllegalTransitionError(AssertionError):
    """A bug of ours: the runner stops halted rather than guess."""


@dataclass(slots=True)
class Order:
    """One order of one trader. Quantities in units, prices in the instrument's currency."""

    id: str
    client_id: str
    account: str
    trader: str
    strategy: str
    instrument: str
    side: Side
    type: OrderType
    quantity: Decimal
    created_ns: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = GTC
    expires_ns: int | None = None
    reduce_only: bool = False
    purpose: Purpose = ENTRY
    decision_price: Decimal | None = None
    status: Status = Status.INTENT
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    by: str = "strategy"
    sent_at_ns: int | None = None
    acked_at_ns: int | None = None
    venue_order: str | None = None

    @property
    def remaining(self) -> Decimal:
        """Units that may still fill."""
        return self.quantity - self.filled

    @property
    def signed(self) -> Decimal:
        """Remaining units with the sign of the side."""
        return self.remaining if self.side is BUY else -self.remaining

    @property
    def open(self) -> bool:
        """Whether it can still change the position; UNKNOWN can."""
        return self.status not in TERMINAL

    @property
    def average_price(self) -> Decimal | None:
        """Volume-weighted price of its fills."""
        return self.cost / self.filled if self.filled else None

    def move(self, status: Status) -> None:
        """Change state along `TRANSITIONS`; anything else is a bug and raises."""
        if status not in TRANSITIONS[self.status]:
            msg = f"order {self.id} cannot go from {self.status} to {status}"
            raise IllegalTransitionError(msg)
        self.status = status

    def to_body(self) -> dict[str, Any]:
        """JSON-able form for journal and wire; Decimals as text, times as epoch nanoseconds."""
        average = self.average_price
        return {
            "id": self.id,
            "client_id": self.client_id,
            "account": self.account,
            "trader": self.trader,
            "strategy": self.strategy,
            "instrument": self.instrument,
            "side": self.side.value,
            "type": self.type.value,
            "quantity": decimal_text(self.quantity),
            "limit_price": _text(self.limit_price),
            "stop_price": _text(self.stop_price),
            "tif": self.tif.value,
            "expires_ns": self.expires_ns,
            "reduce_only": self.reduce_only,
            "purpose": self.purpose.value,
            "decision_price": _text(self.decision_price),
            "status": self.status.value,
            "filled": decimal_text(self.filled),
            "cost": decimal_text(self.cost),
            "average_price": None
            if average is None
            else decimal_text(average.quantize(Decimal("0.00000001"))),
            "created_ns": self.created_ns,
            "by": self.by,
            "sent_at_ns": self.sent_at_ns,
            "acked_at_ns": self.acked_at_ns,
            "venue_order": self.venue_order,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Order:
        """The inverse of `to_body`."""
        return cls(
            id=body["id"],
            client_id=body["client_id"],
            account=body["account"],
            trader=body["trader"],
            strategy=body["strategy"],
            instrument=body["instrument"],
            side=Side(body["side"]),
            type=OrderType(body["type"]),
            quantity=Decimal(body["quantity"]),
            created_ns=body["created_ns"],
            limit_price=_decimal(body["limit_price"]),
            stop_price=_decimal(body["stop_price"]),
            tif=TimeInForce(body["tif"]),
            expires_ns=body["expires_ns"],
            reduce_only=body["reduce_only"],
            purpose=Purpose(body["purpose"]),
            decision_price=_decimal(body["decision_price"]),
            status=Status(body["status"]),
            filled=Decimal(body["filled"]),
            cost=Decimal(body["cost"]),
            by=body["by"],
            sent_at_ns=body["sent_at_ns"],
            acked_at_ns=body["acked_at_ns"],
            venue_order=body["venue_order"],
        )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
