"""A broker's dead-man timer, with real processes: guard, runner and the exchange that has one."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.runner.harness import Rig, check_books, entries, until
from tests.runner.kills import venue
from tests.runner.test_kill_guarded import ask, begin, deck

pytestmark = pytest.mark.processes
SECONDS = 5  # what a guard that is starved on a busy machine may be late by


def timers(r: Rig) -> list[str]:
    """What the exchange's own journal says of its timer."""
    return [entry.body["state"] for entry in entries(r.exchange, "exch.timer")]


def armed(home: Path) -> Any:
    """Two traders in the market, and the timer kept alive."""
    guard = {"cancel_after_s": SECONDS, "flatten_after_s": 3600}
    return deck(home, exchange={"dead_man_timer": True}, guard=guard)


def kept(r: Rig) -> None:
    begin(r)
    until(lambda: ask(r, "status")["timers"].get("main"), "the guard to arm the timer")
    assert ask(r, "status")["timers"]["main"]["seconds"] == SECONDS
    assert timers(r) == ["armed"]


def test_inv_9_ctl_14_guard_and_runner_frozen_the_exchange_cancels_by_itself(
    tmp_path: Path,
) -> None:
    with armed(tmp_path) as r:
        kept(r)
        held, working = venue(r)
        assert working
        for name in ("guard", "runner"):
            r.procs[name].send_signal(signal.SIGSTOP)
        until(lambda: timers(r)[-1] == "fired", "the exchange's timer to go off")
        assert venue(r) == (held, {})
        head = r.head()
        for name in ("guard", "runner"):
            r.procs[name].send_signal(signal.SIGCONT)
        r.wait("order.cancelled", after=head, count=sum(working.values()))  # the runner is told
        until(lambda: timers(r)[-1] == "armed", "the guard to renew it")
        alarm = entries(r.exchange, "alarm")[0].body
        assert (alarm["code"], alarm["severity"]) == ("DEAD_MAN_FIRED", "critical")
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)


def test_an_orderly_stop_of_the_guard_takes_the_timer_back(tmp_path: Path) -> None:
    with armed(tmp_path) as r:
        kept(r)
        r.kill("guard", signal.SIGTERM)
        assert timers(r) == ["armed", "disarmed"]
        facts = entries(r.home / "journals" / "guard.db", "guard.timer")
        assert [entry.body["state"] for entry in facts] == ["armed", "disarmed"]
