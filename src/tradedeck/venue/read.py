"""The port that asks a venue what it holds to be true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.order import Order, OrderType, Purpose, Side
from tradedeck.venue.report import Report


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that works at the venue, as the venue shows it.

    `client_id`, `trader` and `strategy` are empty where the venue does not know them (an order
    placed by hand); then `venue_order` alone names it. `remaining` is in units.
    """

    client_id: str
    venue_order: str
    instrument: str
    side: Side
    type: OrderType
    remaining: Decimal
    reduce_only: bool
    purpose: Purpose
    trader: str
    strategy: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None

    @property
    def signed(self) -> Decimal:
        """Remaining units with the sign of the side."""
        return self.remaining if self.side is Side.BUY else -self.remaining

    def to_body(self) -> dict[str, Any]:
        """JSON-able form; Decimals as text."""
        limit, stop = self.limit_price, self.stop_price
        return {
            "client_id": self.client_id,
            "venue_order": self.venue_order,
            "instrument": self.instrument,
            "side": self.side.value,
            "type": self.type.value,
            "remaining": decimal_text(self.remaining),
            "reduce_only": self.reduce_only,
            "purpose": self.purpose.value,
            "trader": self.trader,
            "strategy": self.strategy,
            "limit_price": None if limit is None else decimal_text(limit),
            "stop_price": None if stop is None else decimal_text(stop),
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> WorkingOrder:
        """The inverse of `to_body`."""
        limit, stop = body["limit_price"], body["stop_price"]
        return cls(
            body["client_id"],
            body["venue_order"],
            body["instrument"],
            Side(body["side"]),
            OrderType(body["type"]),
            Decimal(body["remaining"]),
            body["reduce_only"],
            Purpose(body["purpose"]),
            body["trader"],
            body["strategy"],
            None if limit is None else Decimal(limit),
            None if stop is None else Decimal(stop),
        )

    @classmethod
    def of(
        cls,
        order: Order,
        remaining: Decimal,
        limit_price: Decimal | None,
        stop_price: Decimal | None,
    ) -> WorkingOrder:
        """`order` as a venue that took it shows it, at its terms of now."""
        return cls(
            order.client_id,
            order.client_id,
            order.instrument,
            order.side,
            order.type,
            remaining,
            order.reduce_only,
            order.purpose,
            order.trader,
            order.strategy,
            limit_price,
            stop_price,
        )


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """The venue's own book of one account. `positions` are signed units, none of them zero."""

    account: str
    currency: str
    balance: Decimal
    positions: dict[str, Decimal]
    working: tuple[WorkingOrder, ...]
    seq: int


class Read(Protocol):
    """Reads account state and the venue's log."""

    async def account(self, account: str) -> VenueAccount:
        """Balance, positions and working orders now.

        Where a venue has no one answer for all, working orders are asked for first and positions
        after them: an order that is no longer shown working has left its fills in the position.
        """
        ...

    async def since(self, seq: int) -> list[Report]:
        """Every report above `seq`, oldest first."""
        ...

    async def lookup(self, client_id: str) -> tuple[bool, list[Report]]:
        """Whether an order ever reached the venue, and its reports, oldest first."""
        ...
