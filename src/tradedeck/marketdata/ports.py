"""The port of a feed: what the runner drives, whatever brings the bars.

A feed has no clock, no task and no callback: the runner asks when something is due and takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tradedeck.trading.market import Bar


class DataMode(StrEnum):
    """Where prices come from; shown beside the trading mode everywhere."""

    REPLAY = "replay"
    LIVE_FILE = "live_file"


class FeedState(StrEnum):
    """Of the journal entry `feed.state`."""

    RUNNING = "running"
    PAUSED = "paused"
    STALE = "stale"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What an operator sees of a feed.

    Args:
        feed: its id.
        data_mode: see `DataMode`.
        state, reason: see `FeedState`; the reason in words, empty when it runs.
        source: what it reads.
        instruments: whose bars.
        cursor_ns: close of the last bar given out; None before the first.
        start_ns, end_ns: first and last close there is, where that is known.
        speed: steps per second of a replay, 0 as fast as possible; None for live feeds.
        lap: how often a looping replay began again.
        rejected: frames refused since the start.
    """

    feed: str
    data_mode: DataMode
    state: FeedState
    reason: str
    source: str
    instruments: tuple[str, ...]
    cursor_ns: int | None
    start_ns: int | None = None
    end_ns: int | None = None
    speed: float | None = None
    lap: int = 0
    rejected: int = 0


class Feed(Protocol):
    """A source of closed bars. `now_ns` is the wall: pacing and staleness are measured on it."""

    @property
    def id(self) -> str:
        """The feed's id in the desired document."""
        ...

    @property
    def data_mode(self) -> DataMode:
        """Where its prices come from."""
        ...

    def next_due(self, now_ns: int) -> int | None:
        """When to ask again: at once if ≤ now; None: not before it is told something."""
        ...

    def pop(self, now_ns: int) -> Sequence[Bar]:
        """Bars that are due, oldest first; those of one instant come together."""
        ...

    def status(self, now_ns: int) -> FeedStatus:
        """How it stands."""
        ...
