"""Six parts of an installation broken for real, in a copy of the program, a file or a process:
`tradedeck verify` fails and names the cause. The others are in test_verify.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_process import started
from tests.supervisor.conftest import Deck, running, serving
from tradedeck.ops import verify
from tradedeck.ops.files import prepare_home
from tradedeck.ops.hostact import call
from tradedeck.supervisor import checks

pytestmark = pytest.mark.processes


def verdict(
    home: Path, name: str, *, program: Path = Path("src"), python: str = sys.executable
) -> dict[str, Any]:
    """What `tradedeck verify --only NAME` of a program says."""
    found = [str(program.resolve()), *(part for part in sys.path if "site-packages" in part)]
    done = subprocess.run(
        [python, "-m", "tradedeck.cli", "verify", "--only", name, "--json"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(found),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TRADEDECK_HOME": str(home),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)["checks"][0]
    assert done.returncode == (1 if result["verdict"] == "failed" else 0)
    return result


def broken(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the program with one text changed."""
    program = folder / "program"
    ignored = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree("src/tradedeck", program / "tradedeck", ignore=ignored)
    path = program / "tradedeck" / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")
    return program


# -- python ------------------------------------------------------------------------------------


def test_a_checkout_under_the_systems_python(tmp_path: Path) -> None:
    assert sys.prefix != sys.base_prefix, "the tests run in the checkout's own environment"
    assert verdict(tmp_path, "python")["verdict"] == "ok"
    system = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    result = verdict(tmp_path, "python", python=system)
    assert result["verdict"] == "failed"
    assert "is the system's Python, not this checkout's own" in result["detail"]


def test_an_interpreter_too_old(tmp_path: Path) -> None:
    program = broken(tmp_path, "supervisor/checks.py", "(3, 11)\n", "(3, 99)\n")
    result = verdict(tmp_path, "python", program=program)
    assert result["verdict"] == "failed"
    assert result["detail"].endswith("is older than 3.99.")


# -- sqlite ------------------------------------------------------------------------------------


def test_a_sqlite_without_the_fix(tmp_path: Path) -> None:
    """Another build of apsw on the path, over an older SQLite."""
    program = tmp_path / "program"
    shutil.copytree("src/tradedeck", program / "tradedeck", ignore=shutil.ignore_patterns("static"))
    (program / "apsw.py").write_text("def sqlite_lib_version() -> str:\n    return '3.45.1'\n")
    result = verdict(tmp_path, "sqlite", program=program)
    assert result["verdict"] == "failed"
    assert "apsw brings SQLite 3.45.1, which can corrupt a journal" in result["detail"]


# -- signals only ------------------------------------------------------------------------------


def test_a_runner_that_imports_a_broker_by_itself(tmp_path: Path) -> None:
    first = "from __future__ import annotations\n"
    more = "import tradedeck.adapters.brokers.paper.client\n"
    program = broken(tmp_path, "runner/wiring.py", first, first + more)
    result = verdict(tmp_path, "signals-only", program=program)
    assert result["verdict"] == "failed"
    assert "imports brokers by itself" in result["detail"]
    assert "tradedeck.adapters.brokers.paper.client" in result["detail"]


def test_an_empty_environment_that_arms(tmp_path: Path) -> None:
    old = 'return Mode.PAPER if _true(env, "PAPER_EXECUTION_ENABLED") else Mode.SIGNALS'
    program = broken(tmp_path, "execution/arming.py", old, "return Mode.PAPER")
    result = verdict(tmp_path, "signals-only", program=program)
    assert result["verdict"] == "failed"
    assert "An empty environment would allow more than signals" in result["detail"]


