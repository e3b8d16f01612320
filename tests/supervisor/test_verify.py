"""An installation with one part broken on purpose: verify names that part, and only that."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.program import PROGRAM
from tradedeck.adapters.bus import server
from tradedeck.journal.log import Journal
from tradedeck.ops import verify
from tradedeck.ops.files import prepare_home, write_json, write_private
from tradedeck.supervisor import checks

pytestmark = pytest.mark.processes


DOCUMENT = b"version: 1\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a bit of everything, whole."""
    home = prepare_home(tmp_path / "home")
    server.prepare(home)
    write_private(home / "config.yaml", DOCUMENT)
    write_private(home / "keys" / "api.key", b"ab" * 32)
    write_json(home / "keys" / "cli.json", {"viewer": {"token": "t" * 40}})
    write_private(home / "logs" / "api.jsonl", b'{"event":"fine"}\n')
    journal = Journal(home / "journals" / "local.db", lambda: 1)
    for number in range(5):
        journal.append("cycle", {"signals": number})
    journal.commit()
    journal.close()
    for path in (home / "journals").iterdir():
        path.chmod(0o600)
    return home


def named(home: Path, name: str, check: Callable[[Path], str]) -> verify.Result:
    return verify.run([(name, check)], home)[0]


def test_a_whole_home_holds(home: Path) -> None:
    for name, check in (
        ("home", verify.home_modes),
        ("writes", verify.atomic_writes),
        ("secrets", verify.secrets_absent),
        ("journals", verify.journals),
        ("nats", checks.nats),
        ("settings", checks.settings_valid),
        ("sqlite", checks.sqlite),
        ("signals-only", checks.signals_only),
    ):
        result = named(home, name, check)
        assert result.verdict == "ok", result


def test_open_modes(home: Path) -> None:
    (home / "keys" / "api.key").chmod(0o644)
    result = named(home, "home", verify.home_modes)
    assert result.verdict == "failed"
    assert "api.key is 0644" in result.detail
    assert "chmod" in result.hint


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.yaml", "note: Bearer abcdefgh12345678\n"),
        ("logs/api.jsonl", '{"event":"x eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2ln"}\n'),
        ("logs/runner.jsonl.3", '{"event":"' + "ab" * 32 + '"}\n'),  # the api's own key
        ("config.rejected.yaml", f"x: {'t' * 40}\n"),  # the command line's token
    ],
)
def test_a_planted_secret(home: Path, file: str, text: str) -> None:
    write_private(home / file, text.encode())
    result = named(home, "secrets", verify.secrets_absent)
    assert result.verdict == "failed"
    assert f"{file}, line 1" in result.detail
    assert "abcdefgh" not in result.detail


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entry SET body = '{\"signals\":9}' WHERE seq = 3",
        "DELETE FROM entry WHERE seq = 3",
        "UPDATE entry SET at_ns = 2 WHERE seq = 3",
    ],
)
def test_an_altered_journal(home: Path, damage: str) -> None:
    with sqlite3.connect(home / "journals" / "local.db") as db:
        db.execute(damage)
    db.close()
    result = named(home, "journals", verify.journals)
    assert result.verdict == "failed"
    assert "local.db was altered: entry 3" in result.detail


def test_a_torn_journal(home: Path) -> None:
    path = home / "journals" / "local.db"
    path.write_bytes(b"not a database at all" * 100)
    for other in ("local.db-wal", "local.db-shm"):
        (home / "journals" / other).unlink(missing_ok=True)
    result = named(home, "journals", verify.journals)
    assert result.verdict == "failed"
    assert "cannot be read" in result.detail


def test_a_broken_nats_configuration(home: Path) -> None:
    write_private(home / "run" / "nats.conf", b"listen: [nonsense\n")
    result = named(home, "nats", checks.nats)
    assert result.verdict == "failed"
    assert "nats.conf is not valid" in result.detail


