from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import TradedeckError
from tradedeck.marketdata.adjust import Split, apply_splits, read_splits
from tradedeck.marketdata.sources import BUNDLES, load

# A real fall of more than half in a day, on a profit warning the evening before.
NO_SPLITS = {("AAPL", "2000-09-29")}


def test_the_bundle_has_what_it_says(new_york: Any) -> None:
    found = load("bundled:us-daily", [], new_york)
    spans = {
        name: (format_ns(series.time[0])[:10], format_ns(series.time[-1])[:10])
        for name, series in found.items()
    }
    assert spans == dict(BUNDLES["us-daily"].instruments)
    assert sum(len(series) for series in found.values()) == 12_154


def test_splits_are_applied_and_nothing_else_jumps_like_one(new_york: Any) -> None:
    jumps: set[tuple[str, str]] = set()
    for name, series in load("bundled:us-daily", [], new_york).items():
        for before, bar in pairwise(series):
            ratio = before.close / bar.open
            if max(ratio, 1 / ratio) > 1.4:
                jumps.add((name, format_ns(bar.time_ns)[:10]))
    assert jumps == NO_SPLITS


def test_without_the_table_each_split_shows(new_york: Any) -> None:
    splits = read_splits(
        Path(__file__).parents[2] / "src/tradedeck/marketdata/bundled/us_daily_splits.csv"
    )
    assert [(split.instrument, str(split.day), split.ratio) for split in splits] == [
        ("AAPL", "2000-06-21", 2.0),
        ("MSFT", "2003-02-18", 2.0),
        ("AAPL", "2005-02-28", 2.0),
    ]
    for name in ("AAPL", "MSFT"):
        series = load("bundled:us-daily", [name], new_york)[name]
        undo = [Split(name, s.day, 1 / s.ratio) for s in splits if s.instrument == name]
        apply_splits(series, undo, new_york(name))
        for split in undo:
            index = next(
                i for i, t in enumerate(series.time) if format_ns(t)[:10] == str(split.day)
            )
            assert series.close[index - 1] / series.close[index] > 1.75


def test_prices_and_volume_of_the_days_around_a_split(new_york: Any) -> None:
    series = load("bundled:us-daily", ["AAPL"], new_york)["AAPL"]
    days = {format_ns(bar.time_ns)[:10]: bar for bar in series}
    assert days["2005-02-25"].close == pytest.approx(88.99 / 2)
    assert days["2005-02-28"].close == 44.86
    assert days["2000-03-01"].close == pytest.approx(130.31 / 4)
    assert days["2000-03-01"].volume == pytest.approx(9_616_100 * 4)


def test_names_that_do_not_exist(new_york: Any) -> None:
    with pytest.raises(TradedeckError, match="no bundled data 'eu'"):
        load("bundled:eu", [], new_york)
    with pytest.raises(TradedeckError, match="no bars of TSLA") as raised:
        load("bundled:us-daily", ["TSLA"], new_york)
    assert "AAPL" in raised.value.hint
    with pytest.raises(TradedeckError, match="bars of 1d, not of 1h"):
        load("bundled:us-daily", ["AAPL"], new_york, "1h")


@pytest.mark.parametrize("row", ["AAPL,2005-02-30,2", "AAPL,2005-02-28,0", "AAPL,2005-02-28,x"])
def test_a_bad_table_is_named(row: str, write: Any) -> None:
    path = write("splits.csv", "instrument,date,ratio", row)
    with pytest.raises(TradedeckError, match="row 2"):
        read_splits(path)
