"""The port that can only bring a position nearer to zero. Needs no permit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from tradedeck.trading.order import Order
from tradedeck.venue.read import WorkingOrder
from tradedeck.venue.report import Report


class Reduce(Protocol):
    """Cancels, and sends orders that reduce.

    An order is sent in the way that the venue's capability `close` declares: as its native close,
    flagged reduce-only, or bare. Bare orders (`plain`) are safe only under the closing protocol.
    """

    def reduce(self, order: Order) -> Sequence[Report]:
        """Send a reduce-only order once."""
        ...

    def cancel(self, order: Order) -> Sequence[Report]:
        """Ask for the withdrawal of an order of ours; idempotent."""
        ...

    def withdraw(self, account: str, working: WorkingOrder, time_ns: int) -> Sequence[Report]:
        """Ask for the withdrawal of what the venue shows working, ours or not; idempotent."""
        ...

    def cancel_all(
        self, account: str, instruments: Collection[str] | None, time_ns: int
    ) -> Sequence[Report]:
        """Ask for the withdrawal of every working order of the account, or of these instruments.

        Only where the capability has `cancel_all` native.
        """
        ...
