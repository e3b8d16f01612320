"""The port that can only bring a position nearer to zero. Needs no permit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tradedeck.trading.order import Order
from tradedeck.venue.report import Report


class Reduce(Protocol):
    """Cancels, and sends orders that the venue itself holds to reducing."""

    def reduce(self, order: Order) -> Sequence[Report]:
        """Send a reduce-only order once."""
        ...

    def cancel(self, order: Order) -> Sequence[Report]:
        """Ask for the withdrawal of a working order; idempotent."""
        ...
