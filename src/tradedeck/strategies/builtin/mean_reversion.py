"""Mean reversion between Bollinger bands.

Source: Bollinger, "Bollinger on Bollinger Bands" (2001).
Formulas: mean = Σ close / n; σ = √(Σ (close - mean)² / n); bands = mean ± width x σ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

from tradedeck.strategies.interface import Meta, Strategy, Wishes, param
from tradedeck.trading.market import Bar


class MeanReversion(Strategy):
    """Buys below the lower band and sells at the mean."""

    meta = Meta(
        name="mean-reversion",
        title="Mean reversion (Bollinger)",
        description=(
            "Buys when the close falls below the lower Bollinger band and leaves at the mean; "
            "with `short` it also sells above the upper band. It wins often and little while "
            "prices swing, and loses much when a fall goes on: the stop bounds that, and after a "
            "stop it waits until the mean was reached again."
        ),
        presets={
            "conservative": {"period": 20, "width": 2.5, "stop_width": 4.0, "short": False},
            "balanced": {"period": 20, "width": 2.0, "stop_width": 4.0, "short": False},
            "aggressive": {"period": 10, "width": 1.5, "stop_width": 4.0, "short": True},
        },
    )

    @dataclass(slots=True)
    class Params:
        period: int = param(20, low=5, high=500, help="Bars of mean and deviation")
        width: float = param(2.0, low=0.5, high=6.0, help="Deviations from mean to band")
        stop_width: float = param(
            4.0, low=1.0, high=12.0, help="Deviations from mean to the stop; above `width`"
        )
        short: bool = param(default=False, help="Also sell above the upper band")

        def __post_init__(self) -> None:
            if self.stop_width <= self.width:
                raise ValueError(
                    f"stop_width was {self.stop_width}, it must be above width, {self.width}"
                )

    @dataclass(slots=True)
    class Memory:
        closes: deque[float] = field(default_factory=lambda: deque[float](maxlen=20))
        mean: float = 0.0
        deviation: float = 0.0
        # +1 or -1 while the last idea of that side has not seen the mean again; 0 otherwise.
        pending: int = 0

        @classmethod
        def start(cls, params: MeanReversion.Params) -> MeanReversion.Memory:
            return cls(closes=deque(maxlen=params.period))

    def inputs(self) -> Mapping[str, float]:
        """The bands, once they are of a whole period."""
        memory, reach = self.memory, self.params.width * self.memory.deviation
        if len(memory.closes) < self.params.period:
            return {}
        return {"upper": memory.mean + reach, "mean": memory.mean, "lower": memory.mean - reach}

    def on_bar(self, bar: Bar) -> Wishes:
        memory, params, close = self.memory, self.params, bar.close
        closes = memory.closes
        closes.append(close)
        if len(closes) < params.period:
            return None
        mean = memory.mean = sum(closes) / params.period
        squares = sum([(value - mean) ** 2 for value in closes])
        deviation = memory.deviation = sqrt(squares / params.period)
        if not deviation:
            return None
        if (memory.pending > 0 and close >= mean) or (memory.pending < 0 and close <= mean):
            memory.pending = 0
            return self.want(0.0, "back at the mean")
        if memory.pending:
            return None
        if close < mean - params.width * deviation:
            return self._enter(1, mean - params.stop_width * deviation, close)
        if params.short and close > mean + params.width * deviation:
            return self._enter(-1, mean + params.stop_width * deviation, close)
        return None

    def _enter(self, side: int, stop: float, close: float) -> Wishes:
        # A close already beyond where the idea is wrong is no entry.
        if (close - stop) * side <= 0 or stop <= 0:
            return None
        self.memory.pending = side
        band = "lower" if side > 0 else "upper"
        return self.want(float(side), f"close beyond the {band} band", stop)
