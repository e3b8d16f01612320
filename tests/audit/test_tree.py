"""The log over the table: its layout, its growth, crashes at every step, a table that changed."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.audit.kit import Desk, desk
from tests.program import PROGRAM

from tradedeck.audit import entries, merkle, notes, tiles, tree
from tradedeck.audit import store as audit_store
from tradedeck.audit.tables import audit
from tradedeck.audit.tree import open_log
from tradedeck.audit.verify import verify
from tradedeck.kernel.errors import Code, TradedeckError


@pytest.fixture
def at(tmp_path: Path) -> Generator[Desk]:
    with desk(tmp_path / "h") as made:
        yield made


def test_the_layout_is_that_of_tlog_tiles(at: Desk):
    at.append(600)
    log = at.log()
    names = set(at.files())
    assert names == {
        "checkpoint",
        "tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2",
        "tile/entries/000", "tile/entries/001", "tile/entries/002.p/88",
    }  # fmt: skip
    assert (at.folder / "tile/0/000").stat().st_size == 8192
    rows = at.fetch()(after_seq=0, limit=256)
    bundle = b"".join(
        len(entry).to_bytes(2, "big") + entry for entry, _ in map(entries.encode, rows)
    )
    assert (at.folder / "tile/entries/000").read_bytes() == bundle
    body = (at.folder / "checkpoint").read_text("utf-8")
    assert body.startswith(f"{log.verifier.name}\n600\n")
    assert f"\n\n— {log.verifier.name} " in body


def test_numbers_of_tiles():
    assert tiles.named(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.named("entries", 273, 112) == "tile/entries/273.p/112"
    assert tiles.named(2, 0) == "tile/2/000"
    shapes = list(tiles.shapes(70_000))
    assert shapes[273:] == [(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)]


def test_the_files_are_the_owners_alone(at: Desk):
    at.append(3)
    at.log()
    for path in (at.folder, *at.folder.rglob("*"), at.key):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_entries_columns_are_the_tables():
    """A column that is added later must stay out: the leaves of old records would change."""
    later = {"tenant"}  # which the session of a record tells, and `verify` compares
    names = {column.name for column in audit.columns} - later
    assert tuple(sorted(names)) == entries.FIELDS


@pytest.mark.parametrize("steps", [[1] * 9, [255, 1, 1], [256, 256], [300, 300, 1], [513]])
def test_growth_in_any_steps_gives_the_same_tree(at: Desk, steps: list[int]):
    log = at.log()
    for step in steps:
        at.append(step)
        while log.follow(at.fetch()):
            pass
        assert log.checkpoint.size == audit_head(at)
    rows = at.fetch()(after_seq=0, limit=10_000)
    edge = merkle.Edge()
    for row in rows:
        edge.append(merkle.leaf_hash(entries.encode(row)[0]))
    assert log.checkpoint.root == edge.root()
    assert open_log(at.folder, at.key).checkpoint == log.checkpoint
    assert at.verify().ok


def audit_head(at: Desk) -> int:
    return at.store.read_now(audit_store.head)[0]


def test_a_full_tile_is_never_written_again(at: Desk):
    at.append(256)
    log = at.log()
    full = at.folder / "tile/0/000"
    before = full.stat()
    at.append(300)
    log.follow(at.fetch())
    at.log()
    assert (full.stat().st_ino, full.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_full_tile_left_over_with_other_records_is_never_written_over(at: Desk):
    at.append(256)
    at.log()
    at.append(200)
    at.log()
    at.append(56)
    left = at.folder / "tile/0/001"
    left.write_bytes(bytes(8192))
    assert "holds other records" in refused(at)
    assert left.read_bytes() == bytes(8192)


def test_proofs_of_all_sizes_from_the_files(at: Desk):
    at.append(700)
    log = at.log()
    size, root = log.checkpoint.size, log.checkpoint.root
    for index in (0, 1, 255, 256, 511, 512, 698, 699):
        proof = log.prove(index)
        leaf = merkle.leaf_hash(proof.entry)
        assert merkle.included(leaf, index, size, proof.hashes, root)
        assert f'"seq":{index + 1},'.encode() in proof.entry
    leaves = [merkle.leaf_hash(log.entry(index, size)) for index in range(size)]
    for old in (0, 1, 2, 255, 256, 257, 512, 600, 699, 700):
        edge = merkle.Edge()
        for leaf in leaves[:old]:
            edge.append(leaf)
        assert merkle.consistent(old, edge.root(), size, root, log.consistency(old, size))


def test_a_proof_beyond_the_log_is_refused(at: Desk):
    at.append(3)
    log = at.log()
    for index in (-1, 3):
        with pytest.raises(TradedeckError) as refused:
            log.prove(index)
        assert refused.value.code is Code.NOT_FOUND
    with pytest.raises(TradedeckError):
        log.consistency(2, 4)


def test_long_texts_lie_beside_the_tree(at: Desk):
    at.append(1, size=60_000)
    at.append(1, size=tiles.WIDTH)
    log = at.log()
    entry = log.prove(0).entry
    assert len(entry) < entries.ENTRY_BYTES_MAX
    found = list((at.folder / "text").iterdir())
    assert [path.name for path in found] == [hashlib.sha256(found[0].read_bytes()).hexdigest()]
    assert found[0].name.encode() in entry
    assert at.verify().ok
    found[0].write_bytes(b"other")
    assert at.verify().broken_at == 1


def test_what_the_tree_could_not_hold_is_refused_with_its_act():
    row: dict[str, Any] = dict.fromkeys(entries.FIELDS, "y" * 8_000)
    with pytest.raises(TradedeckError, match="longer than the log can hold"):
        entries.encode(row)


def test_an_existing_table_becomes_leaves_in_order(at: Desk):
    at.append(tree.BATCH + 10)  # written by a version that had no tree
    log = at.log()
    assert log.checkpoint.size == tree.BATCH + 10
    assert at.verify(log).ok


# --------------------------------------------------------------------------------- crashes


class Crash(BaseException):
    """The process is gone."""


def crashing(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Let so many changes of files happen; the next is the crash. Returns the count so far."""
    done = [0]
    write, drop, fold = tiles.write_atomic, Path.unlink, tiles.make_folder

    def counted(original: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            if done[0] >= after:
                raise Crash
            done[0] += 1
            return original(*args, **named)

        return call

    monkeypatch.setattr(tiles, "write_atomic", counted(write))
    monkeypatch.setattr(tree, "write_atomic", counted(tree.write_atomic))
    monkeypatch.setattr(tiles, "make_folder", counted(fold))
    monkeypatch.setattr(Path, "unlink", counted(drop))
    return done


@pytest.mark.parametrize(("before", "more"), [(0, 0), (0, 3), (250, 20), (511, 2)])
def test_inv_12_a_crash_at_any_step_leaves_a_tree_that_goes_on(
    tmp_path: Path, before: int, more: int
):
    with desk(tmp_path / "begun") as at:
        if before:
            at.append(before)
            at.log()
        at.append(more)
    for step in itertools.count():
        home = shutil.copytree(tmp_path / "begun", tmp_path / str(step))
        with desk(home) as at:
            with pytest.MonkeyPatch.context() as patch:
                crashing(patch, step)
                try:
                    at.log()
                    finished = True
                except Crash:
                    finished = False
            log = at.log()  # the next start
            assert log.checkpoint.size == before + more
            assert at.verify(log).ok
            at.append(5)
            at.log()
            assert at.verify().ok
        if finished:
            assert step >= 2
            return


def test_a_disk_that_takes_nothing_is_said_and_the_tree_goes_on(
    at: Desk, monkeypatch: pytest.MonkeyPatch
):
    at.append(3)
    log = at.log()
    at.append(3)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tiles, "write_atomic", full)
        with pytest.raises(TradedeckError, match="No space left") as failed:
            log.follow(at.fetch())
        assert failed.value.code is Code.STORAGE
    log.follow(at.fetch())
    assert log.checkpoint.size == 6
    assert at.verify().ok


