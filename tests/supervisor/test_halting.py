"""A process that is given up halts its home."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guard.harness import deck
from tradedeck.supervisor.halting import halt

pytestmark = pytest.mark.processes


def test_ctl_14_a_crash_loop_ends_halted_with_an_alarm(tmp_path: Path) -> None:
    with deck(tmp_path, start=()) as d:
        assert halt(d.home, "api", "it ended 5 times within 60 s")
        [row] = d.guard("status")["halts"]
        assert (row["scope"], row["level"], row["by"]) == ("all", "pause", "supervisor")
        alarm = d.fact("alarm", lambda b: b["code"] == "PROCESS_FAILED")
        assert "the process api was given up" in alarm.body["detail"]
        d.kill("guard")
        assert not halt(d.home, "exchange", "why"), "nobody heard it: it is tried again"
        assert halt(d.home, "worker", "why")
