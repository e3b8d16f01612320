"""Crossing of two exponential averages: the classic trend follower.

Formula: EMA_t = EMA_{t-1} + 2 / (n + 1) x (close_t - EMA_{t-1}), begun at the first close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tradedeck.strategies.interface import Meta, Strategy, Wishes, param
from tradedeck.trading.market import Bar


class EmaCross(Strategy):
    """Long while the fast average is above the slow one; short or flat while below."""

    meta = Meta(
        name="ema-cross",
        title="EMA cross",
        description=(
            "Holds the side of the trend: long while a fast average of closes is above a slow "
            "one, short (or flat, without `short`) while it is below. It earns in long moves and "
            "pays for them with many small losses while prices go sideways."
        ),
        presets={
            "conservative": {"fast": 50, "slow": 200, "short": False},
            "balanced": {"fast": 20, "slow": 60, "short": False},
            "aggressive": {"fast": 10, "slow": 20, "short": True},
        },
    )

    @dataclass(slots=True)
    class Params:
        fast: int = param(20, low=2, high=1000, help="Bars of the fast average")
        slow: int = param(60, low=3, high=5000, help="Bars of the slow average; above `fast`")
        short: bool = param(default=True, help="Go short below the cross, instead of flat")

        def __post_init__(self) -> None:
            if self.fast >= self.slow:
                raise ValueError(f"fast was {self.fast}, it must be below slow, {self.slow}")

    @dataclass(slots=True)
    class Memory:
        fast: float = 0.0
        slow: float = 0.0
        bars: int = 0

    def inputs(self) -> Mapping[str, float]:
        """The two averages, once there is a first close."""
        memory = self.memory
        return {"fast": memory.fast, "slow": memory.slow} if memory.bars else {}

    def on_start(self) -> None:
        self._fast_share = 2.0 / (self.params.fast + 1)
        self._slow_share = 2.0 / (self.params.slow + 1)
        self._warm = self.params.slow
        self._below = -1.0 if self.params.short else 0.0

    def on_bar(self, bar: Bar) -> Wishes:
        memory, close = self.memory, bar.close
        bars = memory.bars = memory.bars + 1
        if bars == 1:
            memory.fast = memory.slow = close
            return None
        fast = memory.fast = memory.fast + self._fast_share * (close - memory.fast)
        slow = memory.slow = memory.slow + self._slow_share * (close - memory.slow)
        if bars < self._warm:
            return None
        position = self.context.position
        if fast > slow:
            return None if position > 0 else self.want(1.0, "fast EMA above slow")
        below = self._below
        if (position < 0) if below else (position == 0):
            return None
        return self.want(below, "fast EMA below slow")
