"""Corporate actions: splits applied to the bars before them. Owns the table's form and arithmetic.

After adjustment, prices before a split are those of today's shares: divided by the ratio, their
volume multiplied by it. Dividends are left alone: they are cash, not price.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tradedeck.marketdata.errors import bad_row
from tradedeck.marketdata.series import SIDES, BarSeries
from tradedeck.trading.calendar import SessionTable

_EPOCH_DAY = date(1970, 1, 1)
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Split:
    """`ratio` new shares for one old, in force from the opening of `day`."""

    instrument: str
    day: date
    ratio: float


def read_splits(path: Path) -> list[Split]:
    """The table of a CSV file with the columns instrument, date, ratio.

    Raises:
        TradedeckError: INVALID_DATA, with the row.
    """
    splits: list[Split] = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                split = Split(
                    row["instrument"], date.fromisoformat(row["date"]), float(row["ratio"])
                )
            except (KeyError, TypeError, ValueError) as error:
                raise bad_row(str(path), number, f"it is not a split: {error}") from error
            if not 0 < split.ratio < 1000 or split.ratio == 1:
                raise bad_row(str(path), number, f"the ratio was {split.ratio}")
            splits.append(split)
    return splits


def apply_splits(series: BarSeries, splits: Iterable[Split], table: SessionTable) -> None:
    """Adjust the bars of `series` that closed before each of its instrument's splits."""
    for split in splits:
        if split.instrument != series.instrument:
            continue
        session = table.session_of((split.day - _EPOCH_DAY).days)
        assert session is not None, f"{split} is not on a day of {table.name}"
        before = series.index_at(session[0] + 1)
        for name in (*_PRICES, *(SIDES if series.sided else ())):
            column = getattr(series, name)
            for index in range(before):
                column[index] /= split.ratio
        for index in range(before):
            series.volume[index] *= split.ratio
