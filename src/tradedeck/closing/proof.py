"""What is left in the cells of a kill, and when reads prove that nothing is. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from tradedeck.closing.types import Cancels, Proof, Truth
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import Purpose
from tradedeck.venue.read import WorkingOrder

READS = 3


@dataclass(frozen=True, slots=True)
class Extent:
    """Which cells of one account, and how far: as `Begin` has them."""

    instruments: frozenset[str] | None
    flatten: bool
    cancels: Cancels = Cancels.ALL

    def has(self, instrument: str) -> bool:
        """Whether the instrument is in scope."""
        return self.instruments is None or instrument in self.instruments

    def wider(self, other: Extent) -> Extent:
        """Both at once."""
        whole = self.instruments is None or other.instruments is None
        both = frozenset(self.instruments or ()) | frozenset(other.instruments or ())
        every = Cancels.ALL in (self.cancels, other.cancels)
        return Extent(
            None if whole else both,
            self.flatten or other.flatten,
            Cancels.ALL if every else Cancels.OPENERS,
        )


@dataclass(frozen=True, slots=True)
class Left:
    """What a read shows in the cells: to close, to withdraw, and what stays on purpose."""

    held: dict[str, Decimal]
    working: tuple[WorkingOrder, ...]
    kept: tuple[WorkingOrder, ...]
    staying: dict[str, Decimal]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing more to do."""
        return not self.held and not self.working


def left(truth: Truth, extent: Extent) -> Left:
    """What a read leaves to do.

    Where positions stay, so do the stops that protect them; `openers` leaves everything that can
    only reduce.
    """
    held = {s: units for s, units in truth.positions.items() if units and extent.has(s)}
    working: list[WorkingOrder] = []
    kept: list[WorkingOrder] = []
    for order in truth.working:
        if extent.has(order.instrument):
            stays = not extent.flatten and _stays(order, held.get(order.instrument, ZERO), extent)
            (kept if stays else working).append(order)
    if extent.flatten:
        return Left(held, tuple(working), (), {})
    return Left({}, tuple(working), tuple(kept), held)


def _stays(order: WorkingOrder, held: Decimal, extent: Extent) -> bool:
    if extent.cancels is Cancels.ALL and order.purpose is not Purpose.PROTECTIVE:
        return False
    if order.reduce_only and extent.cancels is Cancels.OPENERS:
        return True
    if not held or order.purpose is Purpose.ENTRY or (held > 0) == (order.signed > 0):
        return False
    return order.reduce_only or order.remaining <= abs(held)


class Streak:
    """Counts reads in a row that left nothing; the venue's word is taken only three times over."""

    __slots__ = ("_reads", "count")

    def __init__(self) -> None:
        self.count = 0
        self._reads: deque[tuple[int, int]] = deque(maxlen=READS)

    def broken(self) -> None:
        """A read showed something, failed, or was overtaken by news."""
        self.count = 0
        self._reads.clear()

    def add(self, truth: Truth, shown: Left) -> Proof | None:
        """Count a read that left nothing; the proof when it was enough of them."""
        assert shown.nothing, "only a read that leaves nothing counts"
        self.count += 1
        self._reads.append((truth.at_ns, truth.seq))
        if self.count < READS:
            return None
        kept = tuple(order.client_id or order.venue_order for order in shown.kept)
        return Proof(tuple(self._reads), shown.staying, kept)
