"""CTL-13: what a witness elsewhere detects, also of one who holds the host's key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from tests.audit.kit import Desk, desk
from tests.audit.test_verifier import VERIFIER, check, rewritten
from tests.program import PROGRAM

from tradedeck.audit import cosigned, notes
from tradedeck.audit.notes import LOG, WITNESS, Signer
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey
from tradedeck.ops.exits import Exit
from tradedeck.witness.core import Finding
from tradedeck.witness.memory import Memory
from tradedeck.witness.process import Look, look
from tradedeck.witness.sources import Folder

NOW_S = 1_795_000_000
SHIFT = ("UPDATE audit SET seq=-seq WHERE seq>3", "UPDATE audit SET seq=1-seq WHERE seq<0")
INSERT = (
    "INSERT INTO audit SELECT {}, at_ns, 'eve', role, session, address, action, target, before, "
    "after, result, code, reason, correlation, previous, hash, tenant FROM audit WHERE seq=1"
)
_ = VERIFIER  # imported with its module, which the helper needs


@pytest.fixture
def at(tmp_path: Path) -> Generator[Desk]:
    with desk(tmp_path / "h") as made:
        yield made


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    made = Memory(tmp_path / "elsewhere")
    made.signer("witness-one")
    return made


def seen(at: Desk, memory: Memory, folder: Path | None = None) -> Look:
    verifier = at.log().verifier
    source = Folder(folder or at.folder, verifier, memory.folder.parent / "published")
    return look(source, verifier, memory, NOW_S)


def test_an_honest_log_is_co_signed_as_it_grows(at: Desk, memory: Memory):
    for step in (0, 1, 255, 1, 300, 0):
        if step:
            at.append(step)
        found = seen(at, memory)
        assert (found.finding, found.detail) == (None, "")
        assert found.checkpoint == at.log().checkpoint
        note = notes.parse((memory.folder.parent / "published").read_bytes())
        assert note.by(memory.signer().verifier)
        assert note.by(at.log().verifier)
    assert memory.seen(at.log().verifier) == at.log().checkpoint


@pytest.mark.parametrize(
    ("statement", "more", "finding"),
    [
        ("UPDATE audit SET actor='eve' WHERE seq=2", 0, Finding.FORK),
        ("UPDATE audit SET actor='eve' WHERE seq=2", 3, Finding.FORK),
        ("DELETE FROM audit WHERE seq=3", 4, Finding.FORK),
        (INSERT.format(6), 0, None),
        (
            ";".join((*SHIFT, INSERT.format(4))),
            0,
            Finding.FORK,
        ),
        ("DELETE FROM audit WHERE seq>2", 5, Finding.FORK),
        ("DELETE FROM audit WHERE seq>2", 3, Finding.FORK),
        ("DELETE FROM audit WHERE seq>2", 0, Finding.ROLLBACK),
    ],
    ids=["changed", "changed-and-grown", "removed", "appended", "inserted", "regrown",
         "regrown-to-the-size", "set-back"],
)  # fmt: skip
def test_ctl_13_a_history_written_anew_with_the_stolen_key(
    at: Desk, memory: Memory, tmp_path: Path, statement: str, more: int, finding: Finding | None
):
    at.append(5)
    assert seen(at, memory).detail == ""
    before = (memory.folder / f"seen-{at.log().verifier.hash.hex()}").read_bytes()
    forged = rewritten(at, tmp_path / "forged", *statement.split(";"), more=more)
    try:
        checkpoint = forged.log().note()[0]
        found = seen(at, memory, forged.folder)
    finally:
        forged.opened.close()
    assert found.finding == finding
    if finding is None:  # what only adds is no rewriting: a witness cannot tell who added it
        return
    assert Path(found.evidence).read_bytes() == checkpoint
    kept = (memory.folder / f"seen-{at.log().verifier.hash.hex()}").read_bytes()
    assert kept == before, "what it signed is not forgotten, and nothing else was signed"
    assert seen(at, memory).detail == "", "the honest log is the one that goes on"


def test_ctl_13_an_older_home_put_back(at: Desk, memory: Memory, tmp_path: Path):
    at.append(3)
    at.log()
    older = tmp_path / "older"
    older.mkdir()
    for name, data in at.files().items():
        (older / name).parent.mkdir(parents=True, exist_ok=True)
        (older / name).write_bytes(data)
    at.append(3)
    assert seen(at, memory).detail == ""
    assert seen(at, memory, older).finding is Finding.ROLLBACK


def test_another_key_and_an_unsigned_log_are_forgeries(at: Desk, memory: Memory, tmp_path: Path):
    at.append(3)
    seen(at, memory)
    with desk(tmp_path / "other") as other:
        other.append(9)
        other.log()
        assert seen(at, memory, other.folder).finding is Finding.FORGED
    (at.folder / "checkpoint").write_bytes(b"nothing signed\n")
    verifier = notes.parse_signer(at.key.read_text("ascii")).verifier
    found = look(Folder(at.folder, verifier, None), verifier, memory, NOW_S)
    assert found.finding is Finding.FORGED


class Lying:
    """A log that signs what it likes and hands out proofs that are none."""

    def __init__(self, note: bytes, hashes: Sequence[bytes]) -> None:
        self.note = note
        self.hashes = hashes
        self.delivered: list[bytes] = []

    def checkpoint(self) -> bytes:
        return self.note

    def consistency(self, old: int, size: int) -> Sequence[bytes]:
        return self.hashes

    def deliver(self, note: bytes) -> None:
        self.delivered.append(note)


@pytest.mark.parametrize("hashes", [[], [bytes(32)], [bytes(32)] * 3, [bytes(32)] * 63])
def test_a_proof_that_is_none_is_a_fork(at: Desk, memory: Memory, hashes: list[bytes]):
    at.append(5)
    seen(at, memory)
    at.append(4)
    log = at.log()
    source = Lying(log.note()[0], hashes)
    assert look(source, log.verifier, memory, NOW_S).finding is Finding.FORK
    assert source.delivered == []


def test_what_is_signed_is_durable_before_it_is_handed_in(at: Desk, memory: Memory):
    at.append(2)
    log = at.log()

    class Crashing(Lying):
        def deliver(self, note: bytes) -> None:
            assert memory.seen(log.verifier) == log.checkpoint
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(Crashing(log.note()[0], []), log.verifier, memory, NOW_S)


def test_a_log_that_is_away_is_no_finding_and_nothing_is_signed(
    at: Desk, memory: Memory, tmp_path: Path
):
    at.append(1)
    found = seen(at, memory, tmp_path / "nowhere")
    assert (found.finding, found.checkpoint) == (None, None)
    assert "could not be read" in found.detail


def test_a_memory_that_rots_is_not_begun_anew(at: Desk, memory: Memory):
    at.append(1)
    seen(at, memory)
    path = memory.folder / f"seen-{at.log().verifier.hash.hex()}"
    signed = notes.parse(path.read_bytes())
    path.write_bytes(notes.Note(signed.text, signed.signatures[:1]).line().encode())
    with pytest.raises(TradedeckError, match="is not what this witness has signed"):
        seen(at, memory)


# ----------------------------------------------------------------------- on the host of the log


def published(at: Desk, memory: Memory) -> bytes:
    assert seen(at, memory).detail == ""
    return (memory.folder.parent / "published").read_bytes()


def test_the_host_keeps_what_its_witness_signed_and_the_verifier_holds_the_log_to_it(
    at: Desk, memory: Memory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    at.append(5)
    note, known = published(at, memory), [memory.signer().verifier]
    log = at.log()
    kept = cosigned.take(log, note, known)
    assert (kept.witness, kept.checkpoint) == ("witness-one", log.checkpoint)
    assert kept.at_ns == NOW_S * 1_000_000_000
    at.append(4)
    key = at.log().verifier.text()
    options = ["--witness", known[0].text(), "--witnesses", "1"]
    said = check(at.folder, key, *options, capsys=capsys)
    assert (said["ok"], said["witnessed"]) == (True, {"witness-one": 5})
    statement = "UPDATE audit SET actor='eve' WHERE seq=2"
    forged = rewritten(at, tmp_path / "forged", statement)
    try:
        forged.log()
    finally:
        forged.opened.close()
    (forged.folder / "witness").mkdir()
    (forged.folder / "witness" / "x").write_bytes(note)
    assert "another history" in check(forged.folder, key, *options, capsys=capsys)["detail"]
    # Without the cosignature it is said to be missing; another's does not stand for it.
    (forged.folder / "witness" / "x").unlink()
    assert "0 of 1 witnesses" in check(forged.folder, key, *options, capsys=capsys)["detail"]


def test_only_a_known_witness_of_this_log_is_kept(at: Desk, memory: Memory, tmp_path: Path):
    at.append(2)
    note, known = published(at, memory), [memory.signer().verifier]
    log = at.log()

    def refused(data: bytes, witnesses: Sequence[notes.Verifier] = known) -> Code:
        with pytest.raises(TradedeckError) as found:
            cosigned.take(log, data, witnesses)
        return found.value.code

    assert refused(note, []) is Code.BAD_SIGNATURE
    stranger = Signer("witness-one", WITNESS, SigningKey.generate())
    assert refused(note, [stranger.verifier]) is Code.BAD_SIGNATURE
    assert refused(log.note()[0]) is Code.BAD_SIGNATURE  # nobody has co-signed it
    assert refused(b"nothing") is Code.INVALID_DATA
    signer = notes.parse_signer(at.key.read_text("ascii"))
    text = notes.Checkpoint(signer.name, 2, bytes(32)).text()
    both = (signer.sign(text), memory.signer().cosign(text, NOW_S))
    assert refused(notes.Note(text, both).line().encode()) is Code.CHAIN_BROKEN
    assert cosigned.kept(log, known) == []


def test_an_older_cosignature_does_not_replace_a_newer(at: Desk, memory: Memory):
    at.append(2)
    first, known = published(at, memory), [memory.signer().verifier]
    at.append(2)
    second = published(at, memory)
    log = at.log()
    cosigned.take(log, second, known)
    assert cosigned.take(log, first, known).checkpoint.size == 4
    assert [each.checkpoint.size for each in cosigned.kept(log, known)] == [4]


def test_keys_of_witnesses_are_read_and_wrong_ones_refused(memory: Memory):
    key = memory.signer().verifier.text()
    other = Signer("two", WITNESS, SigningKey.generate()).verifier.text()
    assert [each.name for each in cosigned.parse(f" {key}, {other} ")] == ["witness-one", "two"]
    log = Signer("log", LOG, SigningKey.generate()).verifier.text()
    for wrong in (log, "nonsense", key[:-4]):
        with pytest.raises(TradedeckError):
            cosigned.parse(wrong)


# --------------------------------------------------------------------------------- the process


def tradedeck(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", "witness", *arguments],
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(PROGRAM), *sys.path]),
        },
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_ctl_13_the_process_signs_refuses_alarms(at: Desk, tmp_path: Path):
    at.append(5)
    key, state = at.log().verifier.text(), str(tmp_path / "w")
    common = ["run", "--state", state, "--log", key, "--once", "--from"]
    assert tradedeck(*common, str(at.folder)).returncode == Exit.NOT_FOUND  # no key yet
    made = tradedeck("key", "--state", state, "--name", "w-one")
    assert made.stdout.startswith("w-one+")
    assert tradedeck("key", "--state", state).stdout == made.stdout
    assert (tmp_path / "w" / "key").stat().st_mode & 0o077 == 0
    done = tradedeck(*common, str(at.folder))
    assert (done.returncode, "5 records hold" in done.stdout) == (Exit.OK, True)
    forged = rewritten(at, tmp_path / "forged", "DELETE FROM audit WHERE seq>2", more=9)
    try:
        forged.log()
    finally:
        forged.opened.close()
    told = tmp_path / "told"
    bell = tmp_path / "bell"
    bell.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {told}\n', "utf-8")
    bell.chmod(0o700)
    done = tradedeck(*common, str(forged.folder), "--on-alarm", str(bell))
    assert done.returncode == Exit.FAILED
    assert "ALARM FORK" in done.stderr
    assert told.read_text("utf-8") == "FORK"
    told_json = json.loads(tradedeck(*common, str(at.folder), "--json").stdout)
    assert (told_json["size"], told_json["finding"]) == (5, None)
    assert tradedeck(*common, str(tmp_path / "none")).returncode == Exit.UNREACHABLE
    assert tradedeck(*common, "http://127.0.0.1:9").returncode == Exit.UNAUTHORISED  # no token


def test_the_process_watches_until_it_is_told_to_stop(at: Desk, tmp_path: Path):
    at.append(2)
    at.log()
    state = tmp_path / "w"
    Memory(state).signer("w-one")
    folder = tmp_path / "copy"
    at.folder.rename(folder)
    folder_now = tmp_path / "later"
    command = [
        sys.executable, "-m", "tradedeck.witness", "run", "--state", str(state),
        "--log", notes.parse_signer(at.key.read_text("ascii")).verifier.text(),
        "--from", str(folder_now), "--every", "0.05", "--silent-after", "0.2",
    ]  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM), *sys.path])}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        assert child.stdout is not None
        try:
            assert "could not be read" in child.stdout.readline()
            assert "ALARM SILENT" in child.stderr.readline()
            folder.rename(folder_now)
            while "2 records hold" not in child.stdout.readline():
                assert child.poll() is None
        finally:
            child.kill()
