"""Bars of one instrument in columns: a million take what their numbers take.

Owns the columns and looking into them. Never: reads a file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import repeat

from tradedeck.trading.market import Bar

INTEGERS = ("time", "end")
FLOATS = ("open", "high", "low", "close", "volume")
SIDES = ("bid", "ask")


class BarSeries:
    """Consecutive bars, ascending in time, each closed before the next begins or as it does.

    Args:
        instrument: symbol.
        interval_ns: length of a bar; a day's is its session's.
        sided: whether bid and ask of the close are known.
    """

    __slots__ = ("instrument", "interval_ns", "sided", *INTEGERS, *FLOATS, *SIDES)

    def __init__(self, instrument: str, interval_ns: int, *, sided: bool = False) -> None:
        self.instrument = instrument
        self.interval_ns = interval_ns
        self.sided = sided
        self.time: array[int] = array("q")
        self.end: array[int] = array("q")
        self.open: array[float] = array("d")
        self.high: array[float] = array("d")
        self.low: array[float] = array("d")
        self.close: array[float] = array("d")
        self.volume: array[float] = array("d")
        self.bid: array[float] = array("d")
        self.ask: array[float] = array("d")

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, index: int) -> Bar:
        bid, ask = (self.bid[index], self.ask[index]) if self.sided else (None, None)
        return Bar(
            self.instrument,
            self.time[index],
            self.end[index],
            self.open[index],
            self.high[index],
            self.low[index],
            self.close[index],
            self.volume[index],
            bid,
            ask,
        )

    def __iter__(self) -> Iterator[Bar]:
        """Bars in order, made as they are asked for (0.2 µs each).

        Filled here, field by field: a constructor written in Python would be called for each.
        """
        bars, symbol = map(object.__new__, repeat(Bar)), repeat(self.instrument)
        bids, asks = (self.bid, self.ask) if self.sided else (repeat(None), repeat(None))
        columns = (self.time, self.end, *(getattr(self, name) for name in FLOATS))
        for (
            bar,
            bar.instrument,
            bar.time_ns,
            bar.end_ns,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.bid,
            bar.ask,
        ) in zip(bars, symbol, *columns, bids, asks, strict=False):
            yield bar

    def append(self, bar: Bar) -> None:
        """Add a bar; it has to end after the last one."""
        assert not self.end or bar.end_ns > self.end[-1]
        self.time.append(bar.time_ns)
        self.end.append(bar.end_ns)
        for name in FLOATS:
            getattr(self, name).append(getattr(bar, name))
        if self.sided:
            assert bar.bid is not None
            assert bar.ask is not None
            self.bid.append(bar.bid)
            self.ask.append(bar.ask)

    def index_at(self, at_ns: int) -> int:
        """Index of the first bar that closes at or after `at_ns`; len(self) when none does."""
        return bisect_left(self.end, at_ns)

    def between(self, start_ns: int | None, end_ns: int | None) -> BarSeries:
        """The bars that begin at or after `start_ns` and close at or before `end_ns`."""
        first = 0 if start_ns is None else bisect_left(self.time, start_ns)
        last = len(self) if end_ns is None else bisect_left(self.end, end_ns + 1)
        part = BarSeries(self.instrument, self.interval_ns, sided=self.sided)
        for name in (*INTEGERS, *FLOATS, *(SIDES if self.sided else ())):
            setattr(part, name, getattr(self, name)[first:last])
        return part

    def nbytes(self) -> int:
        """Bytes that the numbers take."""
        return sum(
            len(column) * column.itemsize
            for column in (getattr(self, name) for name in (*INTEGERS, *FLOATS, *SIDES))
        )
