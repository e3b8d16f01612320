"""A process that is given up halts its home."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.guard.harness import deck as guarded
from tests.program import PROGRAM
from tests.supervisor.conftest import Deck, running, serving
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import guardact
from tradedeck.supervisor.halting import halt

pytestmark = pytest.mark.processes


def test_ctl_14_a_process_that_is_given_up_halts_everything(tmp_path: Path) -> None:
    with guarded(tmp_path, start=()) as d:
        assert halt(d.home, "api", "it ended 5 times within 60 s")
        [row] = d.guard("status")["halts"]
        assert (row["scope"], row["level"], row["by"]) == ("all", "pause", "supervisor")
        alarm = d.fact("alarm", lambda b: b["code"] == "PROCESS_FAILED")
        assert "the process api was given up" in alarm.body["detail"]
        d.kill("guard")
        assert not halt(d.home, "exchange", "why"), "nobody heard it: it is tried again"
        assert halt(d.home, "worker", "why")


def test_ctl_14_a_crash_loop_ends_halted_never_half_up(deck: Deck) -> None:
    """The guard comes up after the other was given up, and hears of it all the same."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM)}
    environment |= {"TRADEDECK_HOME": str(deck.home)}
    argv = [sys.executable, "-m", "tradedeck.guard"]
    deck.start(
        running("exchange", "raise SystemExit('no')"),
        serving("api", "time.sleep(3)"),
        {"name": "guard", "argv": argv, "environment": environment, "needs": ["api"]},
    )
    deck.until(lambda: deck.state("exchange")["state"] == "failed", 30)

    def halted() -> bool:
        try:
            return bool(guardact.ask(deck.home, "status")["halts"])
        except TradedeckError:
            return False

    deck.until(halted, 60)
    [row] = guardact.ask(deck.home, "status")["halts"]
    assert (row["scope"], row["level"]) == ("all", "pause")
    assert "the process exchange was given up" in row["reason"]
    deck.stop()
