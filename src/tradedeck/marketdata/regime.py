"""What the market was doing, bar by bar: rising, falling or turbulent. A description, no forecast.

Owns the definition. Pure; works on the bars that are handed in. Never: decides about an order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log, sqrt
from typing import Final

from tradedeck.marketdata.series import BarSeries

TREND_BARS: Final = 100
VOLATILITY_BARS: Final = 20
USUAL_BARS: Final = 250
TURBULENT_RATIO: Final = 1.5
CONFIRM_BARS: Final = 5
FORMULA: Final = (
    f"Equal-weight index of the instruments that are traded, by log returns. Turbulent: its "
    f"volatility over {VOLATILITY_BARS} bars is above {TURBULENT_RATIO} x the median of the "
    f"{USUAL_BARS} bars before. Else rising or falling: above or below its mean of {TREND_BARS} "
    f"bars. Another regime begins after {CONFIRM_BARS} bars in it."
)


class Regime(StrEnum):
    """What a bar belongs to."""

    RISING = "rising"
    FALLING = "falling"
    TURBULENT = "turbulent"
    UNKNOWN = "unknown"  # too few bars so far


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive bars of one regime; nanoseconds of the first and the last close."""

    start_ns: int
    end_ns: int
    regime: Regime


def spans(series: Iterable[tuple[BarSeries, int]], bars_max: int) -> list[Span]:
    """The regimes of the newest `bars_max` bars; each series up to its own time (ns), included."""
    ends, returns = index_returns(series, bars_max)
    found: list[Span] = []
    for end_ns, regime in zip(ends, classify(returns), strict=True):
        if found and found[-1].regime is regime:
            found[-1] = Span(found[-1].start_ns, end_ns, regime)
        else:
            found.append(Span(end_ns, end_ns, regime))
    return found


def index_returns(
    series: Iterable[tuple[BarSeries, int]], bars_max: int
) -> tuple[list[int], list[float]]:
    """Closes (ns, ascending) and the mean log return of the instruments that closed there."""
    sums: dict[int, tuple[float, int]] = {}
    for bars, until_ns in series:
        last = bars.index_at(until_ns + 1)
        for at in range(max(1, last - bars_max), last):
            before, now = bars.close[at - 1], bars.close[at]
            if before > 0 and now > 0:
                total, count = sums.get(bars.end[at], (0.0, 0))
                sums[bars.end[at]] = (total + log(now / before), count + 1)
    ends = sorted(sums)[-bars_max:]
    return ends, [sums[end][0] / sums[end][1] for end in ends]


def classify(returns: Sequence[float]) -> list[Regime]:
    """The regime of each bar, by what was known at its close."""
    volatility = _Rolling(VOLATILITY_BARS)
    trend = _Rolling(TREND_BARS)
    usual: deque[float] = deque()
    ranked: list[float] = []
    found: list[Regime] = []
    level, present, candidate, seen = 0.0, Regime.UNKNOWN, Regime.UNKNOWN, 0
    for change in returns:
        level += change
        trend.add(level)
        volatility.add(change)
        wanted = Regime.UNKNOWN
        if trend.full:
            spread = volatility.deviation()
            turbulent = bool(ranked) and spread > TURBULENT_RATIO * ranked[len(ranked) // 2]
            above = Regime.RISING if level >= trend.mean() else Regime.FALLING
            wanted = Regime.TURBULENT if turbulent else above
            usual.append(spread)
            insort(ranked, spread)
            if len(usual) > USUAL_BARS:
                del ranked[bisect_left(ranked, usual.popleft())]
        seen = seen + 1 if wanted is candidate else 1
        candidate = wanted
        if present is Regime.UNKNOWN or seen >= CONFIRM_BARS:
            present = candidate
        found.append(present)
    return found


class _Rolling:
    """Sums over the newest `size` values."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: deque[float] = deque()
        self._sum = 0.0
        self._squares = 0.0

    @property
    def full(self) -> bool:
        return len(self._values) == self._size

    def add(self, value: float) -> None:
        self._values.append(value)
        self._sum += value
        self._squares += value * value
        if len(self._values) > self._size:
            old = self._values.popleft()
            self._sum -= old
            self._squares -= old * old

    def mean(self) -> float:
        return self._sum / len(self._values)

    def deviation(self) -> float:
        count = len(self._values)
        mean = self._sum / count
        return sqrt(max(0.0, (self._squares - count * mean * mean) / (count - 1)))
