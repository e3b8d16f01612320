"""When to start again: pure cases."""

from __future__ import annotations

import signal

from tradedeck.ops.exits import Exit
from tradedeck.supervisor.policy import BACKOFF_S, FAULTS_MAX, KILLS_MAX, WINDOW_S, judge


def test_faults_back_off_and_are_given_up() -> None:
    ends: list[tuple[float, bool]] = []
    waits = [judge(ends, code=1, was_ready=False, now=float(n)).wait_s for n in range(FAULTS_MAX)]
    assert waits == [*BACKOFF_S[: FAULTS_MAX - 1], None]


def test_old_faults_are_forgiven() -> None:
    ends: list[tuple[float, bool]] = []
    for number in range(50):
        verdict = judge(ends, code=1, was_ready=True, now=number * (WINDOW_S + 1))
        assert verdict.wait_s == BACKOFF_S[0]


def test_kills_from_outside_come_back_at_once_but_not_for_ever() -> None:
    ends: list[tuple[float, bool]] = []
    kill = -signal.SIGKILL
    for number in range(100):  # the storm of the soak: one every two seconds or slower
        assert judge(ends, code=kill, was_ready=True, now=number * 2.5).wait_s == BACKOFF_S[0]
    ends.clear()
    waits = [judge(ends, code=kill, was_ready=True, now=1.0).wait_s for _ in range(KILLS_MAX)]
    assert waits[-1] is None


def test_a_kill_before_ready_is_a_fault() -> None:
    ends: list[tuple[float, bool]] = []
    for _ in range(FAULTS_MAX):
        verdict = judge(ends, code=-signal.SIGKILL, was_ready=False, now=1.0)
    assert verdict.wait_s is None


def test_settings_are_never_tried_again() -> None:
    assert judge([], code=Exit.CONFIG, was_ready=False, now=0.0).wait_s is None
