"""Short trades in XAUUSD: buy the dip of a rising market while London and New York are awake.

Source of the idea: Connors, Alvarez, "Short Term Trading Strategies That Work" (2008), RSI(2).
Formulas: RSI = 100 x gain / (gain + loss), gain and loss smoothed as Wilder does,
s_t = s_{t-1} + (x_t - s_{t-1}) / n; ATR as in `donchian_breakout`; EMA as in `ema_cross`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tradedeck.strategies.interface import Meta, Strategy, Wishes, param
from tradedeck.trading.market import Bar

_HOUR_NS = 3_600_000_000_000


class GoldScalping(Strategy):
    """A pullback against the trend, left at its end, after some bars, or at the stop."""

    meta = Meta(
        name="gold-scalping",
        title="Gold scalping",
        description=(
            "Trades XAUUSD on hourly or shorter bars: with the trend (an average of closes) it "
            "buys a short dip and sells a short rise, during the given hours only, and leaves "
            "when the swing is over, after a few bars, or at a stop. It makes many small trades, "
            "so spread decides: above `spread_bps` it stays out, and on a wide spread it loses."
        ),
        intervals=("1m", "5m", "15m", "30m", "1h"),
        instruments=("XAUUSD",),
        presets={
            "conservative": {"trend": 200, "dip": 5.0, "bars_max": 12, "stop_atr": 2.0},
            "balanced": {"trend": 100, "dip": 10.0, "bars_max": 8, "stop_atr": 2.0},
            "aggressive": {"trend": 50, "dip": 20.0, "bars_max": 6, "stop_atr": 1.5},
        },
    )

    @dataclass(slots=True)
    class Params:
        trend: int = param(100, low=10, high=1000, help="Bars of the average that is the trend")
        swing: int = param(2, low=2, high=20, help="Bars of the RSI")
        dip: float = param(10.0, low=1.0, high=40.0, help="RSI below which a dip is bought")
        leave: float = param(60.0, low=45.0, high=95.0, help="RSI at which the swing is over")
        bars_max: int = param(8, low=1, high=100, help="Bars after which it leaves anyway")
        stop_atr: float = param(2.0, low=0.5, high=10.0, help="ATR(14) from close to stop")
        hour_from: int = param(7, low=0, high=23, help="First hour of entries, UTC")
        hour_to: int = param(20, low=1, high=24, help="Hour from which none is made, UTC")
        spread_bps: float = param(4.0, low=0.1, high=50.0, help="Widest spread it enters at")

        def __post_init__(self) -> None:
            if self.hour_from >= self.hour_to:
                raise ValueError(
                    f"hour_from was {self.hour_from}, it must be before hour_to, {self.hour_to}"
                )

    @dataclass(slots=True)
    class Memory:
        bars: int = 0
        held: int = 0
        close: float = 0.0
        trend: float = 0.0
        gain: float = 0.0
        loss: float = 0.0
        rsi: float = 50.0
        atr: float = 0.0

    _ATR_BARS = 14

    def inputs(self) -> Mapping[str, float]:
        """What an entry is judged by; the counters and smoothed parts stay inside."""
        memory = self.memory
        if not memory.bars:
            return {}
        return {"trend": memory.trend, "rsi": memory.rsi, "atr": memory.atr}

    def on_bar(self, bar: Bar) -> Wishes:
        memory, params = self.memory, self.params
        self._measure(bar)
        position = self.context.position
        if position:
            memory.held += 1
            over = memory.rsi >= params.leave if position > 0 else memory.rsi <= 100 - params.leave
            if over or memory.held >= params.bars_max:
                memory.held = 0
                return self.want(0.0, "the swing is over" if over else "held long enough")
            return None
        memory.held = 0
        if memory.bars < params.trend or not self._may_enter(bar):
            return None
        stop = params.stop_atr * memory.atr
        if bar.close > memory.trend and memory.rsi < params.dip:
            return self.want(1.0, "dip in a rising market", bar.close - stop)
        if bar.close < memory.trend and memory.rsi > 100 - params.dip:
            return self.want(-1.0, "rise in a falling market", bar.close + stop)
        return None

    def _measure(self, bar: Bar) -> None:
        memory, params, close = self.memory, self.params, bar.close
        memory.bars += 1
        if memory.bars == 1:
            memory.trend = memory.close = close
            memory.atr = bar.high - bar.low
            return
        last, change = memory.close, close - memory.close
        memory.trend += 2.0 / (params.trend + 1) * (close - memory.trend)
        memory.gain += (max(change, 0.0) - memory.gain) / params.swing
        memory.loss += (max(-change, 0.0) - memory.loss) / params.swing
        both = memory.gain + memory.loss
        memory.rsi = 100.0 * memory.gain / both if both else 50.0
        reach = max(bar.high - bar.low, abs(bar.high - last), abs(bar.low - last))
        memory.atr += (reach - memory.atr) / self._ATR_BARS
        memory.close = close

    def _may_enter(self, bar: Bar) -> bool:
        hour = bar.end_ns // _HOUR_NS % 24
        if not self.params.hour_from <= hour < self.params.hour_to:
            return False
        if bar.bid is None or bar.ask is None:
            return True
        return (bar.ask - bar.bid) / bar.close * 10_000 <= self.params.spread_bps