def test_an_account_that_can_execute_in_signals_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process of ours says this: the answer is played."""
    told = {"mode": "signals", "execution_capable_accounts": 1}
    monkeypatch.setattr(checks, "_status", lambda _home: told)
    result = verify.run([("signals-only", checks.signals_only)], tmp_path)[0]
    assert result.verdict == "failed"
    assert "yet an account can execute" in result.detail


# -- audit -------------------------------------------------------------------------------------

CHANGED = "UPDATE audit SET reason='another' WHERE seq=2"
REMOVED = "DELETE FROM audit WHERE seq=2"
CAUSE = {
    CHANGED: "breaks at 2: its content does not match its hash",
    REMOVED: "breaks at 2: record 2 is missing",
}


def _damage(home: Path, statement: str) -> None:
    with sqlite3.connect(home / "store" / "tradedeck.db", timeout=10) as db:
        for act in ("update", "delete"):
            db.execute(f"DROP TRIGGER audit_no_{act}")
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "served"), [(CHANGED, False), (CHANGED, True), (REMOVED, False)]
)
def test_an_altered_audit_record(tmp_path: Path, statement: str, *, served: bool) -> None:
    home = tmp_path / "h"
    with started(home) as process:
        for number in range(3):
            call(home, "/host/tokens", {"name": f"n{number}", "role": "viewer"})
        result = verdict(home, "audit")
        assert result["verdict"] == "ok"
        assert int(result["detail"].split()[0]) >= 3
        if not served:
            process.kill()
            process.wait()
        _damage(home, statement)
        result = verdict(home, "audit")
    assert result["verdict"] == "failed"
    assert CAUSE[statement] in result["detail"]


def test_a_torn_store(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "h")
    (home / "store" / "tradedeck.db").write_bytes(b"not a database at all" * 100)
    result = verdict(home, "audit")
    assert result["verdict"] == "failed"
    assert "tradedeck.db cannot be read: file is not a database" in result["detail"]
    assert "backup" in result["hint"]


# -- processes ---------------------------------------------------------------------------------


def test_a_process_that_is_down(deck: Deck) -> None:
    assert verdict(deck.home, "processes")["verdict"] == "skipped"
    deck.start(serving("steady"), running("shaky", "raise SystemExit(3)"))
    deck.running("steady")
    deck.until(lambda: deck.state("shaky")["state"] in ("backoff", "failed"))
    result = verdict(deck.home, "processes")
    assert result["verdict"] == "failed"
    assert "shaky is " in result["detail"]
    assert "steady" not in result["detail"]


def test_a_supervisor_that_died_with_its_socket_left_behind(deck: Deck) -> None:
    deck.start(serving("steady"))
    deck.running("steady")
    assert verdict(deck.home, "processes")["verdict"] == "ok"
    assert deck.process is not None
    deck.process.kill()
    deck.process.wait()
    result = verdict(deck.home, "processes")
    assert result["verdict"] == "failed"
    assert "is not running" in result["detail"]
    assert "tradedeck up" in result["hint"]


# -- endpoints ---------------------------------------------------------------------------------


def test_an_api_that_answers_the_anonymous(tmp_path: Path) -> None:
    old = "                if actor is None:\n                    await self._anonymous"
    leak = (
        '                if actor is None and scope["path"] == "/api/v1/alerts":\n'
        '                    await _send(send, 200, b"application/json", b"[]")\n'
        "                    return\n"
    )
    program = broken(tmp_path, "api/front.py", old, leak + old)
    with started(tmp_path / "h", PYTHONPATH=os.pathsep.join([str(program), *sys.path])):
        result = verdict(tmp_path / "h", "endpoints")
    assert result["verdict"] == "failed"
    assert result["detail"] == "Answers the anonymous: /api/v1/alerts."


def test_an_api_that_is_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "HTTP_TIMEOUT_S", 0.5)  # the check in this process: a short wait
    home = tmp_path / "h"
    with started(home) as process:
        assert verdict(home, "endpoints")["verdict"] == "ok"
        process.send_signal(signal.SIGSTOP)
        result = verify.run([("endpoints", checks.endpoints)], home)[0]
        process.send_signal(signal.SIGCONT)
    assert result.verdict == "failed"
    assert "does not answer: ReadTimeout" in result.detail
