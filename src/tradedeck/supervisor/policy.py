"""When an ended process is started again, and when it is given up. Pure.

Two kinds of end are told apart. One that ends by itself, or before it was ready, has a fault that
starting again seldom cures: five within a minute and it is FAILED. One that was killed from
outside while it served (a person, the out-of-memory killer, a test) comes back at once, and is
given up only when that happens thirty times within a minute.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from tradedeck.ops.exits import Exit

WINDOW_S = 60.0
FAULTS_MAX = 5
KILLS_MAX = 30
BACKOFF_S = (0.1, 0.3, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Start again after `wait_s`, or never (None)."""

    wait_s: float | None
    reason: str


def judge(
    ends: list[tuple[float, bool]], *, code: int, was_ready: bool, now: float, hung: bool = False
) -> Verdict:
    """Record an end in `ends` (monotonic seconds, killed from outside) and decide.

    Args:
        ends: earlier ends; those older than the window are removed.
        code: exit code, negative for a signal, as subprocess has it.
        was_ready: whether it had said that it serves.
        now: monotonic seconds.
        hung: it was killed by us because its loop stood still: a fault like any other.

    """
    if code == Exit.CONFIG:
        return Verdict(None, "its settings do not allow it to start")
    killed = was_ready and code == -signal.SIGKILL and not hung
    ends.append((now, killed))
    ends[:] = [end for end in ends if now - end[0] <= WINDOW_S]
    faults = sum(1 for _, by_hand in ends if not by_hand)
    kills = len(ends) - faults
    if faults >= FAULTS_MAX:
        return Verdict(None, f"it ended {faults} times within {WINDOW_S:g} s")
    if kills >= KILLS_MAX:
        return Verdict(None, f"it was killed {kills} times within {WINDOW_S:g} s")
    step = 0 if killed else min(faults - 1, len(BACKOFF_S) - 1)
    return Verdict(BACKOFF_S[step], describe(code))


def describe(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        try:
            return f"ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"ended by signal {-code}"
    return f"ended with code {code}"
