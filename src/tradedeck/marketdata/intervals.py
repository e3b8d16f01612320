"""Bar sizes: `1s`, `5m`, `1h`, `1d`. Owns their spelling; a day is a session, not 24 hours."""

from __future__ import annotations

import re

NS_PER_S = 1_000_000_000
DAY_NS = 86_400 * NS_PER_S
_UNITS = {"s": NS_PER_S, "m": 60 * NS_PER_S, "h": 3600 * NS_PER_S, "d": DAY_NS}


def interval_ns(text: str) -> int:
    """Nanoseconds of an interval such as `15m`.

    Raises:
        ValueError: not a whole number and one of s, m, h, d; or more than one day.
    """
    found = re.fullmatch(r"([1-9]\d{0,4})([smhd])", text.strip())
    if not found:
        raise ValueError(f"the interval {text!r} is not a number and one of s, m, h, d")
    length = int(found[1]) * _UNITS[found[2]]
    if length > DAY_NS:
        raise ValueError(f"the interval {text!r} is longer than the one day that is supported")
    return length


def interval_text(length_ns: int) -> str:
    """The shortest spelling of a length: 3,600 s is `1h`."""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(length_ns, _UNITS[unit])
        if not rest:
            return f"{count}{unit}"
    raise ValueError(f"{length_ns} ns is not a whole number of seconds")