def test_a_missing_or_wrong_nats(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRADEDECK_NATS_SERVER", str(tmp_path / "nothing"))
    assert "was not found" in named(home, "nats", checks.nats).detail
    impostor = tmp_path / "impostor"
    impostor.write_text("#!/bin/sh\necho hello\n")
    impostor.chmod(0o755)
    monkeypatch.setenv("TRADEDECK_NATS_SERVER", str(impostor))
    assert "is not nats-server" in named(home, "nats", checks.nats).detail


def test_a_missing_and_a_wrong_package(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pins = tmp_path / "requirements" / "runtime.txt"
    pins.parent.mkdir()
    monkeypatch.setattr(checks, "CHECKOUT", tmp_path)
    pins.write_text("orjson==0.0.1 \\\n    --hash=sha256:00\n")
    assert "instead of 0.0.1" in named(home, "dependencies", checks.dependencies).detail
    pins.write_text("no-such-package==1.0 \\\n    --hash=sha256:00\n")
    assert "Not installed: no-such-package" in named(home, "d", checks.dependencies).detail
    pins.write_text("no-such-package==1.0 ; sys_platform == 'win32' \\\n")
    assert named(home, "d", checks.dependencies).verdict == "ok"


def test_wrong_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEDECK_PORT", "many")
    result = named(home, "settings", checks.settings_valid)
    assert result.verdict == "failed"
    assert "TRADEDECK_PORT" in result.detail


def test_an_invalid_configuration(home: Path) -> None:
    write_private(home / "config.yaml", b"version: 1\nbogus: 2\n")
    result = named(home, "config", checks.config_valid)
    assert result.verdict == "failed"


def test_a_cockpit_not_built_or_torn(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "PACKAGE", tmp_path)
    assert named(home, "dashboard", checks.dashboard).detail == "The cockpit is not built."
    static = tmp_path / "api" / "static"
    static.mkdir(parents=True)
    (static / "index.html").write_text('<script src="/assets/app-1.js"></script>')
    assert "assets/app-1.js" in named(home, "dashboard", checks.dashboard).detail
    (static / "assets").mkdir()
    (static / "assets" / "app-1.js").write_text("1")
    assert named(home, "dashboard", checks.dashboard).verdict == "ok"


def test_missing_documents(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(checks, "CHECKOUT", tmp_path)
    result = named(home, "documentation", checks.documentation)
    assert "first-hour.md" in result.detail


def test_a_module_that_cannot_be_imported(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "src" / "tradedeck"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "broken.py").write_text("import no_such_module_at_all\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    result = named(home, "modules", checks.modules)
    assert result.verdict == "failed"
    assert "tradedeck.broken (ModuleNotFoundError" in result.detail


def test_another_result_of_the_self_test(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named(home, "self-test", checks.self_test).verdict == "ok"
    monkeypatch.setitem(checks.SELF_TEST_EXPECTED, "final_balance", "1.00")
    result = named(home, "self-test", checks.self_test)
    assert result.verdict == "failed"
    assert "do not trade with it" in result.hint


def test_a_check_that_raises_has_failed_and_ends_nothing(home: Path) -> None:
    def broken(_: Path) -> str:
        raise RuntimeError("Bearer abcdefgh12345678")

    results = verify.run([("a", broken), ("b", verify.atomic_writes)], home)
    assert [result.verdict for result in results] == ["failed", "ok"]
    assert "abcdefgh" not in results[0].detail


def test_the_program(home: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "tradedeck.cli", "verify", *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(PROGRAM),
                "TRADEDECK_HOME": str(home),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    code, out = run("--only", "home", "--only", "journals", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["ok"]) == (0, True)
    assert [c["name"] for c in found["checks"]] == ["home", "journals"]
    (home / "keys").chmod(0o755)
    code, out = run("--only", "home")
    assert code == 1
    assert "failed" in out
    assert "keys is 0755" in out
    assert run("--only", "nonsense")[0] == 2
