"""Parquet files as rows, through duckdb, which is an extra and loaded when a file asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.columns import layout
from tradedeck.marketdata.errors import bad_file
from tradedeck.marketdata.rows import BATCH, Loader
from tradedeck.marketdata.series import BarSeries
from tradedeck.marketdata.times import is_date, times_of

_FROM = "SELECT * FROM read_parquet(?)"


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise TradedeckError(
            Code.MISSING_DEPENDENCY,
            "reading Parquet needs the extra `parquet`, which is not installed.",
            hint="Install it with: pip install 'tradedeck[parquet]'.",
        ) from error
    return duckdb


def read_parquet(path: Path, wanted: frozenset[str] | None) -> tuple[dict[str, BarSeries], bool]:
    """(series by symbol, whether its times are dates) of a Parquet file.

    Raises:
        TradedeckError: MISSING_DEPENDENCY without duckdb; INVALID_DATA as for CSV, rows counted
            from 1 with the (virtual) header.
    """
    duckdb, name = _duckdb(), str(path)
    if not path.is_file():
        raise bad_file(name, "there is no such file")
    connection = duckdb.connect(":memory:", config={"threads": 1})
    try:
        described = connection.execute(f"DESCRIBE {_FROM}", [name]).fetchall()
        columns = [(str(row[0]), str(row[1])) for row in described]
        places = layout(name, [column for column, _ in columns])
        kind = columns[places.time][1]
        exact = kind == "DATE" or kind.startswith("TIMESTAMP")
        cursor = connection.execute(_select(columns, places.time, exact=exact), [name])
        first = cursor.fetchmany(BATCH)
        if not first:
            raise bad_file(name, "it has no rows")
        dated = kind == "DATE" or is_date(first[0][places.time])
        batches = chain([first], iter(lambda: cursor.fetchmany(BATCH), []))
        loader = Loader(name, places, _as_given if exact else times_of, wanted)
        loader.load(batches)
    except duckdb.Error as error:
        raise bad_file(name, f"it could not be read as Parquet: {error}") from error
    finally:
        connection.close()
    return loader.series, dated


def _select(columns: Sequence[tuple[str, str]], time: int, *, exact: bool) -> str:
    """The query for all rows, times as nanoseconds where they are times already."""
    names = ['"' + column.replace('"', '""') + '"' for column, _ in columns]
    if exact:
        # A zoned timestamp holds UTC already; casting it would need the zone extension.
        cast = "" if "TIME ZONE" in columns[time][1] else "::TIMESTAMP"
        names[time] = f"epoch_ns({names[time]}{cast})"
    return f"SELECT {', '.join(names)} {_FROM.removeprefix('SELECT * ')}"


def _as_given(values: Sequence[Any]) -> Sequence[int]:
    if None in values:
        raise ValueError("the time is missing")
    return values
