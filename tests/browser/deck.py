"""The whole deck as an operator starts it: `tradedeck up --demo`, a process tree of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import APIRequestContext, APIResponse

from tests.program import PROGRAM

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
# A bound against hanging, not a statement of speed: two workers share two cores.
WAIT_S = 45.0
WAIT_MS = WAIT_S * 1000
ACCOUNT = "paper-demo"
FEED = "us-daily"
LIFT_AGAIN_S = 4.0


def until(check: Callable[[], T], words: str) -> T:
    """Poll until it is truthy; the words say what never came."""
    end = time.monotonic() + WAIT_S
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, f"waited {WAIT_S:g} s for {words}"
        time.sleep(0.05)


class Deck:
    """A running demo and its command line; `api` is set once somebody is signed in."""

    api: APIRequestContext

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROGRAM),
            "TRADEDECK_HOME": str(home),
            "TRADEDECK_PORT": "0",
            # The waiting time of what loosens is held elsewhere; here it only has to be one.
            "TRADEDECK_LOOSENING_WAIT_S": "0.5",
            "TRADEDECK_LIFT_WAIT_S": "0.5",
            # A process that a test freezes stays frozen; what ends it is held in tests/supervisor.
            "TRADEDECK_WATCHDOG_S": "0",
        }
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tradedeck.cli", "up", "--demo"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in self.process.stdout)

    def stop(self) -> None:
        """Ask it to end; its supervisor ends the rest."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(60)
        assert self.process.stdout is not None
        self.process.stdout.close()

    # -- the host ------------------------------------------------------------------------------

    def first_link(self) -> str:
        """The sign-in link that `up` prints."""

        def printed() -> str | None:
            return next((line for line in list(self.lines) if line.startswith("Sign in:")), None)

        return until(printed, "the sign-in line").removeprefix("Sign in:").strip()

    def run(self, *words: str) -> str:
        """The output of one command of the host."""
        return subprocess.run(
            [sys.executable, "-m", "tradedeck.cli", *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    def link(self) -> str:
        """Another sign-in link."""
        found = re.search(r"http://\S+", self.run("token", "link"))
        assert found is not None
        return found[0]

    def step_up(self) -> str:
        """A one-time code that stands for presence on the host."""
        return self.run("token", "step-up").split()[0]

    def code(self) -> str:
        """A one-time code of the guard, for lifting."""
        return self.run("guard", "code").split()[0]

    def pid(self, name: str) -> int:
        """The process of that name now."""
        found = json.loads((self.home / "run" / "processes.json").read_text())
        return next(p["pid"] for p in found["processes"] if p["name"] == name)

    def venue_positions(self) -> dict[str, float]:
        """Positions as the exchange itself keeps them, read from its own journal file."""
        path = self.home / "journals" / "paper.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
            rows = db.execute(
                "SELECT name,value FROM state WHERE name LIKE ?", (f"position/{ACCOUNT}/%",)
            ).fetchall()
        return {
            name.rsplit("/", 1)[1]: float(json.loads(value)["quantity"]) for name, value in rows
        }

    # -- the api -------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """One read, as JSON."""
        answer = self.api.get(f"/api/v1{path}")
        assert answer.ok, f"{path}: {answer.status} {answer.text()}"
        return answer.json()

    def send(
        self, path: str, body: Any = None, method: str = "POST", **headers: str
    ) -> APIResponse:
        """One act."""
        return self.api.fetch(
            f"/api/v1{path}",
            method=method,
            data=json.dumps(body or {}),
            headers={
                "Content-Type": "application/json",
                "X-Tradedeck-Request": "1",
                "Idempotency-Key": secrets.token_hex(8),
                **headers,
            },
        )

    def act(self, path: str, body: Any = None, method: str = "POST", **headers: str) -> Any:
        """One act that must be taken."""
        answer = self.send(path, body, method, **headers)
        assert answer.ok, f"{path}: {answer.status} {answer.text()}"
        return answer.json()

    def status(self) -> dict[str, Any]:
        return self.get("/status")

    def trader(self, name: str) -> dict[str, Any]:
        return next(t for t in self.status()["traders"] if t["id"] == name)

    def open_positions(self) -> list[dict[str, Any]]:
        return [p for p in self.get("/positions")["items"] if float(p["quantity"])]

    def working(self) -> list[dict[str, Any]]:
        return self.get("/orders?status=open")["items"]

    def applied(self, least: int = 1) -> int:
        """The generation (`least` or a later one), once the runner observes the desired one."""

        def both() -> int:
            status = self.status()
            seen = status["observed_generation"]
            return seen if status["desired_generation"] == seen >= least else 0

        return until(both, f"the runner to observe generation {least} or later")

    def play(
        self, enough: Callable[[], bool], words: str, speed: int = 60, *, lifting: bool = True
    ) -> None:
        """Let the replay run fast until there is enough, then hold it there.

        Years pass in seconds, and a day's loss may cross its limit: what that latches is lifted,
        unless it is what is waited for.
        """
        path = f"/feeds/{FEED}/replay"

        def there() -> bool:
            if lifting and not enough():
                self.lift()
            return enough()

        while True:
            played = not enough()
            if played:
                self.act(path, {"speed": speed, "paused": False})
                until(there, words)
            # The status may still say "paused" of the moment before it played.
            if played or self.status()["feeds"][0]["state"] != "paused":
                self.act(path, {"paused": True})
                until(lambda: self.status()["feeds"][0]["state"] == "paused", "the pause")
            if enough():  # what was there may have ended before the pause came
                return

    def lift(self) -> None:
        """Lift whatever halts are in force, by the rules: reason, code, waiting time. One that is
        latched again meanwhile, because its cause still stands, is lifted again.
        """
        asked: dict[str, float] = {}

        def none() -> bool:
            halts = self.status()["halts"]
            for scope in {halt["scope"] for halt in halts}:
                if time.monotonic() > asked.get(scope, 0.0):
                    asked[scope] = time.monotonic() + LIFT_AGAIN_S
                    body = {"scope": scope, "reason": "test is over", "code": self.code()}
                    answer = self.send("/lifts", body)
                    if "APPROVAL_REQUIRED" in answer.text():  # a test made a second admin
                        self.run("lift", scope, "--local", "--reason", "test is over")
            return not halts

        until(none, "the halts to be lifted")
