"""The api as a process: ready, its sockets, one per home, and a stop that does not hang."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

pytestmark = pytest.mark.processes


@contextmanager
def started(home: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m tradedeck.api`, ready."""
    read, write = os.pipe()
    environ = {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path),
        "TRADEDECK_HOME": str(home), "TRADEDECK_PORT": "0", "TRADEDECK_READY_FD": str(write),
        **more,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tradedeck.api"],
        env=environ,
        pass_fds=(write,),
        stderr=subprocess.PIPE,
        cwd=home.parent,
    )
    os.close(write)
    try:
        with os.fdopen(read, "rb") as pipe:
            assert pipe.readline() == b"READY\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def test_from_ready_to_stop(tmp_path: Path):
    home = tmp_path / "h"
    with started(home) as process:
        url = orjson.loads((home / "run" / "api.json").read_bytes())["url"]
        assert httpx.get(f"{url}/health").json() == {"status": "ok"}
        sock = home / "run" / "api.sock"
        assert stat.S_IMODE(sock.stat().st_mode) == 0o600
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(sock))) as host:
            link = host.post("http://host/host/sign-in-link", json={}).json()
            assert link["path"].startswith("/sign-in?token=tdl_")
            token = host.post(
                "http://host/host/tokens", json={"name": "x", "role": "viewer"}
            ).json()["token"]
            bad = host.post("http://host/host/tokens", json={"name": "x", "role": "god"})
            assert (bad.status_code, bad.json()["code"]) == (422, "INVALID")
        bearer = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/api/v1/session", headers=bearer).json()["role"] == "viewer"
        assert httpx.post(f"{url}/host/tokens", json={}, headers=bearer).status_code in {404, 405}
        other = subprocess.run(
            [sys.executable, "-m", "tradedeck.api"], capture_output=True, text=True, check=False,
            env={"PYTHONPATH": os.pathsep.join(sys.path), "TRADEDECK_HOME": str(home),
                 "TRADEDECK_PORT": "0"},
        )  # fmt: skip
        assert other.returncode == 1
        assert "has the store open" in other.stderr
        with httpx.stream("GET", f"{url}/api/v1/events", headers=bearer, timeout=20) as stream:
            assert stream.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert not sock.exists()
        logs = (home / "logs" / "api.jsonl").read_text()
        assert "tdl_" not in logs
        assert "tdt_" not in logs


def test_an_invalid_setting_is_one_sentence_and_exit_1(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "tradedeck.api"], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "TRADEDECK_HOME": str(tmp_path / "h"),
             "TRADEDECK_PORT": "x"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "TRADEDECK_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path):
    home = tmp_path / "h"
    with started(home) as process:
        transport = httpx.HTTPTransport(uds=str(home / "run" / "api.sock"))
        with httpx.Client(transport=transport) as host:
            tokens = [
                host.post(
                    "http://host/host/tokens", json={"name": f"n{number}", "role": "admin"}
                ).json()["token"]
                for number in range(20)
            ]
        process.kill()
        process.wait()
    with started(home):
        url = orjson.loads((home / "run" / "api.json").read_bytes())["url"]
        for token in tokens:
            headers = {"authorization": f"Bearer {token}"}
            assert httpx.get(f"{url}/api/v1/session", headers=headers).status_code == 200
        verdict = httpx.get(f"{url}/api/v1/audit/verify", headers=headers).json()
        assert verdict["ok"]
        assert verdict["records"] >= 21
