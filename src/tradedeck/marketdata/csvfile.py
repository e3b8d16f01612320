"""CSV files, gzipped or plain, as batches of rows. Owns opening them and how broken ones fail."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO

from tradedeck.marketdata.columns import layout
from tradedeck.marketdata.errors import bad_file
from tradedeck.marketdata.rows import BATCH, Loader
from tradedeck.marketdata.series import BarSeries
from tradedeck.marketdata.times import is_date, times_of


@contextmanager
def _opened(path: Path) -> Generator[IO[str]]:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path, "rt", encoding="utf-8-sig") as file:
            yield file
    else:
        with path.open(encoding="utf-8-sig") as file:
            yield file


def read_csv(path: Path, wanted: frozenset[str] | None) -> tuple[dict[str, BarSeries], bool]:
    """(series by symbol, whether its times are dates) of a CSV file.

    Raises:
        TradedeckError: INVALID_DATA, with the row where there is one.
    """
    name = str(path)
    try:
        with _opened(path) as file:
            return _read(name, file, wanted)
    except (OSError, EOFError, zlib.error) as error:
        raise bad_file(name, f"it could not be read: {error}") from error
    except UnicodeDecodeError as error:
        raise bad_file(name, "it is not UTF-8 text") from error
    except csv.Error as error:
        raise bad_file(name, f"it is not CSV: {error}") from error


def _read(
    name: str, file: IO[str], wanted: frozenset[str] | None
) -> tuple[dict[str, BarSeries], bool]:
    header = next(_rows([file.readline()]), None)
    if not header or header == [""]:
        raise bad_file(name, "the file is empty")
    places = layout(name, header)
    batches = _batches(file)
    first = next(batches, None)
    if first is None:
        raise bad_file(name, "it has a header and no rows")
    dated = len(first[0]) > places.time and is_date(first[0][places.time])
    loader = Loader(name, places, times_of, wanted)
    loader.load(chain([first], batches))
    return loader.series, dated


def _batches(file: IO[str]) -> Iterator[list[list[str]]]:
    while lines := list(islice(file, BATCH)):
        yield list(_rows(lines))


def _rows(lines: list[str]) -> Iterator[list[str]]:
    """Cells of each line. Without a quote in sight, splitting is twice as fast as the parser."""
    if any('"' in line for line in lines):
        return csv.reader(lines)
    return (line.rstrip().split(",") for line in lines)
