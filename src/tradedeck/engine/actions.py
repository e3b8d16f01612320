"""What the engine asks its process to do. The engine itself sends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from tradedeck.execution.gate import Denial
from tradedeck.execution.ledger import Posting
from tradedeck.risk.running import Breach
from tradedeck.trading.fill import Fill
from tradedeck.trading.order import Order
from tradedeck.trading.position import Position
from tradedeck.venue.permit import Permit
from tradedeck.venue.report import Report


@dataclass(slots=True)
class SubmitOrder:
    """Send through the `Submit` port; journaled already when this is carried out."""

    order: Order
    permit: Permit


@dataclass(slots=True)
class ReduceOrder:
    """Send through the `Reduce` port."""

    order: Order


@dataclass(slots=True)
class CancelOrder:
    """Withdraw through the `Reduce` port."""

    order: Order
    by: str


Action = SubmitOrder | ReduceOrder | CancelOrder

SEND_ROUNDS_MAX = 50
"""Of sends on one bar: protective orders follow fills; a venue that loops is cut off."""
FILL_ROUNDS_MAX = 8
"""Of fills told on one bar: a strategy that answers each with an order ends here, not never."""


class Sink(Protocol):
    """Where the engine states facts: the journal live, a recorder in backtests."""

    def intent(self, order: Order) -> None:
        """An order that will be sent."""
        ...

    def denied(self, order: Order, denial: Denial) -> None:
        """An order the gate refused."""
        ...

    def cancel_requested(self, order: Order, by: str) -> None:
        """A cancel that will be sent."""
        ...

    def reported(self, order: Order, report: Report) -> None:
        """The venue accepted, replaced, cancelled, expired or rejected."""
        ...

    def unknown(self, order: Order, reason: str) -> None:
        """The outcome of a send is not known."""
        ...

    def filled(
        self,
        order: Order,
        fill: Fill,
        position: Position,
        postings: list[Posting],
        balance: Decimal,
    ) -> None:
        """A fill and everything it changed."""
        ...

    def breached(self, scope: str, breach: Breach) -> None:
        """A running limit was crossed."""
        ...

    def halted(self, row: dict[str, Any]) -> None:
        """A halt was set: its row as `Halts` keeps it."""
        ...

    def considered(self, decision: dict[str, Any]) -> None:
        """The record of one decision ("why"); not called in backtests."""
        ...