# ------------------------------------------------------------- a table that is not what it was


def refused(at: Desk) -> str:
    with pytest.raises(TradedeckError) as found:
        at.log()
    assert found.value.code is Code.CHAIN_BROKEN
    return found.value.detail


def test_inv_13_a_table_cut_short_is_noticed_at_once(at: Desk):
    at.append(5)
    at.log()
    at.tamper("DELETE FROM audit WHERE seq=5")
    assert "Record 5" in refused(at)


def test_inv_13_a_table_cut_short_is_found_by_verify(at: Desk):
    at.append(5)
    at.log()
    at.tamper("DELETE FROM audit WHERE seq>3")
    verdict = at.verify()
    assert (verdict.ok, verdict.broken_at) == (False, 4)
    assert "holds 5 records, the table 3" in verdict.detail


def test_inv_13_a_changed_tile_stops_the_log_at_its_start(at: Desk):
    at.append(5)
    at.log()
    path = at.folder / "tile/0/000.p/5"
    data = path.read_bytes()
    path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    assert "root that was signed" in refused(at)


def test_inv_13_a_table_regrown_is_noticed_at_once(at: Desk):
    at.append(5)
    at.log()
    at.tamper("DELETE FROM audit WHERE seq>2")
    at.append(9, actor="eve")
    assert "Record 5" in refused(at)
    assert at.verify().broken_at == 3


