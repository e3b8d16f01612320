"""The program as a whole: quick, documented, uniform."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.program import PROGRAM
from tradedeck.cli.main import app
from tradedeck.ops.exits import MEANING, Exit

NO_JSON = {
    "guard serve",
    "up",
    "nats",
    "desktop",
    "service",
    "api",
    "runner",
    "exchange",
    "worker",
    "completion",
    "export",
}


def tradedeck(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def commands(command: Any, name: str = "") -> list[tuple[str, Any]]:
    inner = getattr(command, "commands", {})
    found = [] if inner else [(name, command)]
    for key, child in inner.items():
        found += commands(child, f"{name} {key}".strip())
    return found


HEAVY = ("asyncio", "duckdb", "fastapi", "httpx", "nats", "numpy", "pydantic", "rich", "sqlalchemy")


def test_help_imports_nothing_heavy() -> None:
    """What makes it quick; how quick is measured in bench/suites/startup.py."""
    code = (
        "import sys\n"
        "from tradedeck.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.exit(' '.join(set({HEAVY!r}) & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "traders" in done.stdout


def test_help_imports_no_server_store_or_http_client() -> None:
    code = (
        "import sys; import tradedeck.cli.main;"
        "print([m for m in ('httpx', 'fastapi', 'sqlalchemy', 'nats', 'pydantic', 'rich', 'yaml')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_every_command_has_help_and_json() -> None:
    for name, command in commands(typer.main.get_command(app)):
        assert command.help, name
        if name not in NO_JSON:
            assert any("--json" in param.opts for param in command.params), name


def test_errors_are_one_sentence_without_traceback(tmp_path: Path) -> None:
    done = tradedeck("status", TRADEDECK_HOME=str(tmp_path))
    assert done.returncode == Exit.UNREACHABLE
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert tradedeck("status", "--nonsense").returncode == Exit.USAGE
    assert tradedeck("--version").stdout.startswith("tradedeck ")


def test_completion_scripts() -> None:
    for shell in ("bash", "zsh", "fish"):
        done = tradedeck("completion", shell)
        assert done.returncode == 0
        assert "_TRADEDECK_COMPLETE" in done.stdout


def test_the_reference_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tradedeck.cli.reference"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == Path("docs/reference/cli.md").read_text("utf-8"), (
        "run: python -m tradedeck.cli.reference > docs/reference/cli.md"
    )


@pytest.mark.parametrize("code", list(Exit))
def test_every_exit_code_is_documented(code: Exit) -> None:
    page = Path("docs/operating/exit-codes.md").read_text("utf-8")
    assert f"| {code.value} | {MEANING[code]} |" in page
