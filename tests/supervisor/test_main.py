"""`tradedeck up` from outside: what stops it before it starts, and what it says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.program import PROGRAM
from tradedeck.supervisor import demo

pytestmark = pytest.mark.processes


def up(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tradedeck.supervisor", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM)}
        | {"TRADEDECK_HOME": str(home), "TRADEDECK_PORT": "0"}
        | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_taken_port_names_who_has_it(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = up(tmp_path, TRADEDECK_PORT=str(port))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert err.startswith(f"Port {port} is taken by `")
    assert f"pid {os.getpid()}" in err
    assert "TRADEDECK_PORT" in err
    assert len(err.splitlines()) == 1


def test_one_supervisor_per_home(tmp_path: Path) -> None:
    first = up(tmp_path)
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "run" / "processes.json").exists():
            assert time.monotonic() < end, "waited 60 s for the processes"
            time.sleep(0.02)
        second = up(tmp_path)
        _, err = second.communicate(timeout=60)
        assert second.returncode == 7
        assert f"(pid {first.pid})" in err
    finally:
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert out.splitlines()[0].startswith("Tradedeck ")
    assert "Stopped." in out.splitlines()[-1]
    third = up(tmp_path)  # the lock went with its holder
    time.sleep(0.5)
    assert third.poll() is None
    third.send_signal(signal.SIGTERM)
    third.communicate(timeout=60)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRADEDECK_PORT", "abc"), ("TRADEDECK_PORT", "70000"), ("STRICT_LIVE_MODE", "maybe")],
)
def test_wrong_settings_are_named(tmp_path: Path, name: str, value: str) -> None:
    process = up(tmp_path, **{name: value})
    _, err = process.communicate(timeout=60)
    assert process.returncode == 78
    assert name in err
    assert "Traceback" not in err


def test_the_demo_keeps_out_of_a_home_with_state(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1\n")
    process = up(tmp_path, "--demo")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "state of its own" in err
    assert not (tmp_path / demo.MARKER).exists()


def test_a_home_with_a_long_path_is_refused_in_words(tmp_path: Path) -> None:
    process = up(tmp_path / ("x" * 100))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 78
    assert "too long" in err


def test_the_demo_document_is_what_was_promised() -> None:
    document = demo.document()
    account = document["accounts"][0]
    assert (account["id"], account["starting_balance"]) == ("paper-demo", "100000")
    assert {t["instrument"]: t["strategy"] for t in document["traders"]} == {
        "AAPL": "ema-cross",
        "IBM": "momentum",
        "MSFT": "mean-reversion",
        "GOOG": "donchian-breakout",
    }
    feed = document["feeds"][0]
    assert (feed["source"], feed["start"], feed["speed"]) == ("bundled:us-daily", "2004-08-19", 4)
    assert json.loads(json.dumps(document)) == document
