"""CTL-13, INV-13: what `tools/verify_audit.py`, which shares no code with the writer, detects."""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.audit.kit import Desk, desk

from tradedeck.audit import entries, export, merkle, notes, tiles
from tradedeck.audit.notes import Checkpoint, Note
from tradedeck.audit.tree import open_log

PROGRAM = Path(__file__).parents[2] / "tools" / "verify_audit.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_audit", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["verify_audit"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


VERIFIER = loaded()


@pytest.fixture
def at(tmp_path: Path) -> Generator[Desk]:
    with desk(tmp_path / "h") as made:
        yield made


def check(path: Path, key: str, *options: str, capsys: pytest.CaptureFixture[str]) -> Any:
    code = VERIFIER.main([str(path), "--key", key, *options, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == (0 if said["ok"] else 1)
    return said


def test_it_shares_no_code_with_the_writer():
    """The standard library and an Ed25519 check; nothing of ours, nothing loaded by name."""
    tree = ast.parse(PROGRAM.read_text("utf-8"))
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named.add(node.module.split(".")[0])
    assert named - set(sys.stdlib_module_names) == {"cryptography"}
    assert "importlib" not in named


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 700])
def test_a_whole_log_holds_as_folder_and_as_export(
    at: Desk, size: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    if size:
        at.append(size)
    log = at.log()
    file = tmp_path / "log.tar"
    with file.open("wb") as opened:
        assert export.write(log, opened) == size
    for path in (at.folder, file):
        said = check(path, log.verifier.text(), "--database", str(at.database), capsys=capsys)
        assert (said["ok"], said["records"]) == (True, size)
        assert said["root"] == log.checkpoint.root.hex()


def test_long_texts_are_checked_too(at: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    at.append(2, size=20_000)
    log = at.log()
    key = log.verifier.text()
    file = tmp_path / "log.tar"
    with file.open("wb") as opened:
        export.write(log, opened)
    for path in (file, at.folder):
        assert check(path, key, "--database", str(at.database), capsys=capsys)["ok"]
    text = next((at.folder / "text").iterdir())
    text.write_bytes(text.read_bytes().replace(b"xxx", b"xyx", 1))
    assert "text of record" in check(at.folder, key, capsys=capsys)["detail"]


# ----------------------------------------------------------------- changes by one without a key


class Memory(VERIFIER.Source):
    """The files of a log in memory, one of them changed."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.names = {name: (lambda data=data: data) for name, data in files.items()}
        self.close = lambda: None


def holds(files: dict[str, bytes], key: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(VERIFIER, "Source", lambda _: Memory(files))
    options = Namespace(key=key, witness=[], earlier=[], witnesses=0, database=None)
    try:
        VERIFIER.verify(Path(), options)
    except VERIFIER.BrokenError:
        return False
    return True


def test_inv_13_ctl_13_any_byte_of_any_record_of_any_file(
    at: Desk, monkeypatch: pytest.MonkeyPatch
):
    at.append(2)
    at.append(1, size=9_000)
    log = at.log()
    key, files = log.verifier.text(), at.files()
    assert holds(files, key, monkeypatch)
    flips = 0
    for name, data in files.items():
        step = 1 if len(data) < 4_000 else 97  # a long text: every 97th byte of it
        for place in range(0, len(data), step):
            # Of the short checkpoint every bit: base64 has spellings that decode to the same.
            for bit in range(8) if name == "checkpoint" else (place % 8,):
                changed = bytearray(data)
                changed[place] ^= 1 << bit
                assert not holds({**files, name: bytes(changed)}, key, monkeypatch), (name, place)
                flips += 1
        assert not holds({n: d for n, d in files.items() if n != name}, key, monkeypatch), name
        assert not holds({**files, name: data[:-1]}, key, monkeypatch), name
    assert flips > 1_500


def relaid(at: Desk, change: Any) -> dict[str, bytes]:
    """The files with other records, and every tile made anew; only the key is missing."""
    size = open_log(at.folder, at.key).checkpoint.size
    files = at.files()
    rows = [dict(row) for row in at.fetch()(after_seq=0, limit=size)]
    changed = change(rows)
    found = [entries.encode(row)[0] for row in changed]
    leaves = [merkle.leaf_hash(entry) for entry in found]
    width = len(found)
    kept = {name: data for name, data in files.items() if not name.startswith("tile/")}
    return kept | {
        tiles.named(0, 0, width): b"".join(leaves),
        tiles.named("entries", 0, width): entries.bundle(found),
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [*rows[:2], rows[2] | {"actor": "eve"}, *rows[3:]],
        lambda rows: rows[:-1],
        lambda rows: rows[1:],
        lambda rows: rows[:2] + rows[3:],
        lambda rows: [*rows[:3], rows[2], *rows[3:]],
        lambda rows: [rows[1], rows[0], *rows[2:]],
    ],
    ids=["changed", "cut", "beheaded", "removed", "inserted", "exchanged"],
)
def test_inv_13_other_records_under_the_same_signature(
    at: Desk, monkeypatch: pytest.MonkeyPatch, change: Any
):
    at.append(6)
    key = at.log().verifier.text()
    assert holds(relaid(at, list), key, monkeypatch)
    assert not holds(relaid(at, change), key, monkeypatch)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor='eve' WHERE seq=2", "UPDATE audit SET hash='x' WHERE seq=5",
     "DELETE FROM audit WHERE seq=5", "DELETE FROM audit WHERE seq=1"],
)  # fmt: skip
def test_inv_13_a_changed_database_beside_an_untouched_log(
    at: Desk, capsys: pytest.CaptureFixture[str], statement: str
):
    at.append(5)
    key = at.log().verifier.text()
    at.tamper(statement)
    assert check(at.folder, key, capsys=capsys)["ok"]
    said = check(at.folder, key, "--database", str(at.database), capsys=capsys)
    assert "of the database" in said["detail"]


def test_ctl_13_an_older_database_put_back(
    at: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    at.append(5)
    at.log()
    at.opened.close()
    older = shutil.copy(at.database, tmp_path / "older.db")
    with desk(at.home) as grown:
        grown.append(4)
        key = grown.log().verifier.text()
        assert check(at.folder, key, "--database", str(grown.database), capsys=capsys)["ok"]
    said = check(at.folder, key, "--database", str(older), capsys=capsys)
    assert "record 6 of the database is another, or missing" in said["detail"]


# ------------------------------------------------------------------ changes by one with the key


def rewritten(at: Desk, home: Path, *statements: str, more: int = 0) -> Desk:
    """The home after somebody with its key has written another history over it."""
    shutil.copytree(at.home, home)
    forged = Desk(home)
    forged.tamper(*statements)
    forged.rechain()
    if more:
        forged.append(more, actor="eve")
    shutil.rmtree(forged.folder)
    key = forged.key.read_text("ascii")
    signer = notes.parse_signer(key)
    text = Checkpoint(signer.name, 0, merkle.EMPTY).text()
    empty = Note(text, (signer.sign(text),)).line().encode()
    tiles.Tiles(forged.folder).write("checkpoint", empty)
    return forged


@pytest.mark.parametrize(
    ("statement", "more", "says"),
    [
        ("UPDATE audit SET actor='eve' WHERE seq=2", 0, "another history"),
        ("UPDATE audit SET actor='eve' WHERE seq=2", 3, "another history"),
        ("DELETE FROM audit WHERE seq=3", 4, "another history"),
        ("DELETE FROM audit WHERE seq>2", 5, "another history"),
        ("DELETE FROM audit WHERE seq>2", 0, "cut or set back"),
    ],
    ids=["changed", "changed-and-grown", "removed", "regrown", "cut"],
)
def test_ctl_13_the_stolen_key_is_caught_by_any_earlier_checkpoint(
    at: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    statement: str, more: int, says: str,
):  # fmt: skip
    at.append(5)
    log = at.log()
    earlier = tmp_path / "kept"
    earlier.write_bytes(log.note()[0])
    forged = rewritten(at, tmp_path / "forged", statement, more=more)
    try:
        key = forged.log().verifier.text()
        assert key == log.verifier.text()
        assert check(forged.folder, key, capsys=capsys)["ok"], "alone it cannot be told"
        said = check(forged.folder, key, "--earlier", str(earlier), capsys=capsys)
        assert says in said["detail"]
    finally:
        forged.opened.close()


def test_every_earlier_checkpoint_of_an_honest_log_holds(
    at: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options: list[str] = []
    key = at.log().verifier.text()
    for step in (1, 1, 253, 1, 1, 254, 1, 1, 90):
        at.append(step)
        file = tmp_path / str(len(options))
        file.write_bytes(at.log().note()[0])
        options += ["--earlier", str(file)]
    assert check(at.folder, key, *options, capsys=capsys)["earlier"] == 9


# ------------------------------------------------------------------------------ its own edges


def test_another_key_a_foreign_log_and_nonsense(
    at: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    at.append(2)
    key = at.log().verifier.text()
    with desk(tmp_path / "o") as other:
        said = check(at.folder, other.log().verifier.text(), capsys=capsys)
    assert "not signed with the log's key" in said["detail"]
    assert VERIFIER.main([str(at.folder), "--key", key[:-2] + "AA"]) == 2
    assert VERIFIER.main([str(at.folder), "--key", "nonsense"]) == 2
    (tmp_path / "no.tar").write_bytes(b"no tar")
    assert VERIFIER.main([str(tmp_path / "no.tar"), "--key", key]) == 2
    assert VERIFIER.main([str(tmp_path / "empty"), "--key", key]) == 2
    assert check(at.folder, key, "--witnesses", "1", capsys=capsys)["ok"] is False


def test_it_says_in_words_what_it_found(at: Desk, capsys: pytest.CaptureFixture[str]):
    at.append(3)
    key = at.log().verifier.text()
    assert VERIFIER.main([str(at.folder), "--key", key]) == 0
    assert capsys.readouterr().out.startswith("3 records hold. Root ")
    (at.folder / "checkpoint").write_bytes(b"x")
    assert VERIFIER.main([str(at.folder), "--key", key]) == 1
    assert "is not a signed note" in capsys.readouterr().out


def test_an_export_is_the_same_bytes_each_time(at: Desk):
    at.append(300)
    log = at.log()
    first, second = io.BytesIO(), io.BytesIO()
    export.write(log, first)
    export.write(log, second)
    assert first.getvalue() == second.getvalue()
