"""Buy once and keep: the yardstick that every other strategy is held against."""

from __future__ import annotations

from dataclasses import dataclass

from tradedeck.strategies.interface import Meta, Strategy, Wishes, param
from tradedeck.trading.market import Bar


class BuyAndHold(Strategy):
    """Long from the first bar."""

    meta = Meta(
        name="buy-and-hold",
        title="Buy and hold",
        description=(
            "Buys on the first bar and keeps the position. It has no idea of its own: it shows "
            "what the instrument itself did, with its whole drawdown. `share` is how much of the "
            "trader's size it takes."
        ),
        presets={
            "conservative": {"share": 0.25},
            "balanced": {"share": 0.5},
            "aggressive": {"share": 1.0},
        },
    )

    @dataclass(slots=True)
    class Params:
        share: float = param(1.0, low=0.01, high=1.0, help="Share of the trader's size")

    def on_bar(self, bar: Bar) -> Wishes:
        del bar
        return None if self.context.position > 0 else self.want(self.params.share, "hold")
