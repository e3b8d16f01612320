"""The port that can increase a position. Few modules may import this one (import contract)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tradedeck.trading.order import Order
from tradedeck.venue.permit import Permit
from tradedeck.venue.report import Report


class Submit(Protocol):
    """Sends orders that may open or increase."""

    def submit(self, order: Order, permit: Permit) -> Sequence[Report]:
        """Send `order` once. Returns what is known at once; the rest comes by the stream."""
        ...
