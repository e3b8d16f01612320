"""`logs` reads the files of the home, also when nothing runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome
from tests.program import PROGRAM
from tradedeck.cli import home as home_module

pytestmark = pytest.mark.processes


Deck = Callable[..., Outcome]


def write(home: Path, process: str, at: str, event: str, level: str = "info") -> None:
    (home / "logs").mkdir(exist_ok=True)
    with (home / "logs" / f"{process}.jsonl").open("a") as file:
        file.write(
            json.dumps({"at": at, "level": level, "process": process, "event": event}) + "\n"
        )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEDECK_HOME", str(tmp_path))
    home_module.find.cache_clear()
    write(tmp_path, "api", "2026-01-01T00:00:01Z", "first")
    write(tmp_path, "runner", "2026-01-01T00:00:02Z", "second", "error")
    write(tmp_path, "api", "2026-01-01T00:00:03Z", "third", "debug")
    write(tmp_path, "api", "2026-01-01T00:00:04Z", "fourth")
    return tmp_path


def test_merged_by_time_and_filtered(home: Path, deck: Deck) -> None:
    def events(*arguments: str) -> list[str]:
        code, out, _ = deck("logs", "--json", *arguments)
        assert code == 0
        return [json.loads(line)["event"] for line in out.splitlines()]

    assert events() == ["first", "second", "fourth"]
    assert events("--level", "debug") == ["first", "second", "third", "fourth"]
    assert events("--level", "error") == ["second"]
    assert events("--process", "api", "-n", "1") == ["fourth"]
    assert events("-s", "SECOND") == ["second"]
    assert deck("logs", "--level", "loud")[0] == 2
    assert "ERROR second" in deck("logs")[1]


def test_follow_shows_new_lines_and_survives_rotation(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tradedeck.cli", "logs", "-f", "--json"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM), "TRADEDECK_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        seen = [json.loads(process.stdout.readline())["event"] for _ in range(3)]
        assert seen == ["first", "second", "fourth"]
        time.sleep(0.5)
        write(home, "api", "2026-01-01T00:00:05Z", "fifth")
        assert json.loads(process.stdout.readline())["event"] == "fifth"
        file = home / "logs" / "api.jsonl"
        file.rename(home / "logs" / "api.jsonl.1")
        write(home, "api", "2026-01-01T00:00:06Z", "6")
        assert json.loads(process.stdout.readline())["event"] == "6"
    finally:
        process.kill()
        process.communicate()
