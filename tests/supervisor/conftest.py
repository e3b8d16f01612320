"""A supervisor in its own process, over small real ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.program import PROGRAM

SERVE = """
import os, signal, sys, time
{before}
os.write(int(os.environ["TRADEDECK_READY_FD"]), b"READY\\n")
while True:
    time.sleep(60)
"""


def serving(name: str, before: str = "", **more: Any) -> dict[str, Any]:
    """A process that says READY and then sleeps."""
    code = SERVE.format(before=before)
    return {"name": name, "argv": [sys.executable, "-S", "-c", code], "environment": {}} | more


def running(name: str, code: str, **more: Any) -> dict[str, Any]:
    """A process that runs `code`."""
    return {"name": name, "argv": [sys.executable, "-S", "-c", code], "environment": {}} | more


class Deck:
    """The supervisor from outside."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[str] | None = None

    def start(self, *specs: dict[str, Any]) -> None:
        (self.home / "specs.json").write_text(json.dumps(specs))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.supervisor.harness", str(self.home)],
            env=os.environ | {"PYTHONPATH": f"{PROGRAM}{os.pathsep}."},
            stdout=subprocess.PIPE,
            text=True,
        )

    def state(self, name: str) -> dict[str, Any]:
        try:
            snapshot = json.loads((self.home / "run" / "processes.json").read_text())
        except FileNotFoundError:
            return {"state": "", "pid": None, "restarts": 0}
        return next(p for p in snapshot["processes"] if p["name"] == name)

    def until(self, check: Callable[[], bool], timeout_s: float = 60) -> None:
        end = time.monotonic() + timeout_s
        while not check():
            file = self.home.joinpath("run/processes.json")
            assert time.monotonic() < end, f"waited {timeout_s:g} s; there is: {file.read_text()}"
            time.sleep(0.02)

    def running(self, *names: str) -> None:
        self.until(lambda: all(self.state(n)["state"] == "running" for n in names))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, float]:
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out, time.monotonic() - begun


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Deck]:
    """Nothing of it outlives the test."""
    made = Deck(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.communicate()


def alive(pid: int | None) -> bool:
    """Whether a process exists and is not merely a zombie."""
    if pid is None:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
