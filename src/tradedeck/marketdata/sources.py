"""What `source` of a feed or a backtest may name: bundled data, or a path.

Owns the names `bundled:…` and the adjustment of bundled prices for splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.adjust import apply_splits, read_splits
from tradedeck.marketdata.files import Calendars, read_bars
from tradedeck.marketdata.series import BarSeries

PREFIX = "bundled:"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One set of bundled bars.

    Args:
        file: bars of every instrument.
        splits: corporate actions applied when they are read.
        instruments: what it holds, with the first and last day.
        interval: of its bars.
    """

    file: str
    splits: str
    instruments: Mapping[str, tuple[str, str]]
    interval: str


BUNDLES: dict[str, Bundle] = {
    "us-daily": Bundle(
        "us_daily.csv.gz",
        "us_daily_splits.csv",
        {
            "AAPL": ("2000-03-01", "2013-03-01"),
            "FB": ("2012-05-18", "2013-03-01"),
            "GOOG": ("2004-08-19", "2013-03-01"),
            "IBM": ("2000-03-01", "2013-03-01"),
            "MSFT": ("2000-03-01", "2013-03-01"),
        },
        "1d",
    )
}


def load(
    source: str,
    instruments: Sequence[str],
    calendar_of: Calendars,
    interval: str | None = None,
) -> dict[str, BarSeries]:
    """The bars of `instruments`, from `bundled:<name>` or a path; see `files.read_bars`.

    Raises:
        TradedeckError: NOT_FOUND for an unknown bundle or instrument, and as `read_bars` does.
    """
    if not source.startswith(PREFIX):
        return read_bars(Path(source).expanduser(), instruments, calendar_of, interval)
    bundle = _bundle(source)
    wanted = list(instruments) or sorted(bundle.instruments)
    unknown = [name for name in wanted if name not in bundle.instruments]
    if unknown:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"{source} has no bars of {', '.join(unknown)}.",
            hint=f"It has {', '.join(sorted(bundle.instruments))}.",
        )
    if interval not in (None, bundle.interval):
        raise TradedeckError(
            Code.INVALID_DATA, f"{source} has bars of {bundle.interval}, not of {interval}."
        )
    folder = files("tradedeck.marketdata.bundled")
    with as_file(folder.joinpath(bundle.file)) as file:
        found = read_bars(file, wanted, calendar_of, bundle.interval)
    with as_file(folder.joinpath(bundle.splits)) as file:
        splits = read_splits(file)
    for name, series in found.items():
        apply_splits(series, splits, calendar_of(name))
    return found


def _bundle(source: str) -> Bundle:
    name = source.removeprefix(PREFIX)
    if name not in BUNDLES:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"there is no bundled data {name!r}.",
            hint=f"There is {', '.join(PREFIX + known for known in sorted(BUNDLES))}.",
        )
    return BUNDLES[name]
