"""The import contracts hold, and each one breaks when it is violated on purpose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What is planted (module → text), and the words of the contract that has to break.
LAYERS = "High imports low"
VIOLATIONS: dict[str, tuple[dict[str, str], str]] = {
    "low imports high": ({"kernel.planted": "import tradedeck.trading"}, LAYERS),
    "siblings see each other": ({"risk.planted": "import tradedeck.strategies"}, LAYERS),
    "a domain reads settings": ({"audit.planted": "import tradedeck.settings"}, LAYERS),
    "a package without a place": ({"sundries.planted": ""}, LAYERS),
    "a module without a place": ({"helpers": ""}, LAYERS),
    "a cycle": (
        {
            "risk.planted": "import tradedeck.risk.planted_too",
            "risk.planted_too": "import tradedeck.risk.planted",
        },
        "No cycles",
    ),
    "a cycle deep down": (
        {
            "adapters.feeds.planted.a": "import tradedeck.adapters.feeds.planted.b",
            "adapters.feeds.planted.b": "import tradedeck.adapters.feeds.planted.a",
        },
        "No cycles",
    ),
    "the api knows a broker": (
        {
            "adapters.brokers.planted": "",
            "api.planted": "import tradedeck.adapters.brokers.planted",
        },
        "The api cannot reach",
    ),
    "the api reaches a broker through another": (
        {
            "adapters.brokers.planted": "",
            "settings": "import tradedeck.adapters.brokers.planted",
            "api.planted": "import tradedeck.settings",
        },
        "The api cannot reach",
    ),
    "a strategy sees the submit port": (
        {"strategies.planted": "import tradedeck.venue.submit", "venue.submit": ""},
        "The submit port",
    ),
    "the api sees the permit": (
        {"api.planted": "import tradedeck.venue.permit", "venue.permit": ""},
        "The submit port",
    ),
    "the runner beside its wiring sees the submit port": (
        {"runner.planted": "import tradedeck.venue.submit", "venue.submit": ""},
        "The submit port",
    ),
    "the guard opens": (
        {"guard.planted": "import tradedeck.venue.permit", "venue.permit": ""},
        "The guard cannot reach",
    ),
    "the guard decides": (
        {"guard.planted": "import tradedeck.execution.gate", "execution.gate": ""},
        "The guard cannot reach",
    ),
    "the kernel waits": ({"kernel.planted": "import asyncio"}, "What decides"),
    "an authority opens a socket": ({"authority.planted": "import socket"}, "What decides"),
    "trading rolls dice": ({"trading.planted": "import random"}, "What decides"),
    "the gate reaches the database": (
        {
            "execution.gate": "import tradedeck.execution.planted",
            "execution.planted": "import sqlalchemy",
        },
        "What decides",
    ),
    "a strategy calls out": ({"strategies.builtin.planted": "import httpx"}, "What decides"),
    "the runner reaches the store": (
        {
            "desired.planted": "import sqlalchemy",
            "runner.planted": "import tradedeck.desired.planted",
        },
        "Runner, host, guard",
    ),
    "the exchange opens the store": ({"exchange.planted": "import sqlalchemy"}, "Runner, host"),
    "closing knows people": (
        {"closing.planted": "import tradedeck.store"},
        "The closing protocol",
    ),
    "the guard knows strategies": (
        {"guard.planted": "import tradedeck.strategies"},
        "The closing protocol",
    ),
    "kinds of adapters mix": (
        {
            "adapters.bus.planted": "",
            "adapters.feeds.planted": "import tradedeck.adapters.bus.planted",
        },
        "Kinds of adapters",
    ),
    "a broker borrows from a broker": (
        {
            "adapters.brokers.one": "",
            "adapters.brokers.two": "import tradedeck.adapters.brokers.one",
        },
        "Brokers do not know",
    ),
    "a feed borrows from a feed": (
        {"adapters.feeds.one": "", "adapters.feeds.two": "import tradedeck.adapters.feeds.one"},
        "Feeds do not know",
    ),
    "the command line opens the store": (
        {"cli.planted": "import tradedeck.store"},
        "The command line",
    ),
    "someone else opens a journal": ({"audit.planted": "import apsw"}, "The journal's database"),
    "the engine holds the bus": ({"engine.planted": "import nats"}, "The bus belongs"),
}


def plant(source: Path, module: str, text: str) -> None:
    """Add a module, and each missing package above it, to a copy of the tree."""
    parts = module.split(".")
    folder = source / "tradedeck"
    for part in parts[:-1]:
        folder /= part
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    file = folder / f"{parts[-1]}.py"
    if (folder / parts[-1]).is_dir():
        file = folder / parts[-1] / "__init__.py"
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}\n{text}\n")
    for line in text.splitlines():
        imported = line.removeprefix("import ")
        if imported.startswith("tradedeck."):
            ensure(source, imported.removeprefix("tradedeck."))


def ensure(source: Path, module: str) -> None:
    path = source / "tradedeck" / Path(*module.split("."))
    if not path.is_dir() and not path.with_suffix(".py").exists():
        if "." in module or module == "settings":
            plant(source, module, "")
        else:
            path.mkdir()
            (path / "__init__.py").touch()


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools/contracts.py"), str(root)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(
        ROOT / "src",
        tmp_path / "src",
        ignore=shutil.ignore_patterns("__pycache__", "static", "bundled"),
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_breaks_its_contract(name: str, copy: Path) -> None:
    modules, contract = VIOLATIONS[name]
    for module, text in modules.items():
        plant(copy / "src", module, text)
    result = lint(copy)
    broken = [line for line in result.stdout.splitlines() if " BROKEN" in line]
    assert result.returncode == 1, result.stdout + result.stderr
    assert any(line.startswith(contract) for line in broken), result.stdout


def test_a_misspelt_module_is_an_error(copy: Path) -> None:
    project = copy / "pyproject.toml"
    text = project.read_text().replace(
        '"tradedeck.execution.gate",', '"tradedeck.execution.gat",', 1
    )
    project.write_text(text)
    result = lint(copy)
    assert result.returncode == 2
    assert "tradedeck.execution.gat" in result.stderr
