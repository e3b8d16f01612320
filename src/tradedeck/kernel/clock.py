"""Wall and monotonic time as integers, and the one spelling of an instant.

Owns the conversion between epoch nanoseconds and RFC 3339 text. Decisions never call `now_ns`:
they take `now` as an argument; only process wirings hold a `Clock`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What a process wiring hands to its loops."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """A clock that never goes back; counts suspend where the platform can."""
        ...


class SystemClock:
    """The host's clock. `monotonic_ns` is CLOCK_BOOTTIME on Linux, so that sleep counts."""

    __slots__ = ("_id",)

    def __init__(self) -> None:
        self._id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now_ns(self) -> int:
        """See `Clock.now_ns`."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """See `Clock.monotonic_ns`."""
        return time.clock_gettime_ns(self._id)


class ManualClock:
    """A clock that moves only when told: for simulations and tests."""

    __slots__ = ("_mono", "_now")

    def __init__(self, now_ns: int = 0) -> None:
        self._now = now_ns
        self._mono = 0

    def now_ns(self) -> int:
        """See `Clock.now_ns`."""
        return self._now

    def monotonic_ns(self) -> int:
        """See `Clock.monotonic_ns`."""
        return self._mono

    def advance(self, ns: int) -> None:
        """Move both clocks forward by `ns` nanoseconds; going back is refused."""
        if ns < 0:
            msg = "a clock cannot be moved back"
            raise ValueError(msg)
        self._now += ns
        self._mono += ns


def format_ns(ns: int) -> str:
    """Epoch nanoseconds → RFC 3339 in UTC, microseconds only where there are any."""
    moment = _EPOCH + timedelta(microseconds=ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def parse_ns(text: str) -> int:
    """RFC 3339 text → epoch nanoseconds. A time without a zone is refused, never guessed.

    Raises:
        ValueError: not an instant, or no zone given.
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        msg = f"the time {text!r} has no zone; write it with Z or an offset"
        raise ValueError(msg)
    delta = moment.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + delta.microseconds * 1000
