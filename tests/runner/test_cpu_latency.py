"""The runner's wish for CPUs that wake quickly, told as a condition, by a real runner."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.runner.harness import PAPER, Rig, document, rig, trader, wave
from tradedeck.ops.cpulatency import DEVICE

pytestmark = pytest.mark.processes

CROSS = trader("one", "AAA", "ema-cross", params={"fast": 3, "slow": 5})
WISH = {**PAPER, "TRADEDECK_CPU_LATENCY_US": "0"}


def told(r: Rig, count: int) -> dict[str, Any]:
    """The newest word on it, of `count`."""
    return r.wait("condition", lambda body: body["type"] == "CpuLatency", count=count)[-1].body


def test_the_wish_is_held_or_refused_aloud_and_unsaid_when_it_is_gone(tmp_path: Path) -> None:
    wanted = document([CROSS], speed=100)
    with rig(tmp_path, wanted, WISH, closes={"AAA": wave(400)}) as r:
        said = told(r, 1)
        held = DEVICE in {file.readlink() for file in descriptors(r)}
        expected = ("True", "HELD") if held else ("False", "NOT_PERMITTED")
        assert (said["status"], said["reason"]) == expected
        r.wait("order.filled")  # either way it trades
        assert r.kill("runner", signal.SIGTERM) == 0
        r.env = dict(PAPER)
        r.start("runner")
        assert told(r, 2)["reason"] == "NOT_ASKED"
        assert DEVICE not in {file.readlink() for file in descriptors(r)}


def descriptors(r: Rig) -> list[Path]:
    return list(Path(f"/proc/{r.procs['runner'].pid}/fd").iterdir())
