"""What a process says of itself: to a pipe, to systemd's socket, to a probe."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradedeck.ops import lifeline
from tradedeck.ops.lifeline import Lifeline, age_s


@pytest.fixture(autouse=True)
def heap() -> Iterator[None]:
    """What a word of readiness froze is collected again afterwards."""
    yield
    gc.unfreeze()


def test_what_serves_is_not_walked_by_every_collection(tmp_path: Path) -> None:
    line = Lifeline(tmp_path, "runner")
    before = gc.get_freeze_count()
    line.ready()
    assert gc.get_freeze_count() > before + 10_000


def test_the_supervisor_hears_ready_and_beats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    monkeypatch.setenv("TRADEDECK_READY_FD", str(write))
    monkeypatch.setattr(lifeline, "BEAT_S", 0.0)
    line = Lifeline(tmp_path, "runner")
    assert "TRADEDECK_READY_FD" not in os.environ  # nothing that we start inherits it
    line.beat()  # it does not serve yet
    line.ready()
    line.beat()
    assert os.read(read, 64) == b"READY\n.."
    os.close(read)
    line.beat()  # nobody listens any more: no error
    line.beat()
    os.close(write)


def test_a_beat_is_said_twice_a_second_however_often_the_loop_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    monkeypatch.setenv("TRADEDECK_READY_FD", str(write))
    monkeypatch.setattr(lifeline, "BEAT_S", 1e9)
    line = Lifeline(tmp_path, "runner")
    line.ready()
    for _ in range(1000):
        line.beat()
    assert os.read(read, 64) == b"READY\n."
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    name = f"@tradedeck-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name[1:]}" if abstract else name)
        heard.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        line = Lifeline(tmp_path, "api")
        line.ready()
        line.close()
        assert [heard.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    line.beat()  # it ended: nothing to say


def test_a_probe_sees_how_long_ago(tmp_path: Path) -> None:
    assert age_s(tmp_path, "api") is None
    line = Lifeline(tmp_path, "api")
    assert age_s(tmp_path, "api") is None
    line.ready()
    found = age_s(tmp_path, "api")
    assert found is not None
    assert found < 60
    os.utime(tmp_path / "run" / "alive" / "api", (1_000_000_000, 1_000_000_000))
    found = age_s(tmp_path, "api")
    assert found is not None
    assert found > 1_000_000
    line.close()
    assert age_s(tmp_path, "api") is None
