"""`status --watch` in a terminal: drawn over itself, within its width, through a restart."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Api
from tests.program import PROGRAM
from tradedeck.cli.commands.state import Screen
from tradedeck.ops.exits import Exit

pytestmark = pytest.mark.processes


ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 45.0
STATUS: dict[str, Any] = {
    "at": "2026-11-20T14:00:00Z",
    "mode": "paper",
    "traders": [{"id": "ibm", "state": "running", "reason": "r" * 50}],
}


class Terminal:
    """A command under a terminal of its own, and what it wrote there."""

    def __init__(self, rows: int, columns: int, environment: dict[str, str], *words: str) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (rows, columns))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tradedeck.cli", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.text = ""

    def until(self, check: Callable[[str], bool], words: str) -> str:
        end = time.monotonic() + WAIT_S
        while not check(self.text):
            assert time.monotonic() < end, f"waited {WAIT_S:g} s for {words}: {self.text[-2000:]}"
            if select.select([self._ours], [], [], 0.1)[0]:
                self.text += os.read(self._ours, 65_536).decode()
        return self.text

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextmanager
def watching(api: Api, rows: int = 30, columns: int = 60) -> Iterator[Terminal]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROGRAM),
        "TRADEDECK_URL": api.url,
        "TRADEDECK_TOKEN": "tdt_for-tests",
        "TERM": "xterm",
    }
    made = Terminal(rows, columns, environment, "status", "--watch")
    try:
        yield made
    finally:
        made.close()


def test_it_draws_over_itself_and_never_wider_than_the_terminal(api: Api) -> None:
    api.give("GET", "/status", STATUS)
    with watching(api) as terminal:
        text = terminal.until(lambda seen: seen.count("\x1b[J") >= 2, "two pages")
        pages = text.split("\x1b[H")[1:]
        assert "\x1b[2J" not in text
        lines = [line.strip("\r").removesuffix("\x1b[K") for line in pages[0].split("\n")]
        assert "mode        paper" in lines
        assert max(len(line) for line in lines) == 60
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(WAIT_S) == Exit.INTERRUPTED
        assert "Traceback" not in terminal.text


def test_it_is_cut_at_the_foot_of_a_small_terminal(api: Api) -> None:
    api.give("GET", "/status", STATUS)
    with watching(api, rows=5) as terminal:
        text = terminal.until(lambda seen: seen.count("\x1b[J") >= 1, "a page")
        assert text.split("\x1b[J")[0].count("\n") == 4


def test_it_outlives_a_restart_and_says_since_when(api: Api) -> None:
    api.give("GET", "/status", STATUS)
    problem = {"code": "UNAVAILABLE", "title": "t", "status": 503, "detail": "It is starting."}
    with watching(api, columns=120) as terminal:
        terminal.until(lambda seen: "mode        paper" in seen, "a page")
        api.give("GET", "/status", problem, status=503)

        def outage(seen: str) -> bool:
            page = seen.rpartition("No answer since 2026-11-20T14:00:00Z")[2]
            # What was true last stays below the words.
            return "It is starting." in page and "mode        paper" in page

        terminal.until(outage, "the outage")
        api.give("GET", "/status", {**STATUS, "mode": "halted"})
        terminal.until(lambda seen: "mode        halted" in seen, "the page after it")


def test_a_refusal_ends_it(api: Api) -> None:
    problem = {"code": "FORBIDDEN", "title": "t", "status": 403, "detail": "Not for you."}
    api.give("GET", "/status", problem, status=403)
    with watching(api) as terminal:
        terminal.until(lambda seen: "Not for you." in seen, "the refusal")
        assert terminal.process.wait(WAIT_S) == Exit.UNAUTHORISED


@pytest.mark.parametrize("tty", [True, False])
def test_without_a_terminal_there_are_no_control_codes(tty: bool) -> None:
    class Out(StringIO):
        def isatty(self) -> bool:
            return tty

    out = Out()
    Screen(out).draw("mode  paper\n", "now")
    assert ("\x1b" in out.getvalue()) is tty
    assert "mode  paper" in out.getvalue()
