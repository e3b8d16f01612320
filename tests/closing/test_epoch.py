"""Who may close an account, over real files, locks and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tradedeck.closing.epoch import Claim, Epoch
from tradedeck.closing.types import Owner
from tradedeck.kernel.errors import TradedeckError

pytestmark = pytest.mark.processes


HOLDER = """
import sys, time
from pathlib import Path
from tradedeck.closing.epoch import Epoch
from tradedeck.closing.types import Owner
held = Epoch(Path(sys.argv[1]), "main")
held.take(Owner.RUNNER, None, 1)
print("held", flush=True)
time.sleep(600)
"""


def test_inv_9_the_epoch_rises_with_each_taking_and_says_who(tmp_path: Path) -> None:
    first = Epoch(tmp_path / "closer", "main")
    assert first.read() == Claim(0, "", 0, None, 0)
    assert first.take(Owner.RUNNER, None, 5) == 1
    assert first.read() == first.claim == Claim(1, "runner", os.getpid(), None, 5)
    first.carry("kill_a", 6)
    assert first.read() == Claim(1, "runner", os.getpid(), "kill_a", 6)
    assert first.holds()
    first.release()
    assert not first.holds()
    second = Epoch(tmp_path / "closer", "main")
    assert second.take(Owner.GUARD, "kill_a", 7) == 2
    assert second.read() == Claim(2, "guard", os.getpid(), "kill_a", 7)


def test_inv_9_one_owner_at_a_time(tmp_path: Path) -> None:
    one, other = Epoch(tmp_path, "main"), Epoch(tmp_path, "main")
    one.take(Owner.RUNNER, None, 1)
    for asking in (other, one):
        with pytest.raises(TradedeckError, match="held"):
            asking.take(Owner.GUARD, "kill_a", 2)
    assert one.holds()
    assert not other.holds()
    assert other.claim is None
    Epoch(tmp_path, "spare").take(Owner.GUARD, None, 2)  # another account is another right
    one.release()
    assert other.take(Owner.GUARD, "kill_a", 3) == 2
    with pytest.raises(TradedeckError):
        one.carry("kill_b", 4)


def test_inv_9_a_stopped_holder_holds_and_an_ended_one_does_not(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    guard = Epoch(tmp_path, "main")
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(TradedeckError, match=f"runner \\(pid {holder.pid}\\)"):
            guard.take(Owner.GUARD, "kill_a", 2)
    finally:
        holder.kill()
        holder.wait(60)
        holder.stdout.close()
    assert guard.take(Owner.GUARD, "kill_a", 2) == 2


def test_inv_9_what_a_guard_has_not_finished_is_no_runners(tmp_path: Path) -> None:
    """A guard that died in the middle comes back; until then nobody else closes there."""
    guard, runner = Epoch(tmp_path, "main"), Epoch(tmp_path, "main")
    guard.take(Owner.GUARD, "kill_a", 1)
    guard.release()
    with pytest.raises(TradedeckError, match="guard is closing"):
        runner.take(Owner.RUNNER, None, 2)
    guard.take(Owner.GUARD, "kill_a", 3)
    guard.carry(None, 4)
    guard.release()
    assert runner.take(Owner.RUNNER, None, 5) == 3


def test_a_file_that_cannot_be_read_stops_a_runner_and_no_guard(tmp_path: Path) -> None:
    (tmp_path / "main.json").write_bytes(b"{torn")
    with pytest.raises(TradedeckError):
        Epoch(tmp_path, "main").take(Owner.RUNNER, None, 1)
    guard = Epoch(tmp_path, "main")
    assert guard.take(Owner.GUARD, "kill_a", 1) == 1
    assert guard.holds()


@pytest.mark.parametrize("act", ["remove", "replace", "rewrite"])
def test_inv_9_a_claim_that_was_meddled_with_is_held_no_more(tmp_path: Path, act: str) -> None:
    held = Epoch(tmp_path, "main")
    held.take(Owner.RUNNER, None, 1)
    path = tmp_path / "main.json"
    if act == "rewrite":
        path.write_bytes(path.read_bytes().replace(b'"epoch":1', b'"epoch":2'))
    else:
        path.unlink()
    if act == "replace":
        path.write_bytes(b"")
    assert not held.holds()


def test_taking_over_needs_no_new_room(tmp_path: Path) -> None:
    """A full disk must not stop a kill: the file keeps its size and its place."""
    held = Epoch(tmp_path, "main")
    held.take(Owner.RUNNER, None, 1)
    path = tmp_path / "main.json"
    before = path.stat()
    held.release()
    held.take(Owner.GUARD, "kill_" + "x" * 60, 2)
    after = path.stat()
    assert (before.st_size, before.st_ino) == (after.st_size, after.st_ino)
    assert after.st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["../main", "", "a/b", "Main"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(TradedeckError):
        Epoch(tmp_path, name)
