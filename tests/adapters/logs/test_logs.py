"""Logs: redacted, bounded, rotated, shared, and out of the way."""

from __future__ import annotations

import io
import logging
import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from tests.program import PROGRAM
from tradedeck.adapters.logs.setup import configure
from tradedeck.adapters.logs.sink import RotatingFile, Sink

pytestmark = pytest.mark.processes


CANARY = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(home: Path, process: str = "api") -> list[dict[str, Any]]:
    return [orjson.loads(x) for x in (home / "logs" / f"{process}.jsonl").read_bytes().splitlines()]


def test_an_event_is_one_redacted_line_in_a_private_file(tmp_path: Path) -> None:
    pipeline = configure("api", tmp_path, console=False, now_ns=lambda: 1_500_000_000)
    log = structlog.get_logger()
    log.info("signed in", password="hunter2", detail={"api_key": "k", "n": 1}, note=CANARY)
    log.debug("not written")
    logging.getLogger("uvicorn.error").warning("GET /sign-in?token=%s", "abc123")
    pipeline.flush()
    first, second = lines(tmp_path)
    assert first["at"] == "1970-01-01T00:00:01.500000Z"
    assert (first["level"], first["process"], first["event"]) == ("info", "api", "signed in")
    assert first["password"] == first["detail"]["api_key"] == first["note"] == "[redacted]"
    assert first["detail"]["n"] == 1
    assert (second["logger"], second["level"]) == ("uvicorn.error", "warning")
    assert "abc123" not in second["event"]
    file = tmp_path / "logs" / "api.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_tracebacks_carry_no_values(tmp_path: Path) -> None:
    pipeline = configure("api", tmp_path, console=False)

    def deep(secret: str) -> None:
        raise ValueError(f"bad token {CANARY}" if secret else "")

    try:
        deep("local-CANARY-value".lower())
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("x").exception("failed too")
    pipeline.flush()
    for line in lines(tmp_path):
        assert line["level"] == "error"
        assert "ValueError" in line["exception"]
        assert "local-canary-value" not in line["exception"]
        assert CANARY not in line["exception"]


def test_lines_are_bounded(tmp_path: Path) -> None:
    pipeline = configure("api", tmp_path, console=False)
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"in": deep}
    structlog.get_logger().info(
        "x" * 100_000,
        many=list(range(10_000)),
        deep=deep,
        raw=b"123",
        **{f"k{n}": "y" * 9000 for n in range(60)},
    )
    pipeline.flush()
    assert all(len(orjson.dumps(line)) < 40_000 for line in lines(tmp_path))


def test_people_see_lines_on_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    configure("runner", tmp_path, console=True)
    structlog.get_logger().warning("feed stale", feed="us", token="hunter2")
    assert "feed stale" in shown.getvalue()
    assert "feed=us" in shown.getvalue()
    assert "hunter2" not in shown.getvalue()


def test_rotation_keeps_a_bounded_share(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "logs" / "a.jsonl", bytes_max=1000, kept=3)
    for number in range(200):
        file.write(b"%03d %s\n" % (number, b"x" * 95))
    names = sorted(p.name for p in (tmp_path / "logs").iterdir() if not p.name.startswith("."))
    assert names == ["a.jsonl", "a.jsonl.1", "a.jsonl.2", "a.jsonl.3"]
    assert all((tmp_path / "logs" / n).stat().st_size <= 1000 for n in names)
    assert (tmp_path / "logs" / "a.jsonl").read_bytes().splitlines()[-1].startswith(b"199")


def test_two_processes_share_one_file(tmp_path: Path) -> None:
    """LOG_FILE_PATH: every line of both, whole, rotated once."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from tradedeck.adapters.logs.sink import RotatingFile
        file = RotatingFile(Path(sys.argv[1]), bytes_max=20_000, kept=50)
        for n in range(1000):
            file.write(f"{sys.argv[2]} {n} {'x' * 60}\\n".encode())
    """)
    shared = tmp_path / "all.jsonl"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(shared), name],
            env=os.environ | {"PYTHONPATH": str(PROGRAM)},
        )
        for name in ("a", "b")
    ]
    assert [child.wait(60) for child in children] == [0, 0]
    found = b"".join(p.read_bytes() for p in tmp_path.glob("all.jsonl*")).splitlines()
    assert len(found) == 2000
    assert {line.split()[0] for line in found} == {b"a", b"b"}
    assert all(len(line.split()) == 3 for line in found)


def test_log_file_path_is_written_too(tmp_path: Path) -> None:
    pipeline = configure(
        "api", tmp_path, console=False, log_file=str(tmp_path / "x" / "{process}.log")
    )
    structlog.get_logger().info("hello")
    pipeline.flush()
    assert b"hello" in (tmp_path / "x" / "api.log").read_bytes()
    assert lines(tmp_path)[0]["event"] == "hello"


def test_a_slow_disk_costs_lines_never_time(tmp_path: Path) -> None:
    free = threading.Event()

    class Stuck(RotatingFile):
        def write(self, data: bytes) -> None:
            free.wait()
            super().write(data)

    sink = Sink([Stuck(tmp_path / "a.jsonl")], waiting_max=100)
    for number in range(5_000):  # a put that waited for the disk would wait for ever
        sink.put(b'{"n":%d}\n' % number)
    free.set()
    assert sink.flush()
    written = (tmp_path / "a.jsonl").read_bytes()
    assert b"log lines dropped" in written
    assert b'{"n":4999}' in written


def test_an_unwritable_folder_is_said_once_and_survived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    pipeline = configure("api", tmp_path, console=False)
    for _ in range(10):
        structlog.get_logger().info("hello")
        pipeline.flush()
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_after_fork_the_child_logs_for_itself(tmp_path: Path) -> None:
    pipeline = configure("runner", tmp_path, console=False)
    structlog.get_logger().info("parent")
    pipeline.flush()
    pid = os.fork()
    if pid == 0:
        structlog.get_logger().info("child")
        pipeline.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert [line["event"] for line in lines(tmp_path, "runner")] == ["parent", "child"]


def test_an_uncaught_error_is_the_last_line(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; import sys\n"
        "from tradedeck.adapters.logs.setup import configure\n"
        "configure('api', Path(sys.argv[1]))\n"
        "raise RuntimeError('the end')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(PROGRAM)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b"RuntimeError: the end\n"
    assert lines(tmp_path)[-1]["level"] == "critical"
