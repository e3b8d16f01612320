"""Session tables: when an instrument's market is open, and why it is not.

Owns the table and its look-ups. Never: reads a clock, a file or a time zone; tables are built by
`adapters/calendars` and handed in.

A moment that the table does not cover is `closed` with `known=False`: a gate that lacks data
denies (INV-10).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import StrEnum

NS_PER_DAY = 86_400_000_000_000


class Verdict(StrEnum):
    """What a market is doing at one moment."""

    OPEN = "open"
    CLOSED = "closed"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


VERDICTS = tuple(Verdict)
_OPEN_CODE = VERDICTS.index(Verdict.OPEN)


@dataclass(frozen=True, slots=True)
class Session:
    """One verdict and how long it holds.

    Args:
        calendar: the table's name.
        verdict: see `Verdict`.
        since_ns, until_ns: the verdict holds in [since, until); None: without end.
        opens_ns: the next opening; None while open or when the table ends before it.
        known: False when the moment lies outside the table.
    """

    calendar: str
    verdict: Verdict
    since_ns: int | None
    until_ns: int | None
    opens_ns: int | None
    known: bool = True

    @property
    def is_open(self) -> bool:
        return self.verdict is Verdict.OPEN


class SessionTable:
    """Consecutive intervals with a verdict each, and the sessions by local day.

    Args:
        name: such as XNYS.
        edges: n + 1 ascending instants; interval i is [edges[i], edges[i + 1]).
        codes: n indices into `VERDICTS`. No two neighbours are equal.
        days: local dates of the sessions, in days since 1970-01-01, ascending.
        day_opens, day_closes: instants of each of those sessions.

    A table without edges is always open (24x7); its day is the UTC day.
    """

    __slots__ = (
        "_codes",
        "_current",
        "_edges",
        "_from",
        "_until",
        "day_closes",
        "day_opens",
        "days",
        "name",
    )

    def __init__(
        self,
        name: str,
        edges: array[int],
        codes: bytes,
        days: array[int],
        day_opens: array[int],
        day_closes: array[int],
    ) -> None:
        assert len(edges) == (len(codes) + 1 if codes else 0)
        assert len(days) == len(day_opens) == len(day_closes)
        self.name = name
        self._edges = edges
        self._codes = codes
        self.days = days
        self.day_opens = day_opens
        self.day_closes = day_closes
        # The interval asked for last: a hot loop asks a million times for the same one.
        self._from = 0
        self._until = 0
        self._current = Session(name, Verdict.CLOSED, None, None, None, known=False)

    @property
    def always_open(self) -> bool:
        return not self._edges

    def verdict(self, now_ns: int) -> Session:
        """The verdict at `now_ns`; O(log n), O(1) while it stays in the same interval."""
        if self._from <= now_ns < self._until:
            return self._current
        return self._find(now_ns)

    def is_open(self, now_ns: int) -> bool:
        """Whether the market is open at `now_ns`."""
        return self.verdict(now_ns).verdict is Verdict.OPEN

    def open_to(self, end_ns: int) -> bool:
        """Whether the market was open up to `end_ns`: for a decision dated by its bar's close.

        A daily bar closes with its session; at that very instant the market is closed already.
        """
        return self.verdict(end_ns - 1).verdict is Verdict.OPEN

    def _find(self, now_ns: int) -> Session:
        edges = self._edges
        if not edges:
            return Session(self.name, Verdict.OPEN, None, None, None)
        index = bisect_right(edges, now_ns) - 1
        if index < 0 or index >= len(self._codes):
            return self._outside(now_ns)
        code = self._codes[index]
        opens = None
        if code != _OPEN_CODE:
            later = self._codes.find(_OPEN_CODE, index + 1)
            opens = edges[later] if later >= 0 else None
        self._from, self._until = edges[index], edges[index + 1]
        self._current = Session(self.name, VERDICTS[code], self._from, self._until, opens)
        return self._current

    def _outside(self, now_ns: int) -> Session:
        first, last = self._edges[0], self._edges[-1]
        if now_ns < first:
            return Session(self.name, Verdict.CLOSED, None, first, None, known=False)
        return Session(self.name, Verdict.CLOSED, last, None, None, known=False)

    def session_of(self, day: int) -> tuple[int, int] | None:
        """Opening and close of the session of a local date (days since 1970-01-01), if any."""
        if self.always_open:
            return day * NS_PER_DAY, (day + 1) * NS_PER_DAY
        index = bisect_left(self.days, day)
        if index == len(self.days) or self.days[index] != day:
            return None
        return self.day_opens[index], self.day_closes[index]

    def covers(self, day: int) -> bool:
        """Whether the table says anything about a local date."""
        return self.always_open or (bool(self.days) and self.days[0] <= day <= self.days[-1])
