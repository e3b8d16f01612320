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

import pytest

from tests.program import PROGRAM
from tests.runner.harness import (
    Rig,
    entries,
    state,
    until,
)
from tests.runner.kills import check_never_flipped, venue
from tests.runner.test_kill_guarded import ask, begin, deck, told
from tests.runner.whole import whole

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]


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
