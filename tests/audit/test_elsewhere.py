"""Acceptance 3: Go's own sumdb/note and sumdb/tlog accept our checkpoints, tiles and proofs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.audit.kit import Desk, desk

from tradedeck.audit import merkle
from tradedeck.audit.tree import Log

PROGRAM = Path(__file__).parent / "elsewhere" / "accept.go"
SIZE = 600  # three tiles, the last one partial
Accept = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program; tools/ensure-go-sumdb installs what it needs."""
    folder = tmp_path_factory.mktemp("go")
    environ = {
        **os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
        "GOCACHE": str(folder / "cache"),
    }  # fmt: skip
    made = folder / "accept"
    subprocess.run(["go", "build", "-o", made, PROGRAM], env=environ, check=True)
    return made


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory):
    with desk(tmp_path_factory.mktemp("log") / "h") as made:
        made.append(SIZE - 1)
        made.append(1, size=200)
        yield made


def proofs(log: Log) -> dict[str, Any]:
    leaves = [merkle.leaf_hash(log.entry(index, SIZE)) for index in range(SIZE)]
    older: dict[str, Any] = {}
    edge = merkle.Edge()
    for size, leaf in enumerate(leaves, 1):
        edge.append(leaf)
        if size in {1, 2, 3, 100, 255, 256, 257, 511, 512, 513, 599, 600}:
            hashes = [each.hex() for each in log.consistency(size, SIZE)]
            older[str(size)] = {"Root": edge.root().hex(), "Hashes": hashes}
    inclusion = {
        str(index): [each.hex() for each in log.prove(index).hashes]
        for index in (0, 1, 2, 127, 255, 256, 511, 512, 598, 599)
    }
    return {"Inclusion": inclusion, "Consistency": older}


@pytest.fixture
def accept(program: Path, at: Desk, tmp_path: Path) -> Accept:
    def run(given: dict[str, Any], *, key: str = "", folder: Path | None = None) -> tuple[int, str]:
        file = tmp_path / "proofs.json"
        file.write_text(json.dumps(given), "utf-8")
        key = key or at.log().verifier.text()
        done = subprocess.run(
            [program, folder or at.folder, key, file],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def test_ctl_13_go_accepts_checkpoint_tiles_and_proofs(accept: Accept, at: Desk):
    log = at.log()
    code, said = accept(proofs(log))
    name = log.verifier.name
    assert (code, said) == (
        0, f"accepted: {name}, 600 records, 10 inclusion and 12 consistency proofs\n",
    )  # fmt: skip


def test_go_refuses_another_key_and_wrong_proofs(accept: Accept, at: Desk, tmp_path: Path):
    log = at.log()
    given = proofs(log)
    with desk(tmp_path / "other") as other:
        code, said = accept(given, key=other.log().verifier.text())
    assert (code, "signed note" in said) == (1, True)
    wrong = json.loads(json.dumps(given))
    wrong["Inclusion"]["127"][0] = "00" * 32
    code, said = accept(wrong)
    assert (code, "inclusion of 127" in said) == (1, True)
    wrong = json.loads(json.dumps(given))
    wrong["Consistency"]["257"]["Root"] = wrong["Consistency"]["256"]["Root"]
    code, said = accept(wrong)
    assert (code, "consistency from 257" in said) == (1, True)
