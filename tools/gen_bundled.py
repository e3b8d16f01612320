"""Writes the bundled daily bars from the wheel of bokeh-sampledata, and checks its splits.

A split shows in the source as a step of `Adj Close / Close`; the corporate-action table has to
name each such step and no other.

Usage: python tools/gen_bundled.py WHEEL
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

BUNDLED = Path(__file__).resolve().parents[1] / "src/tradedeck/marketdata/bundled"
MEMBER = "bokeh_sampledata/_data/stocks.csv.gz"
HEADER = ("instrument", "date", "open", "high", "low", "close", "volume")
# A dividend moves the quotient by a few percent, a split by at least a third.
SPLIT_STEP_MIN = 1.3


def rows_of(wheel: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER)).decode()
    return list(csv.DictReader(io.StringIO(text)))


def splits_in(rows: Sequence[dict[str, str]]) -> dict[tuple[str, str], float]:
    """(instrument, date) → ratio, by the steps of the source's own adjustment."""
    found: dict[tuple[str, str], float] = {}
    before: dict[str, float] = {}
    for row in rows:
        quotient = float(row["Adj Close"]) / float(row["Close"])
        step = quotient / before.get(row["Ticker"], quotient)
        before[row["Ticker"]] = quotient
        if step > SPLIT_STEP_MIN or step < 1 / SPLIT_STEP_MIN:
            found[row["Ticker"], row["Date"]] = round(step, 3)
    return found


def main(arguments: Sequence[str]) -> int:
    rows = rows_of(Path(arguments[0]))
    with (BUNDLED / "us_daily_splits.csv").open(encoding="utf-8") as file:
        table = {(r["instrument"], r["date"]): float(r["ratio"]) for r in csv.DictReader(file)}
    seen = splits_in(rows)
    print("splits by the source's own adjustment:", seen)
    assert seen == table, "the corporate-action table differs from the source"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    names = ("Ticker", "Date", "Open", "High", "Low", "Close", "Volume")
    writer.writerows([row[name] for name in names] for row in rows)
    # mtime 0: the same input gives the same bytes.
    packed = gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0)
    (BUNDLED / "us_daily.csv.gz").write_bytes(packed)
    print(f"{len(rows)} rows, {len(packed)} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
