"""The spellings of a time that bar files use. A file's time without a zone is UTC, documented."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import cast

NS_PER_S = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Plain numbers are told apart by size: seconds until the year 5138, then ms, µs, ns.
_SCALES = ((10**11, NS_PER_S), (10**14, 1_000_000), (10**17, 1_000), (10**20, 1))
_parse = datetime.fromisoformat
_zone = attrgetter("tzinfo")
_DATE_LENGTH = len("2004-08-19")


def times_of(values: Sequence[object]) -> list[int]:
    """Epoch nanoseconds of a column: RFC 3339 text, dates, or numbers of s, ms, µs or ns.

    Raises:
        ValueError: one of them is none of these.
    """
    # The usual column first, in C throughout: a million of them take half a second.
    try:
        texts = cast("Sequence[str]", values)
        moments = [_parse(text) for text in texts if text[4] == "-"]
    except (TypeError, ValueError, IndexError):
        moments = []
    if len(moments) == len(values) and None not in map(_zone, moments):
        seconds = list(map(datetime.timestamp, moments))
        whole = list(map(int, seconds))
        if whole == seconds:
            return [second * NS_PER_S for second in whole]
    return list(map(time_of, values))


def time_of(value: object) -> int:
    """Epoch nanoseconds of one cell; see `times_of`."""
    if isinstance(value, str):
        return _text(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(value)
    raise ValueError(f"the time {value!r} is neither text nor a whole number")


def _text(text: str) -> int:
    # Digits alone could pass for the basic form of a date: numbers are told first.
    if text.isdecimal() and len(text) > len("20040819"):
        return _number(int(text))
    try:
        moment = _parse(text)
    except ValueError:
        raise ValueError(f"the time {text!r} is not like 2004-08-19T13:30:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + delta.microseconds * 1000


def _number(value: int) -> int:
    for bound, scale in _SCALES:
        if 0 <= value < bound:
            return value * scale
    raise ValueError(f"the time {value} is not seconds, ms, µs or ns since 1970")


def is_date(value: object) -> bool:
    """Whether a cell holds a date without a time of day."""
    return isinstance(value, str) and len(value.strip()) == _DATE_LENGTH and "-" in value
