"""INV-6, CTL-7: a kill while messages are frozen, and with api, store and messages dead. All of the
processes are real, the api too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.program import PROGRAM
from tests.runner.harness import (
    Rig,
    _listens,
    document,
    entries,
    rig,
    state,
    trader,
    until,
)
from tests.runner.kills import check_never_flipped, venue
from tests.runner.test_kill_guarded import ENV, ask, begin, deck, told

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]
ENTERS = {"entry": 5, "exit": 3, "short": False}


def cli(r: Rig, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`tradedeck …` by a person on the host."""
    given = r.environment()
    return subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", *arguments],
        env=given, capture_output=True, text=True, check=False, timeout=100, cwd=r.home,
    )  # fmt: skip


def freeze(r: Rig) -> None:
    r.procs["nats"].send_signal(signal.SIGSTOP)


def proved(r: Rig, kill: str) -> None:
    """Flat by three reads of the guard's own, with the runner as the owner, and nothing flipped."""
    until(lambda: told(r, "kill.done", kill=kill), "the kill's proof")
    assert venue(r) == ({}, {})
    flat = told(r, "kill.account_flat", kill=kill)[0]
    assert len(flat["proof"]["reads"]) == 3
    assert {body["by"] for body in told(r, "kill.owned", kill=kill)} == {"runner"}
    assert state(r.journal)["halts"]["all"]["kill"] == kill
    assert r.procs["runner"].poll() is None
    check_never_flipped(r)


@contextmanager
def frozen(home: Path) -> Iterator[Rig]:
    """Two traders in the market, and the message server frozen."""
    with deck(home) as r:
        begin(r)
        freeze(r)
        try:
            yield r
        finally:
            r.procs["nats"].send_signal(signal.SIGCONT)


def test_inv_6_ctl_7_messages_frozen_by_the_socket(tmp_path: Path) -> None:
    with frozen(tmp_path) as r:
        proved(r, ask(r, "kill", scope="all", reason="test")["id"])


def test_inv_6_ctl_7_messages_frozen_by_the_command_of_the_host(tmp_path: Path) -> None:
    with frozen(tmp_path) as r:
        done = cli(r, "kill", "--local", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        proved(r, json.loads(done.stdout.splitlines()[-1])["id"])


# -- with the real api --------------------------------------------------------------------------


class Whole(Rig):
    """A rig whose api is the real one."""

    def request(self, method: str, path: str, body: Any = None, *, role: str) -> httpx.Response:
        """One request of a machine with a token of that role."""
        socket = httpx.HTTPTransport(uds=str(self.home / "run" / "api.sock"))
        if role not in self.tokens:
            with httpx.Client(transport=socket) as host:
                made = host.post("http://host/host/tokens", json={"name": role, "role": role})
            self.tokens[role] = made.json()["token"]
        url = json.loads((self.home / "run" / "api.json").read_text())["url"]
        bearer = {"authorization": f"Bearer {self.tokens[role]}"}
        return httpx.request(method, f"{url}/api/v1{path}", json=body, headers=bearer, timeout=60)

    @property
    def tokens(self) -> dict[str, str]:
        return self.__dict__.setdefault("_tokens", {})


@contextmanager
def whole(home: Path) -> Iterator[Whole]:
    """nats, api, exchange, guard and runner; two traders in the market."""
    traders = [trader(f"t{n}", f"S{n}", "donchian-breakout", params=dict(ENTERS)) for n in range(2)]
    wanted = document(traders, speed=20)
    closes = {f"S{n}": [100 + n / 10 for n in range(2000)] for n in range(2)}
    with rig(home, wanted, ENV, closes=closes, start=False, kind=Whole) as r:
        (home / "keys" / "api.pub").unlink()  # the api makes its own
        (home / "seed.yaml").write_text(json.dumps(wanted))
        try:
            r.start("nats")
            until(lambda: _listens(r), "nats-server")
            r.start("api", "exchange", "guard", TRADEDECK_PORT="0")
            until(lambda: r.alive() or (home / "run" / "api.json").exists(), "the api")
            r.start("runner")
            until(lambda: tuple(map(len, venue(r))) == (2, 2), "both positions and their stops")
            yield r
        finally:
            r.procs["nats"].send_signal(signal.SIGCONT)


def test_inv_6_ctl_7_messages_frozen_through_the_api(tmp_path: Path) -> None:
    """It says that the bus is silent, and has the guard take it by its socket."""
    with whole(tmp_path) as r:
        until(lambda: r.request("GET", "/session", role="operator").status_code == 200)
        freeze(r)
        answer = r.request("POST", "/kills", {"scope": "all"}, role="operator")
        assert answer.status_code == 202, answer.text
        receipt = answer.json()
        assert (receipt["guard"]["latched"], receipt["runner"]["latched"]) == (True, False)
        assert "the bus is silent" in receipt["guard"]["detail"]
        assert "The runner has not" in receipt["detail"]
        proved(r, receipt["id"])


def test_inv_6_ctl_7_messages_and_guard_frozen_says_what_to_do(tmp_path: Path) -> None:
    with whole(tmp_path) as r:
        until(lambda: r.request("GET", "/session", role="operator").status_code == 200)
        freeze(r)
        r.procs["guard"].send_signal(signal.SIGSTOP)
        answer = r.request("POST", "/kills", {"scope": "all"}, role="operator")
        r.procs["guard"].send_signal(signal.SIGCONT)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) in {(503, "TIMEOUT"), (503, "UNAVAILABLE")}
        assert "Neither guard nor runner" in problem["detail"]
        assert "`tradedeck kill all --step flatten --local`" in problem["hint"]
        # It is sent again until somebody takes it: the guard that goes on does.
        found = until(lambda: entries(r.home / "journals" / "guard.db", "kill.requested"))
        proved(r, found[0].body["id"])


def test_inv_6_ctl_7_api_store_and_messages_dead_with_the_runner_alive(tmp_path: Path) -> None:
    with whole(tmp_path) as r:
        for name in ("api", "nats"):
            r.kill(name)
        (r.home / "store").rename(r.home / "store-gone")
        done = cli(r, "kill", "--local", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        proved(r, json.loads(done.stdout.splitlines()[-1])["id"])
        assert not list(r.home.glob("store"))


def test_inv_3_inv_6_the_runners_own_journal_on_a_full_disk(tmp_path: Path) -> None:
    """A real file system of 64 MB; its last byte is gone while the runner trades on."""
    mount = f'mount -t tmpfs -o size=64m none "{tmp_path}" && chmod 700 "{tmp_path}"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c",
         f'{mount} && exec "$0" -m tests.runner.fulldisk "{tmp_path}"', sys.executable],
        capture_output=True, text=True, check=False, timeout=280, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{PROGRAM}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        return  # no right to mount here: tests/journal has SQLite's own bound in the disk's place
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == [True, ["runner"], 3, False]
