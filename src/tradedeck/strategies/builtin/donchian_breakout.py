"""Breakout of a Donchian channel, as the Turtles traded it.

Source: Faith, "Way of the Turtle" (2007), after Donchian.
Formulas: channel = highest high and lowest low of the n bars before this one;
true range = max(high - low, |high - close_{t-1}|, |low - close_{t-1}|);
ATR_t = ATR_{t-1} + (true range - ATR_{t-1}) / n (Wilder).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from tradedeck.strategies.interface import Meta, Strategy, Wishes, param
from tradedeck.trading.market import Bar


class DonchianBreakout(Strategy):
    """Buys a new high, leaves at the low of a shorter channel."""

    meta = Meta(
        name="donchian-breakout",
        title="Donchian breakout",
        description=(
            "Buys when the close is above the highest high of the last `entry` bars and leaves "
            "below the lowest low of the last `exit` bars, or at a stop some ATR from its entry; "
            "with `short` also the other way round. Most breakouts fail and cost a little; a few "
            "carry the result."
        ),
        presets={
            "conservative": {"entry": 55, "exit": 20, "stop_atr": 2.0, "short": False},
            "balanced": {"entry": 20, "exit": 10, "stop_atr": 2.0, "short": False},
            "aggressive": {"entry": 10, "exit": 5, "stop_atr": 3.0, "short": True},
        },
    )

    @dataclass(slots=True)
    class Params:
        entry: int = param(20, low=3, high=500, help="Bars of the channel that is entered on")
        exit: int = param(10, low=2, high=500, help="Bars of the channel that is left on")
        stop_atr: float = param(2.0, low=0.5, high=20.0, help="ATR from the close to the stop")
        short: bool = param(default=False, help="Also sell a new low")

        def __post_init__(self) -> None:
            if self.exit > self.entry:
                raise ValueError(f"exit was {self.exit}, it must not be above entry, {self.entry}")

    @dataclass(slots=True)
    class Memory:
        highs: deque[float] = field(default_factory=lambda: deque[float](maxlen=20))
        lows: deque[float] = field(default_factory=lambda: deque[float](maxlen=20))
        atr: float = 0.0
        close: float = 0.0
        upper: float = 0.0
        lower: float = 0.0

        @classmethod
        def start(cls, params: DonchianBreakout.Params) -> DonchianBreakout.Memory:
            return cls(highs=deque(maxlen=params.entry), lows=deque(maxlen=params.entry))

    def inputs(self) -> Mapping[str, float]:
        """The channel of entry and the ATR of the stop, once they are of a whole period."""
        memory = self.memory
        if not memory.upper:
            return {}
        return {"upper": memory.upper, "lower": memory.lower, "atr": memory.atr}

    def on_bar(self, bar: Bar) -> Wishes:
        memory = self.memory
        wish = self._decide(bar) if len(memory.highs) == self.params.entry else None
        last = memory.close or bar.close
        reach = max(bar.high - bar.low, abs(bar.high - last), abs(bar.low - last))
        memory.atr += (reach - memory.atr) / (self.params.entry if memory.atr else 1)
        memory.highs.append(bar.high)
        memory.lows.append(bar.low)
        memory.close = bar.close
        return wish

    def _decide(self, bar: Bar) -> Wishes:
        """The channels are of the bars before this one."""
        memory, params, close = self.memory, self.params, bar.close
        position = self.context.position
        lows: deque[float] = memory.lows
        highs: deque[float] = memory.highs
        before = params.entry - params.exit
        memory.upper, memory.lower = max(highs), min(lows)
        if position > 0 and close < min(islice(lows, before, None)):
            if params.short and close < memory.lower:
                return self._enter(-1.0, close)
            return self.want(0.0, "below the exit channel")
        if position < 0 and close > max(islice(highs, before, None)):
            if close > memory.upper:
                return self._enter(1.0, close)
            return self.want(0.0, "above the exit channel")
        if position == 0 and close > memory.upper:
            return self._enter(1.0, close)
        if position == 0 and params.short and close < memory.lower:
            return self._enter(-1.0, close)
        return None

    def _enter(self, side: float, close: float) -> Wishes:
        stop = close - side * self.params.stop_atr * self.memory.atr
        if stop <= 0:
            return None
        return self.want(side, "new high" if side > 0 else "new low", stop)