def test_inv_13_a_changed_record_with_its_chain_made_anew_is_found_by_the_tree(at: Desk):
    at.append(5)
    at.log()
    at.tamper("UPDATE audit SET actor='eve' WHERE seq=2")
    at.rechain()
    assert at.store.read_now(verify).ok  # the table alone
    verdict = at.verify()
    assert (verdict.ok, verdict.broken_at) == (False, 2)


def test_a_record_missing_before_the_tree_took_it_is_noticed(at: Desk):
    at.append(3)
    at.log()
    at.append(3)
    at.tamper("DELETE FROM audit WHERE seq=4")
    assert "Record 4" in refused(at)


def test_a_log_without_its_key_or_its_checkpoint_is_not_begun_anew(at: Desk):
    at.append(3)
    at.log()
    key = at.key.read_bytes()
    at.key.unlink()
    assert "keys/audit.key" in refused(at)
    at.key.write_bytes(key)
    (at.folder / "checkpoint").unlink()
    assert "checkpoint" in refused(at)


def test_another_key_is_refused(at: Desk, tmp_path: Path):
    at.append(3)
    log = at.log()
    with desk(tmp_path / "other") as other:
        other.log()
        name = log.verifier.name
        forged = notes.parse_signer(other.key.read_text("ascii"))
        at.key.write_text(notes.Signer(name, notes.LOG, forged.key).text(), "ascii")
    with pytest.raises(TradedeckError) as found:
        at.log()
    assert found.value.code is Code.BAD_SIGNATURE
    at.key.write_text("nonsense", "ascii")
    with pytest.raises(TradedeckError, match="signing key"):
        at.log()


@pytest.mark.parametrize(
    "name", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000",
             "tile/entries/001.p/44", "checkpoint"],
)  # fmt: skip
@pytest.mark.parametrize("act", ["flip", "cut", "remove"])
def test_inv_13_a_changed_file_is_found(at: Desk, name: str, act: str):
    at.append(300)
    log = at.log()
    path = at.folder / name
    data = path.read_bytes()
    if act == "remove":
        path.unlink()
    elif act == "cut":
        path.write_bytes(data[:-1])
    else:
        path.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
    fresh = tree.View(at.folder, log.verifier)
    verdict = at.store.read_now(lambda read: verify(read, fresh))
    assert not verdict.ok
    assert verdict.detail


def test_a_closed_log_follows_no_more(at: Desk):
    log = at.log()
    at.append(1)
    log.close()
    assert not log.follow(at.fetch())
    assert log.checkpoint.size == 0


APPENDING = """
import sys
from pathlib import Path
from tests.audit.kit import Desk
at = Desk(Path(sys.argv[1]))
log = at.log()
for number in range(100_000):
    at.append(1)
    print(number, flush=True)  # the act: after its record
    log.follow(at.fetch())
"""


def test_inv_12_kill_9_leaves_no_act_without_its_record_and_a_tree_that_goes_on(tmp_path: Path):
    acts = 0
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM), *sys.path])}
    for moment in (1, 2, 3, 5, 8, 13):
        with subprocess.Popen(
            [sys.executable, "-c", APPENDING, str(tmp_path / "h")],
            stdout=subprocess.PIPE,
            env=environ,
        ) as child:
            assert child.stdout is not None
            for _ in range(moment):
                assert child.stdout.readline()
                acts += 1
            child.kill()
            acts += len(child.stdout.read().splitlines())
        with desk(tmp_path / "h") as at:
            assert audit_head(at) >= acts
            acts = audit_head(at)  # a record without its act is allowed
            assert open_log(at.folder, at.key).checkpoint.size <= acts
            assert at.log().checkpoint.size == acts
            assert at.verify().ok
