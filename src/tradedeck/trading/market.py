"""Market observations. Prices here are floats: they are read, never owed.

An observation becomes money only through `Instrument.price`, at the moment of an order or fill.
"""

from __future__ import annotations


class Bar:
    """One closed bar of one instrument.

    Args:
        instrument: symbol.
        time_ns: start of the bar, epoch nanoseconds.
        end_ns: when it closed; decisions on it are dated so.
        open, high, low, close: mid or last prices, in the instrument's currency.
        volume: units traded, or 0.0 where the source has none.
        bid, ask: at the close, or NaN-free None where the source quotes no sides.
    """

    __slots__ = (
        "ask",
        "bid",
        "close",
        "end_ns",
        "high",
        "instrument",
        "low",
        "open",
        "time_ns",
        "volume",
    )

    def __init__(
        self,
        instrument: str,
        time_ns: int,
        end_ns: int,
        open: float,  # noqa: A002 - the field's own name
        high: float,
        low: float,
        close: float,
        volume: float = 0.0,
        bid: float | None = None,
        ask: float | None = None,
    ) -> None:
        self.instrument = instrument
        self.time_ns = time_ns
        self.end_ns = end_ns
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.bid = bid
        self.ask = ask

    def __repr__(self) -> str:
        return (
            f"Bar({self.instrument} {self.end_ns} o={self.open} h={self.high} "
            f"l={self.low} c={self.close} v={self.volume})"
        )

    def to_list(self) -> list[object]:
        """The wire form between processes of one host, in constructor order."""
        return [
            self.instrument,
            self.time_ns,
            self.end_ns,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.bid,
            self.ask,
        ]
