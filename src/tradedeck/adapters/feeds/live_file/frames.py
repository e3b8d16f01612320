"""Lines → bars: the frame format of docs/reference/frames.md. Pure; knows no file.

A line that is no frame is refused with its reason and counted; the ones after it still count.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, cast

import orjson

from tradedeck.marketdata.intervals import DAY_NS
from tradedeck.marketdata.times import time_of
from tradedeck.trading.market import Bar

FIELDS = frozenset(
    ("instrument", "time", "end", "open", "high", "low", "close", "volume", "bid", "ask")
)
PRICES = ("open", "high", "low", "close")


class FrameError(ValueError):
    """One line that is no frame."""


def parse_json(line: bytes, interval_ns: int) -> Bar:
    """A frame from one JSON line.

    Raises:
        FrameError: in words.
    """
    try:
        values: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise FrameError(f"it is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise FrameError("it is not a JSON object")
    return frame(cast("dict[str, Any]", values), interval_ns)


def parse_csv(line: bytes, header: tuple[str, ...], interval_ns: int) -> Bar:
    """A frame from one CSV line under `header`; an empty cell is an absent field.

    Raises:
        FrameError: in words.
    """
    try:
        cells = line.decode("utf-8").split(",")
    except UnicodeDecodeError:
        raise FrameError("it is not UTF-8 text") from None
    if len(cells) != len(header):
        raise FrameError(f"it has {len(cells)} cells, the header {len(header)}")
    stripped = (cell.strip() for cell in cells)
    return frame(
        {name: cell for name, cell in zip(header, stripped, strict=True) if cell}, interval_ns
    )


def header_of(line: bytes) -> tuple[str, ...]:
    """The column names of a CSV source.

    Raises:
        FrameError: a needed column is missing, or one is unknown.
    """
    names = tuple(cell.strip().lower() for cell in line.decode("utf-8", "replace").split(","))
    missing = [name for name in ("instrument", "time", *PRICES) if name not in names]
    if missing:
        raise FrameError(f"the header misses {', '.join(missing)}")
    _refuse_unknown(dict.fromkeys(names))
    return names


def frame(values: Mapping[str, Any], interval_ns: int) -> Bar:
    """A checked bar of one frame's fields.

    Raises:
        FrameError: in words.
    """
    _refuse_unknown(values)
    instrument = values.get("instrument")
    if not isinstance(instrument, str) or not instrument:
        raise FrameError("instrument is missing")
    start = _time(values, "time")
    end = _time(values, "end") if "end" in values else start + interval_ns
    if not start < end <= start + DAY_NS:
        raise FrameError("end must be after time, by a day at most")
    first, high, low, close = (_number(values, name) for name in PRICES)
    if not low <= min(first, close) <= max(first, close) <= high:
        raise FrameError(f"open {first} and close {close} must be within {low} and {high}")
    volume = _number(values, "volume", zero=True) if "volume" in values else 0.0
    if ("bid" in values) != ("ask" in values):
        raise FrameError("bid and ask come together")
    if "bid" not in values:
        return Bar(instrument, start, end, first, high, low, close, volume)
    bid, ask = _number(values, "bid"), _number(values, "ask")
    if bid > ask:
        raise FrameError(f"bid {bid} is above ask {ask}")
    return Bar(instrument, start, end, first, high, low, close, volume, bid, ask)


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    unknown = sorted(set(values) - FIELDS)
    if unknown:
        raise FrameError(f"unknown fields: {', '.join(unknown)[:100]}")


def _time(values: Mapping[str, Any], name: str) -> int:
    if name not in values:
        raise FrameError(f"{name} is missing")
    value = values[name]
    if isinstance(value, str) and not value.isdecimal() and _zoneless(value):
        raise FrameError(f"{name} {value[:40]!r} has no zone; write it with Z")
    try:
        return time_of(value)
    except ValueError as error:
        raise FrameError(f"{name}: {error}") from None


def _zoneless(text: str) -> bool:
    clock = text.strip().replace(" ", "T").partition("T")[2]
    return not (clock.endswith(("Z", "z")) or "+" in clock or "-" in clock)


def _number(values: Mapping[str, Any], name: str, *, zero: bool = False) -> float:
    if name not in values:
        raise FrameError(f"{name} is missing")
    value = values[name]
    try:
        number = float(value) if isinstance(value, str | int | float) else float("nan")
    except ValueError:
        number = float("nan")
    if isinstance(value, bool) or not isfinite(number):
        raise FrameError(f"{name} {value!r:.40} is not a finite number")
    if number < 0 or (number == 0 and not zero):
        raise FrameError(f"{name} was {number}, it must be above zero")
    return number
