"""Bars out of files: what a path may be, whose bars it holds, and when each bar closes.

Owns reading a file, or a folder of them, into one `BarSeries` per instrument. The formats are
described in docs/reference/bar-files.md. Never: watches a file or waits for one.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.csvfile import read_csv
from tradedeck.marketdata.errors import bad_file
from tradedeck.marketdata.intervals import DAY_NS, interval_ns, interval_text
from tradedeck.marketdata.parquet import read_parquet
from tradedeck.marketdata.rows import smallest_step
from tradedeck.marketdata.series import BarSeries
from tradedeck.trading.calendar import SessionTable

SUFFIXES = (".csv", ".csv.gz", ".parquet")
Calendars = Callable[[str], SessionTable]


def read_bars(
    path: Path,
    instruments: Sequence[str],
    calendar_of: Calendars,
    interval: str | None = None,
) -> dict[str, BarSeries]:
    """The bars of `instruments` in a file, or in a folder with one file for each.

    Args:
        path: a file of `SUFFIXES`, or a folder with `<instrument>.csv` and the like.
        instruments: which to read. Empty: all that the file names in a symbol column.
        calendar_of: the session table of an instrument; daily bars close with its session.
        interval: such as "1d" or "5m"; None: the smallest step between bars.

    Raises:
        TradedeckError: INVALID_DATA with path and row; NOT_FOUND when the path or an instrument
            is missing; MISSING_DEPENDENCY for Parquet without duckdb.
    """
    if path.is_dir():
        found: dict[str, BarSeries] = {}
        for instrument in instruments:
            found |= read_bars(_in_folder(path, instrument), [instrument], calendar_of, interval)
        return found
    raw, dated = _read(path, frozenset(instruments) or None)
    named = _named(path, raw, instruments)
    for instrument, series in named.items():
        series.instrument = instrument
        if not len(series):
            raise bad_file(str(path), f"it has no rows of {instrument}")
        _close(str(path), series, calendar_of(instrument), interval, dated=dated)
    return named


def _in_folder(folder: Path, instrument: str) -> Path:
    for suffix in SUFFIXES:
        file = folder / f"{instrument}{suffix}"
        if file.is_file():
            return file
    raise TradedeckError(
        Code.NOT_FOUND,
        f"{folder} has no bars of {instrument}.",
        hint=f"It may be {', '.join(instrument + suffix for suffix in SUFFIXES)}.",
    )


def _read(path: Path, wanted: frozenset[str] | None) -> tuple[dict[str, BarSeries], bool]:
    name = path.name.lower()
    if not path.exists():
        raise TradedeckError(Code.NOT_FOUND, f"{path} does not exist.")
    if name.endswith(".parquet"):
        return read_parquet(path, wanted)
    if name.endswith((".csv", ".csv.gz")):
        return read_csv(path, wanted)
    raise bad_file(str(path), "its kind is unknown", f"Known are {', '.join(SUFFIXES)}.")


def _named(
    path: Path, raw: Mapping[str, BarSeries], instruments: Sequence[str]
) -> dict[str, BarSeries]:
    """Give the series of a file without a symbol column the one name it was asked for."""
    if "" in raw:
        if len(instruments) != 1:
            raise bad_file(
                str(path),
                f"it names no instrument and {len(instruments)} were asked for",
                "Add a column `instrument`, or ask for one.",
            )
        return {instruments[0]: raw[""]}
    missing = [name for name in instruments if name not in raw]
    if missing:
        raise TradedeckError(Code.NOT_FOUND, f"{path} has no rows of {', '.join(missing)}.")
    return dict(raw)


def _close(
    path: str, series: BarSeries, table: SessionTable, interval: str | None, *, dated: bool
) -> None:
    """Set when each bar closed: a day with its session, any other after its interval."""
    step = smallest_step(series.time)
    length = interval_ns(interval) if interval else (DAY_NS if dated else step)
    if not length:
        raise bad_file(path, "one bar does not tell its interval", "Name the interval.")
    if dated and length != DAY_NS:
        raise bad_file(path, f"it has dates, which cannot be bars of {interval}")
    series.interval_ns = min(length, DAY_NS)
    if length >= DAY_NS:
        _close_days(path, series, table)
        return
    if step and step < length:
        raise bad_file(path, f"bars are {interval_text(step)} apart, closer than their {interval}")
    series.end = array("q", map(length.__add__, series.time))


def _close_days(path: str, series: BarSeries, table: SessionTable) -> None:
    opens, closes = array("q"), array("q")
    for row, time in enumerate(series.time, 1):
        session = table.session_of(time // DAY_NS)
        if session is None:
            day = _day_text(time)
            why = f"{day} is no session of {table.name}"
            if not table.covers(time // DAY_NS):
                why = f"{day} is outside the table of {table.name}"
            raise bad_file(path, f"bar {row} of {series.instrument}: {why}")
        opens.append(session[0])
        closes.append(session[1])
    series.time, series.end = opens, closes


def _day_text(time_ns: int) -> str:
    return format_ns(time_ns)[:10]
