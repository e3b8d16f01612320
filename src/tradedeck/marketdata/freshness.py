"""How old an observation may be. Pure: `now` is an argument; absent is unknown, never fresh."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Clocks of two machines differ; an observation further ahead than this has a wrong clock.
AHEAD_NS_MAX = 5_000_000_000


class Freshness(StrEnum):
    """The verdict on one source at one moment."""

    FRESH = "fresh"
    STALE = "stale"
    AHEAD = "ahead"
    UNKNOWN = "unknown"

    @property
    def usable(self) -> bool:
        return self is Freshness.FRESH


@dataclass(frozen=True, slots=True)
class Age:
    """A verdict with its numbers: the age (None when nothing was seen) and its bound."""

    freshness: Freshness
    age_ns: int | None
    age_ns_max: int


def judge(seen_ns: int | None, now_ns: int, age_ns_max: int) -> Age:
    """The freshness at `now_ns` of something last seen at `seen_ns`.

    Both are of one clock: the wall for live sources, the bar's time for a replay.
    """
    if seen_ns is None:
        return Age(Freshness.UNKNOWN, None, age_ns_max)
    age = now_ns - seen_ns
    if age < -AHEAD_NS_MAX:
        return Age(Freshness.AHEAD, age, age_ns_max)
    return Age(Freshness.STALE if age > age_ns_max else Freshness.FRESH, age, age_ns_max)


def stale_checks(before: int, age: Age) -> int:
    """The number of consecutive checks that did not find the source fresh."""
    return 0 if age.freshness.usable else before + 1
