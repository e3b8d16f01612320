"""Real processes: nats-server, exchange, guard, and a runner or a peer that speaks for one.

The test plays the api.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.program import PROGRAM
from tests.runner.harness import PAPER, Entry, Rig, _listens, entries, until
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import guardact

FAST = {
    "TRADEDECK_GUARD_CANCEL_AFTER_S": "3600",
    "TRADEDECK_GUARD_FLATTEN_AFTER_S": "3600",
    "TRADEDECK_LIFT_WAIT_S": "0.2",
    "TRADEDECK_DRILL_EVERY_H": "0",
}
ROOT = Path(__file__).parents[2]
PEER = Path(__file__).with_name("peer.py")


class Deck(Rig):
    """A rig with a guard."""

    @property
    def log(self) -> Path:
        """The guard's journal."""
        return self.home / "journals" / "guard.db"

    def peer(self, mode: str, **spec: Any) -> subprocess.Popen[bytes]:
        """Start a peer, and wait until it has seeded its accounts and was heard."""
        spec = {"accounts": ["main"], "symbols": ["AAA", "BBB"], **spec}
        given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        path = f"{PROGRAM}{os.pathsep}{ROOT}"
        given |= {"TRADEDECK_HOME": str(self.home), "PYTHONPATH": path}
        with (self.home / "logs" / "peer.out").open("ab") as out:
            process = self.procs["peer"] = subprocess.Popen(
                [sys.executable, str(PEER), mode, json.dumps(spec)],
                env=given | self.env, stdout=out, stderr=out, cwd=self.home,
            )  # fmt: skip
        until(
            lambda: (
                self.guard("status")["runner"]["pid"] == process.pid
                and self.guard("status")["runner"]["connected"]
            ),
            "the peer's session",
        )
        return process

    def told(self, operation: str) -> list[dict[str, Any]]:
        """Frames of that kind that peers were sent."""
        lines = (self.home / "logs" / "peer.out").read_text().splitlines()
        frames = [json.loads(line) for line in lines if line.startswith("{")]
        return [frame for frame in frames if frame["op"] == operation]

    def guard(self, act: str, **fields: Any) -> dict[str, Any]:
        """Ask the guard on its socket."""
        return guardact.ask(self.home, act, timeout_s=60, **fields)

    def serve(self, **env: str) -> None:
        """Start the guard and wait until it answers."""
        self.start("guard", **env)
        until(self.answers, "the guard", 20)

    def local(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A person's own command on the host."""
        given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given |= {"TRADEDECK_HOME": str(self.home), "PYTHONPATH": str(PROGRAM)}
        return subprocess.run(
            [sys.executable, "-m", "tradedeck.guard", *arguments],
            env=given, capture_output=True, text=True, check=False, timeout=60, cwd=self.home,
        )  # fmt: skip

    def listens(self, source: str) -> bool:
        """Whether that process answers on the bus."""
        assert self._bus is not None
        try:
            self.ask(self._bus.request(f"journal.{source}", {"max": 1}, timeout_s=1))
        except TradedeckError:
            return False
        return True

    def answers(self) -> bool:
        try:
            return self.guard("status")["ok"]
        except TradedeckError:
            return False

    def facts(
        self, *kinds: str, where: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> list[Entry]:
        return [entry for entry in entries(self.log, *kinds) if where(entry.body)]

    def fact(self, kind: str, where: Callable[[dict[str, Any]], bool] = lambda _: True,
             wait_s: float = 60) -> Entry:  # fmt: skip
        """The first entry of a kind, waited for."""
        return until(
            lambda: self.facts(kind, where=where), f"{kind} in the guard's journal", wait_s
        )[0]

    def done(self, kill: str, wait_s: float = 60) -> Entry:
        return self.fact("kill.done", lambda body: body["id"] == kill, wait_s)

    def envelope(self, kind: str, body: dict[str, Any], **more: Any) -> bytes:
        more.setdefault("target", "guard.local")
        return self.api.seal(kind, body, **more)

    def wire(self, data: bytes, timeout_s: float = 20) -> dict[str, Any]:
        """Bytes on the guard's subject; its answer."""
        assert self._bus is not None
        return self.ask(self._bus.request("kill.local", json.loads(data), timeout_s=timeout_s))


def shown(exchange: Path, account: str = "main") -> tuple[dict[str, str], list[str]]:
    """(positions, working orders) by the rows of the exchange's own journal."""
    import sqlite3

    with sqlite3.connect(f"file:{exchange}?mode=ro", uri=True, timeout=5) as db:
        rows = list(db.execute("SELECT name,value FROM state WHERE name<>'epoch'"))
    found = {name: json.loads(value) for name, value in rows}
    positions = {
        name.split("/")[2]: row["quantity"]
        for name, row in found.items()
        if name.startswith(f"position/{account}/") and row["quantity"].strip("0.") not in ("", "-")
    }
    working = [
        row["order"]["client_id"]
        for name, row in found.items()
        if name.startswith("order/") and row["order"]["account"] == account
    ]
    return positions, sorted(working)


def fills(exchange: Path, symbol: str, account: str = "main") -> list[str]:
    """Signed units of each fill, in order: what a flip would show in."""
    return [
        entry.body["signed"] for entry in entries(exchange, "exch.fill")
        if entry.body["instrument"] == symbol and entry.body["account"] == account
    ]  # fmt: skip


@contextmanager
def deck(
    home: Path, *, env: Mapping[str, str] | None = None, start: Sequence[str] = ("exchange",)
) -> Iterator[Deck]:
    """nats, the api played, exchange and guard running; ended whatever happens."""
    made = Deck(home, PAPER | FAST | dict(env or {}))
    try:
        made.start("nats")
        until(lambda: _listens(made), "nats-server", 10)
        made.play_api()
        made.start(*start)
        if "exchange" in start:
            until((home / "run" / "exchange.sock").exists, "the exchange", 20)
        made.serve()
        until(lambda: made.listens("guard"), "the guard on the wire")
        yield made
    finally:
        made.stop()
