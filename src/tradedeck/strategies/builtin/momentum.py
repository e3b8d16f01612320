"""Time-series momentum: what has risen over some months tends to go on for a while.

Source: Moskowitz, Ooi, Pedersen, "Time Series Momentum", Journal of Financial Economics 104 (2012).
Formula: momentum = close_t / close_{t-n} - 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from tradedeck.strategies.interface import Meta, Strategy, Wishes, param
from tradedeck.trading.market import Bar


class Momentum(Strategy):
    """Long after a rise over the look-back, out when it is gone."""

    meta = Meta(
        name="momentum",
        title="Momentum",
        description=(
            "Buys what has risen by more than `enter` over `lookback` bars and keeps it until the "
            "rise is gone; with `short` it does the same with falls. It earns in lasting trends "
            "and is late at every turn: a sharp reversal costs it most."
        ),
        presets={
            "conservative": {"lookback": 126, "enter": 0.05, "short": False},
            "balanced": {"lookback": 63, "enter": 0.03, "short": False},
            "aggressive": {"lookback": 21, "enter": 0.02, "short": True},
        },
    )

    @dataclass(slots=True)
    class Params:
        lookback: int = param(63, low=2, high=2000, help="Bars over which the change is measured")
        enter: float = param(0.03, low=0.0, high=1.0, help="Change that is enough (0.03 is 3 %)")
        short: bool = param(default=False, help="Go short after a fall, instead of flat")

    @dataclass(slots=True)
    class Memory:
        closes: deque[float] = field(default_factory=lambda: deque[float](maxlen=64))
        momentum: float = 0.0

        @classmethod
        def start(cls, params: Momentum.Params) -> Momentum.Memory:
            return cls(closes=deque(maxlen=params.lookback + 1))

    def inputs(self) -> Mapping[str, float]:
        """The return over the look-back, once there are so many bars."""
        if len(self.memory.closes) <= self.params.lookback:
            return {}
        return {"momentum": self.memory.momentum}

    def on_bar(self, bar: Bar) -> Wishes:
        memory, params = self.memory, self.params
        closes = memory.closes
        closes.append(bar.close)
        if len(closes) <= params.lookback:
            return None
        momentum = memory.momentum = bar.close / closes[0] - 1.0
        position = self.context.position
        if momentum > params.enter:
            return self.want(1.0, "risen over the look-back")
        if momentum < -params.enter and params.short:
            return self.want(-1.0, "fallen over the look-back")
        if (position > 0 and momentum <= 0) or (position < 0 and momentum >= 0):
            return self.want(0.0, "the move is gone")
        return None
