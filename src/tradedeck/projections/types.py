"""Words of the up path: a mark, a page, an event, and what became of a page.

Never: I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from tradedeck.journal.chain import Entry

OWN_SOURCE = "api"  # facts of the api itself (an alarm about a journal, an acknowledged alert)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a journal was taken over: everything up to `seq`, whose hash is `hash`."""

    source: str
    epoch: str
    seq: int
    hash: str
    ordinal: int = 1
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to `journal.<source>`; entries in whatever order the wire had them."""

    source: str
    epoch: str
    head: int
    entries: tuple[Entry, ...]


class Event(NamedTuple):
    """A committed entry with its place in the event stream."""

    id: int
    source: str
    epoch: str
    seq: int
    at_ns: int
    kind: str
    body: str


class Verdict(StrEnum):
    """What a page was found to be."""

    FRESH = "fresh"  # the next entries, or none
    GAP = "gap"  # something before them is missing: ask again from the mark
    NEW_EPOCH = "new_epoch"  # the source has another journal than the one we knew
    FORGED = "forged"  # the chain does not hold: nothing more from this journal


@dataclass(frozen=True, slots=True)
class Checked:
    """The judged page: entries that may be applied, and why no more of them."""

    verdict: Verdict
    entries: tuple[Entry, ...] = ()
    hash: str = ""
    detail: str = ""


@dataclass(slots=True)
class Applied:
    """What one transaction did."""

    verdict: Verdict
    mark: Mark | None
    events: list[Event] = field(default_factory=list[Event])
    head: int = 0
    detail: str = ""

    @property
    def behind(self) -> bool:
        """Whether the source has more that is worth asking for at once."""
        if self.verdict is Verdict.FORGED or self.mark is None:
            return False
        return self.verdict is not Verdict.FRESH or self.mark.seq < self.head


Row = dict[str, Any]
