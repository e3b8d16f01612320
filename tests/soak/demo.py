"""The demo under its real supervisor, from outside: its processes, its api, its event stream."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.program import PROGRAM
from tests.runner.harness import until
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops.hostact import call
from tradedeck.supervisor.demo import document

UP_S = 60.0


def busy_document(speed: float) -> dict[str, Any]:
    """The demo's own traders, quicker to change their minds and with room to trade on."""
    wanted = document()
    wanted["feeds"][0]["speed"] = speed
    wanted["accounts"][0]["limits"] = {"gross_exposure_max": "3", "order_value_max": "500000"}
    for trader in wanted["traders"]:
        trader["limits"] = {}
        trader["strategy"], trader["params"] = "ema-cross", {"fast": 3, "slow": 7, "short": True}
    return wanted


class Demo:
    """`tradedeck up --demo` on a home of its own."""

    def __init__(self, home: Path, speed: float) -> None:
        self.home = home
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "seed.yaml").write_text(json.dumps(busy_document(speed)))
        (home / "demo.json").write_text('{"demo": true}')
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {
            "PYTHONPATH": str(PROGRAM),
            "TRADEDECK_HOME": str(home),
            "TRADEDECK_PORT": "0",
            "TRADEDECK_CONTROL_PER_MINUTE": "100000",  # a thousand acts as fast as they go
        }
        self._out = (home / "up.out").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tradedeck.supervisor", "--demo"],
            env=environment,
            cwd=home,
            stdout=self._out,
            stderr=self._out,
        )
        self._token = ""
        self._url = ""
        self._killed: set[int] = set()

    # -- processes --

    def processes(self) -> dict[str, dict[str, Any]]:
        assert self.process.poll() is None, self.output()[-3000:]
        try:
            listed = json.loads((self.home / "run" / "processes.json").read_text())["processes"]
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {item["name"]: item for item in listed}

    def up(self) -> bool:
        """All serve; one that was killed a moment ago is still listed, and does not."""
        found = self.processes()
        return all(
            found.get(name, {}).get("state") == "running" and found[name]["pid"] not in self._killed
            for name in ("nats", "exchange", "api", "runner")
        )

    def wait_up(self) -> None:
        until(self.up, f"all processes: {self.output()[-2000:]}", UP_S)

    def kill(self, name: str) -> bool:
        """Kill -9, whatever it is just doing; False where it does not run."""
        pid = self.processes()[name]["pid"]
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self._killed.add(pid)
        return True

    def output(self) -> str:
        return (self.home / "up.out").read_text(errors="replace")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(60)
        self._out.close()
        return self.process.returncode

    # -- the api --

    def client(self) -> httpx.Client:
        if not self._token:
            body = {"role": "admin", "name": "soak", "days": 1}
            self._token = until(lambda: _quietly(self.home, body), "a token", UP_S)["token"]
            line = next(ln for ln in self.output().splitlines() if "Sign in:" in ln)
            self._url = line.split("Sign in:")[1].split("/sign-in")[0].strip()
        return httpx.Client(
            base_url=f"{self._url}/api/v1",
            headers={
                "authorization": f"Bearer {self._token}",
                "idempotency-key": secrets.token_hex(8),  # a client lives for one act
            },
            timeout=10,
        )

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """An act, again until the api and the runner are both there to take it."""

        def attempt() -> Any:
            try:
                with self.client() as client:
                    answer = client.post(path, json=body)
            except httpx.HTTPError:
                return None
            return answer.json() if answer.status_code < 300 else None

        return until(attempt, f"POST {path}", UP_S)

    def query(self, sql: str, *arguments: Any) -> list[Any]:
        path = self.home / "store" / "tradedeck.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as db:
            return list(db.execute(sql, arguments))


def _quietly(home: Path, body: dict[str, Any]) -> Any:
    try:
        return call(home, "/host/tokens", body)
    except TradedeckError:
        return None


class Follower(threading.Thread):
    """A page: reads the event stream, and resumes where it was whenever it breaks."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(daemon=True)
        self._demo = demo
        self.ids: list[int] = []
        self.gaps: list[str] = []
        self.connects = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self._follow()
            except httpx.HTTPError:
                time.sleep(0.1)

    def _follow(self) -> None:
        headers = {"Last-Event-ID": str(self.ids[-1] if self.ids else 0)}
        with self._demo.client() as client, client.stream("GET", "/events", headers=headers) as got:
            if got.status_code != 200:
                time.sleep(0.1)
                return
            self.connects += 1
            kind = ""
            for line in got.iter_lines():
                if self.done.is_set():
                    return
                if line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("id:"):
                    self.ids.append(int(line[3:]))
                elif line.startswith("data:") and kind == "gap":
                    self.gaps.append(line)
