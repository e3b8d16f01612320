"""Running limits over equity (RSK-2): drawdown, day loss, total loss. Pure arithmetic on marks.

Marks are observations, so the fast path compares floats against a floor kept a little above the
exact one; only below it is the exact comparison made, in Decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradedeck.kernel.canonical import decimal_text
from tradedeck.risk.limits import Action, Limits, RunningLimit
from tradedeck.trading.money import ZERO

_MARGIN = 1e-9  # relative; far above what a float loses, far below any limit's step
_STEP = Decimal("0.00000001")
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Breach:
    """A running limit that was crossed: by how much, and what follows."""

    limit: str
    value: Decimal
    bound: Decimal
    action: Action

    @property
    def words(self) -> str:
        """`drawdown_max 0.21 of 0.2`: the reason of what follows."""
        return f"{self.limit} {decimal_text(self.value)} of {decimal_text(self.bound)}"


class EquityWatch:
    """Peak, day start and floors of one equity curve.

    `peak` and `day_start` are equity marks; `floor` is the float below which `breaches` is asked.
    Above `low` and up to `peak`, `mark` has nothing to do and may be left out.
    """

    __slots__ = ("_limits", "base", "day_start", "floor", "low", "peak", "trough", "worst_drawdown")

    def __init__(self, limits: Limits, equity: float) -> None:
        self._limits = limits
        self.base = equity
        self.peak = equity
        self.trough = equity
        self.day_start = equity
        self.worst_drawdown = 0.0
        self.floor = self.low = _NEVER
        self._refloor()

    def set_limits(self, limits: Limits) -> None:
        """Take changed limits; the curve's history stays."""
        self._limits = limits
        self._refloor()

    def dump(self) -> list[float]:
        """The curve's history, for `restore`."""
        return [self.base, self.peak, self.trough, self.day_start, self.worst_drawdown]

    def restore(self, history: list[float]) -> None:
        """Take back the curve's history after a restart."""
        self.base, self.peak, self.trough, self.day_start, self.worst_drawdown = history
        self._refloor()

    def mark(self, equity: float) -> bool:
        """Take one mark; True where `breaches` must be asked."""
        if equity > self.peak:
            self.rise(equity)
        elif equity < self.trough:
            self.trough = equity
            self.low = max(equity, self.floor)
        return equity <= self.floor

    def rise(self, equity: float) -> None:
        """A new peak: the drawdown before it is over."""
        self.worst_drawdown = self.max_drawdown()
        self.peak = self.trough = equity
        if self._limits.drawdown_max is not None:
            self._refloor()
        else:
            self.low = max(equity, self.floor)

    def new_day(self, equity: float) -> None:
        """The day boundary passed at this equity."""
        self.day_start = equity
        self._refloor()

    def _refloor(self) -> None:
        limits, floor = self._limits, _NEVER
        if limits.drawdown_max is not None:
            floor = max(floor, self.peak - abs(self.peak) * float(limits.drawdown_max.bound))
        if limits.day_loss_max is not None:
            floor = max(floor, self.day_start - float(limits.day_loss_max.bound))
        if limits.loss_max is not None:
            floor = max(floor, self.base - float(limits.loss_max.bound))
        self.floor = floor + abs(floor) * _MARGIN if floor != _NEVER else floor
        self.low = max(self.trough, self.floor)

    def breaches(self, equity: float) -> list[Breach]:
        """Every running limit that `equity` crosses, exactly; empty above the floor."""
        if equity > self.floor:
            return []
        now = Decimal(repr(equity))
        limits = self._limits
        peak = Decimal(repr(self.peak))
        drawdown = (peak - now) / abs(peak) if peak else ZERO
        found = (
            _crossed("drawdown_max", limits.drawdown_max, drawdown),
            _crossed("day_loss_max", limits.day_loss_max, Decimal(repr(self.day_start)) - now),
            _crossed("loss_max", limits.loss_max, Decimal(repr(self.base)) - now),
        )
        return [breach for breach in found if breach is not None]

    def drawdown(self, equity: float) -> float:
        """Share of the peak that is lost at `equity`."""
        return (self.peak - equity) / abs(self.peak) if self.peak else 0.0

    def max_drawdown(self) -> float:
        """The greatest share of a peak that was ever lost."""
        return max(self.worst_drawdown, self.drawdown(self.trough))


def _crossed(name: str, limit: RunningLimit | None, value: Decimal) -> Breach | None:
    if limit is None or value < limit.bound:
        return None
    return Breach(name, value.quantize(_STEP).normalize(), limit.bound, limit.action)
