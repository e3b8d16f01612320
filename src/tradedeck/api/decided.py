"""Kills that were decided here: what guard and runner said, and what nobody has taken yet.

In memory, so that it works without a store; `api.kills` fills it from the store at start.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from tradedeck.closing.types import Kill
from tradedeck.projections.stop import GUARD, RUNNER

RECENT_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What one of the two said. `latched`: it has it, durably."""

    latched: bool
    code: str
    detail: str
    ms: float


@dataclass(frozen=True, slots=True)
class Sent:
    """The kill and what became of sending it."""

    kill: Kill
    guard: Heard
    runner: Heard
    audit_id: str

    @property
    def latched(self) -> list[str]:
        """Who has it."""
        both = ((GUARD, self.guard), (RUNNER, self.runner))
        return [holder for holder, heard in both if heard.latched]


@dataclass(slots=True)
class Kills:
    """Decisions of late by id, those being sent, those nobody has taken, records being written."""

    recent: OrderedDict[str, Kill] = field(default_factory=OrderedDict[str, Kill])
    unanswered: dict[str, Kill] = field(default_factory=dict[str, Kill])
    sending: dict[str, asyncio.Task[Sent]] = field(default_factory=dict[str, "asyncio.Task[Sent]"])
    notes: set[asyncio.Future[Any]] = field(default_factory=set["asyncio.Future[Any]"])

    def remember(self, kill: Kill) -> None:
        """The oldest is forgotten; the store and the guard still know its id."""
        self.recent[kill.id] = kill
        while len(self.recent) > RECENT_MAX:
            self.recent.popitem(last=False)
