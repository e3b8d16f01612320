"""Whether the guard answers on its line, in times of the test's own."""

from __future__ import annotations

from tradedeck.kernel.clock import NS_PER_MS, NS_PER_S
from tradedeck.runner.guardline import Answers

SILENT = 3 * NS_PER_S
STEP = 200 * NS_PER_MS


def beats(answers: Answers, first: int, last: int) -> int:
    """The loop turns and beats; the time after the last."""
    for n in range(first, last + 1):
        answers.turned(n * STEP)
        answers.said(n, n * STEP)
    return last * STEP


def test_ctl_14_no_answer_for_the_bound_is_nobody_and_one_answer_is_somebody() -> None:
    answers = Answers(SILENT)
    assert answers.come(0)  # nothing was asked
    now = beats(answers, 1, 15)
    assert answers.come(now)  # the first beat was 2.8 s ago
    now = beats(answers, 16, 16)
    assert not answers.come(now)
    answers.heard(3, now)  # far behind, and there
    assert answers.come(now)
    assert answers.come(now + SILENT - 1)
    assert not answers.come(now + SILENT)
    answers.heard(16, now + SILENT)
    assert answers.come(now + 100 * SILENT)  # nothing is owed


def test_ctl_14_time_in_which_the_runner_itself_stood_still_is_not_the_guards() -> None:
    answers = Answers(SILENT)
    now = beats(answers, 1, 2) + 60 * NS_PER_S
    answers.turned(now)
    assert answers.come(now)
    now += SILENT
    for n in range(1, 16):
        answers.turned(now - SILENT + n * STEP)
    assert not answers.come(now)


def test_a_new_line_owes_nothing() -> None:
    answers = Answers(SILENT)
    now = beats(answers, 1, 30)
    assert not answers.come(now)
    answers.begin()
    assert answers.come(now)
