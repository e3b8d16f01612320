"""`tradedeck up` with all the real processes: figures to hold, modes, deaths, verify."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.program import PROGRAM
from tests.runner.harness import entries
from tests.supervisor.conftest import alive

pytestmark = pytest.mark.processes

PSS_KB_MAX = 350_000


class Up:
    """A running deck and the command line that belongs to it."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROGRAM),
            "TRADEDECK_HOME": str(home),
            "TRADEDECK_PORT": "0",
            **environment,
        }
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tradedeck.cli", "up", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def run(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "tradedeck.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout or done.stderr

    def json(self, *arguments: str) -> Any:
        code, out = self.run(*arguments, "--json")
        assert code == 0, out
        return json.loads(out)

    def until(self, check: Callable[[], Any], timeout_s: float = 60) -> Any:
        end = time.monotonic() + timeout_s
        while True:
            found = check()
            if found:
                return found
            assert time.monotonic() < end, "\n".join([f"waited {timeout_s:g} s", *self.lines])
            time.sleep(0.02)

    def serving(self) -> None:
        """Until the first 200; how long that takes is measured in bench/suites/api.py."""

        def answers() -> bool:
            try:
                url = json.loads((self.home / "run" / "api.json").read_text())["url"]
                health = f"{url}/health"
                with urllib.request.urlopen(health, timeout=2) as answer:  # noqa: S310 - loopback
                    return answer.status == 200
            except (OSError, ValueError, urllib.error.URLError):
                return False

        self.until(answers)

    def processes(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads((self.home / "run" / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        return {p["name"]: p for p in found["processes"]}

    def running(self, *names: str) -> None:
        self.until(
            lambda: all(self.processes().get(n, {}).get("state") == "running" for n in names)
        )

    def status(self) -> dict[str, Any]:
        return self.json("status")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.reader.join(60)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*arguments: str, **environment: str) -> Up:
        deck = Up(tmp_path / "h", *arguments, **environment)
        started.append(deck)
        return deck

    yield start
    for deck in started:
        if deck.process.poll() is None:
            deck.process.kill()
        deck.process.wait()
        deck.reader.join(60)
        assert deck.process.stdout is not None
        deck.process.stdout.close()


def everybody(root: int) -> list[int]:
    """A process and all that it started."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def pss_kb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
    return int(match[1]) if match else 0


def test_an_empty_home_is_signals_only(up: Callable[..., Up]) -> None:
    deck = up()
    deck.serving()
    deck.until(lambda: any(line.startswith("Sign in: http://localhost:") for line in deck.lines))
    deck.running("nats", "api", "runner")
    assert "exchange" not in deck.processes()  # nothing can execute: nobody needs a venue
    deck.until(lambda: deck.status()["mode"] == "signals")
    status = deck.status()
    assert status["execution_capable_accounts"] == 0
    assert status["data_mode"] == "replay"
    assert any("nothing can place an order" in line for line in deck.lines)
    # CTL-18 in small: the api's own environment does not know what arms.
    api = Path(f"/proc/{deck.processes()['api']['pid']}/environ").read_bytes()
    assert b"TRADING_MODE" not in api
    pids = everybody(deck.process.pid)
    deck.stop()
    assert deck.process.returncode == 0
    deck.until(lambda: not any(alive(pid) for pid in pids))


def test_the_demo_trades_survives_kills_and_starts_again(up: Callable[..., Up]) -> None:
    deck = up("--demo")
    deck.serving()
    deck.running("nats", "api", "exchange", "runner")
    deck.until(lambda: deck.status()["mode"] == "paper")
    status = deck.status()
    assert status["execution_capable_accounts"] == 1
    assert {t["id"] for t in status["traders"]} == {
        "apple-ema", "ibm-momentum", "msft-reversion", "goog-breakout",
    }  # fmt: skip
    assert deck.run("replay", "speed", "200")[0] == 0
    deck.until(lambda: deck.json("orders", "list", "--status", "FILLED")["items"])
    total = sum(pss_kb(pid) for pid in everybody(deck.process.pid))
    assert total < PSS_KB_MAX, total

    for name in ("runner", "api", "nats", "exchange"):
        before = deck.processes()[name]["pid"]
        os.kill(before, signal.SIGKILL)
        deck.until(lambda n=name, b=before: deck.processes()[n]["pid"] not in (b, None))
        deck.running(name)
    deck.until(lambda: deck.run("status")[0] == 0)
    deck.until(lambda: deck.status()["runner"]["state"] == "running")
    code, out = deck.run("verify", *[w for n in (
        "home", "secrets", "journals", "audit", "processes", "config", "signals-only",
        "endpoints", "writes", "nats",
    ) for w in ("--only", n)])  # fmt: skip
    assert code == 0, out

    deck.run("replay", "pause")
    orders = {o["id"] for o in deck.json("orders", "list", "-n", "500")["items"]}
    deck.stop()
    again = up("--demo")
    again.serving()
    again.running("runner")
    kept = {o["id"] for o in again.json("orders", "list", "-n", "500")["items"]}
    assert orders <= kept
    again.stop()


def test_a_stop_of_all_is_told_to_the_guard_and_a_restart_of_one_is_not(
    up: Callable[..., Up],
) -> None:
    deck = up()
    deck.serving()
    deck.running("guard", "runner")

    def said(state: str) -> list[Any]:
        found = entries(deck.home / "journals" / "guard.db", "guard.runner")
        return [entry.body.get("whole") for entry in found if entry.body["state"] == state]

    deck.until(lambda: said("connected"))
    assert deck.run("restart", "runner")[0] == 0
    deck.until(lambda: len(said("connected")) == 2)
    assert said("stopping") == [False]
    deck.stop()
    assert said("stopping") == [False, True]


def test_cycles_end_it(up: Callable[..., Up]) -> None:
    deck = up("--cycles", "3")
    assert deck.process.wait(60) == 0
