"""Rows → bar columns. Owns the rules that a row has to keep.

Rows are taken a few thousand at a time, column by column, in C; only when something in a batch is
wrong is it gone through row by row, to name the first bad one. Never: opens a file.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from math import inf, isfinite
from operator import le, lt
from typing import Any

import orjson

from tradedeck.marketdata.columns import PRICES, TWO_SIDED, Layout
from tradedeck.marketdata.errors import bad_row
from tradedeck.marketdata.series import BarSeries

Row = Sequence[Any]
# Large enough to leave the interpreter out of it, small enough to hold as objects.
BATCH = 4096
_FIRST_ROW = 2  # the header is row 1


class Loader:
    """Takes the rows of one file; one series per symbol (the empty symbol when it has none).

    Args:
        path: as errors name it.
        layout: where the columns are.
        times_of: a column of time cells → epoch nanoseconds; raises ValueError.
        wanted: symbols to keep; None: all.
    """

    def __init__(
        self,
        path: str,
        layout: Layout,
        times_of: Callable[[Sequence[Any]], Sequence[int]],
        wanted: frozenset[str] | None = None,
    ) -> None:
        self._path = path
        self._layout = layout
        self._times_of = times_of
        self._wanted = wanted
        self.series: dict[str, BarSeries] = {}

    def load(self, batches: Iterable[Sequence[Row]]) -> None:
        """Read everything; a blank row is passed over.

        Raises:
            TradedeckError: INVALID_DATA with path and row number, at the first bad row.
        """
        number = _FIRST_ROW
        by_symbol = self._layout.symbol is not None
        for batch in batches:
            if by_symbol or not self._take_batch(self._of(""), batch):
                for offset, row in enumerate(batch):
                    if any(cell != "" for cell in row):
                        self._take(number + offset, row)
            number += len(batch)

    def _of(self, symbol: str) -> BarSeries:
        series = self.series.get(symbol)
        if series is None:
            series = self.series[symbol] = BarSeries(symbol, 0, sided=self._layout.sided)
        return series

    def _take_batch(self, series: BarSeries, batch: Sequence[Row]) -> bool:
        """Append a batch whose every row is good; else append nothing and say so."""
        layout = self._layout
        try:
            cells = list(zip(*batch, strict=True))
            times = array("q", self._times_of(cells[layout.time]))
            prices = [_numbers(cells[place]) for place in layout.prices]
            if layout.volume is None:
                volume = array("d", bytes(8 * len(batch)))
            else:
                volume = _numbers(cells[layout.volume])
        except (ValueError, TypeError, IndexError, OverflowError):
            return False
        last = series.time[-1] if series.time else -1
        good = (
            times[0] > last
            and all(map(lt, times, islice(times, 1, None)))
            and all(map(le, repeat(0.0), volume))
            and max(volume) < inf
            and all(_ordered(*prices[side : side + 4]) for side in range(0, len(prices), 4))
        )
        if good and layout.sided:
            good = all(map(le, prices[0], prices[4])) and all(map(le, prices[3], prices[7]))
        if good:
            self._append(series, times, prices, volume)
        return good

    def _append(
        self,
        series: BarSeries,
        times: Iterable[int],
        prices: Sequence[Sequence[float]],
        volume: Iterable[float],
    ) -> None:
        series.time.extend(times)
        series.volume.extend(volume)
        columns = (series.open, series.high, series.low, series.close)
        if not self._layout.sided:
            for column, values in zip(columns, prices, strict=True):
                column.extend(values)
            return
        for column, bids, asks in zip(columns, prices[:4], prices[4:], strict=True):
            column.extend((bid + ask) / 2 for bid, ask in zip(bids, asks, strict=True))
        series.bid.extend(prices[3])
        series.ask.extend(prices[7])

    def _take(self, number: int, row: Row) -> None:
        """Append one row, or raise what is wrong with it."""
        layout = self._layout
        symbol = ""
        if layout.symbol is not None:
            symbol = str(row[layout.symbol]).strip() if layout.symbol < len(row) else ""
            if not symbol:
                raise bad_row(self._path, number, "the symbol is missing")
            if self._wanted is not None and symbol not in self._wanted:
                return
        series = self._of(symbol)
        last = series.time[-1] if series.time else -1
        reason = self._wrong(row, last)
        if reason:
            raise bad_row(self._path, number, reason)
        prices = [(float(row[place]),) for place in layout.prices]
        volume = 0.0
        if layout.volume is not None:
            volume = float(row[layout.volume] or 0.0)
        self._append(series, self._times_of((row[layout.time],)), prices, (volume,))

    def _wrong(self, row: Row, last: int) -> str:
        """Which rule a row breaks, in words; empty when it breaks none."""
        layout = self._layout
        names = TWO_SIDED if layout.sided else PRICES
        if len(row) <= max(layout.time, *layout.prices, layout.volume or 0):
            return f"it has {len(row)} columns, fewer than the header"
        try:
            (time,) = self._times_of((row[layout.time],))
        except (ValueError, TypeError) as error:
            return str(error)
        if time <= last:
            return f"the time {row[layout.time]!r} is not after the row before"
        cells = [(name, row[place]) for name, place in zip(names, layout.prices, strict=True)]
        if layout.volume is not None and row[layout.volume] not in ("", None):
            cells.append(("volume", row[layout.volume]))
        for name, cell in cells:
            reason = _bad_number(name, cell)
            if reason:
                return reason
        values = {name: float(cell) for name, cell in cells}
        return _bad_sides(values) if layout.sided else _bad_order("", values)


def _numbers(cells: Sequence[Any]) -> array[float]:
    """A column of numbers; text is read by the JSON parser, four times as fast as `float`.

    Raises:
        ValueError, TypeError: one of them is no number; or only `float` could tell.
    """
    if not isinstance(cells[0], str):
        return array("d", map(float, cells))
    text = ",".join(cells)
    # `true` and `false` would pass for 1 and 0.
    if "u" in text or "a" in text:
        raise ValueError("words among the numbers")
    try:
        values: list[float] = orjson.loads(f"[{text}]")
    except orjson.JSONDecodeError:
        # Such as `.5` and `+1`, which are numbers outside JSON.
        return array("d", map(float, cells))
    if len(values) != len(cells):
        raise ValueError("a comma inside a number")
    return array("d", values)


def _ordered(
    opens: array[float], highs: array[float], lows: array[float], closes: array[float]
) -> bool:
    """0 < low ≤ open, close ≤ high < ∞ in every row; NaN fails every comparison."""
    return (
        all(map(le, lows, opens))
        and all(map(le, opens, highs))
        and all(map(le, lows, closes))
        and all(map(le, closes, highs))
        and min(lows) > 0.0
        and max(highs) < inf
    )


def _bad_number(name: str, cell: Any) -> str:
    try:
        value = float(cell)
    except (ValueError, TypeError):
        return f"{name} {cell!r} is not a number"
    if not isfinite(value):
        return f"{name} {cell!r} is not a finite number"
    if value < 0 or (value == 0 and name != "volume"):
        return f"{name} was {value}, it must be above zero"
    return ""


def _bad_order(side: str, values: dict[str, float]) -> str:
    high, low = values[f"{side}high"], values[f"{side}low"]
    if high < low:
        return f"{side}high {high} is below {side}low {low}"
    for name in ("open", "close"):
        value = values[side + name]
        if not low <= value <= high:
            return f"{side}{name} {value} is outside {side}low {low} to {side}high {high}"
    return ""


def _bad_sides(values: dict[str, float]) -> str:
    reason = _bad_order("bid_", values) or _bad_order("ask_", values)
    for name in ("open", "close"):
        bid, ask = values[f"bid_{name}"], values[f"ask_{name}"]
        if not reason and bid > ask:
            reason = f"bid_{name} {bid} is above ask_{name} {ask}"
    return reason


def smallest_step(times: array[int], looked_at: int = 1000) -> int:
    """The shortest distance between neighbours at the beginning of a column; 0 for one bar."""
    head: Iterator[tuple[int, int]] = zip(times, islice(times, 1, looked_at), strict=False)
    return min((later - earlier for earlier, later in head), default=0)
