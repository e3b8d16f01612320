"""INV-12 and INV-13, the journal's part: what was reported committed is there, and what was altered
shows.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tradedeck.journal import serve
from tradedeck.journal.chain import Entry, genesis, link, verify
from tradedeck.journal.log import PAGE_BYTES_MAX, PAGE_MAX, Journal
from tradedeck.kernel.errors import Code, TradedeckError

NOW = 1_700_000_000 * 10**9


def at(path: Path) -> Journal:
    return Journal(path, lambda: NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "local.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = at(path)
    yield made
    made.close()


def filled(path: Path, count: int = 20) -> None:
    journal = at(path)
    for n in range(count):
        journal.append("order.filled", {"n": n, "text": f'quoted "x" {n}'})
        if n % 3 == 2:
            journal.commit()
    journal.commit()
    assert journal.verify() == count
    journal.close()


# -- the chain ---------------------------------------------------------------------------------

TAMPERINGS: dict[str, str] = {
    "body": "UPDATE entry SET body = replace(body, 'x', 'y') WHERE seq = 7",
    "kind": "UPDATE entry SET kind = 'order.denied' WHERE seq = 7",
    "time": "UPDATE entry SET at_ns = at_ns + 1 WHERE seq = 7",
    "hash": "UPDATE entry SET hash = iif(substr(hash, 1, 1) = 'f', '0', 'f') || substr(hash, 2) "
    "WHERE seq = 7",
    "first": "UPDATE entry SET body = '{}' WHERE seq = 1",
    "last": "UPDATE entry SET body = '{}' WHERE seq = 20",
    "removed": "DELETE FROM entry WHERE seq = 7",
    "removed-and-closed-up": "DELETE FROM entry WHERE seq = 7; "
    "UPDATE entry SET seq = -(seq - 1) WHERE seq > 7; UPDATE entry SET seq = -seq WHERE seq < 0",
    "reordered": "UPDATE entry SET seq = -7 WHERE seq = 7; UPDATE entry SET seq = 7 WHERE seq = 8;"
    "UPDATE entry SET seq = 8 WHERE seq = -7",
    "inserted": "INSERT INTO entry SELECT 21, at_ns, kind, body, hash FROM entry WHERE seq = 20",
    "emptied": "DELETE FROM entry WHERE seq <= 10",
    "border-moved": """UPDATE entry SET kind = 'order.filled",{"n":6', body = substr(body, 8)
        WHERE seq = 7""",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_inv_13_what_was_altered_shows(path: Path, name: str) -> None:
    filled(path)
    with apsw.Connection(str(path)) as database:
        before = list(database.execute("SELECT * FROM entry"))
        for statement in TAMPERINGS[name].split(";"):
            database.execute(statement)
        assert list(database.execute("SELECT * FROM entry")) != before
    database.close()
    journal = at(path)
    with pytest.raises(TradedeckError) as caught:
        journal.verify()
    assert caught.value.code is Code.CHAIN_BROKEN
    journal.close()


def test_inv_13_any_character_of_any_field_of_any_entry(journal: Journal) -> None:
    """Every place of a stretch turned over, one at a time, by the reader's own check."""
    for n in range(3):
        journal.append("kind", {"n": n})
    journal.commit()
    entries = journal.read(0)
    start = genesis(journal.epoch)
    assert verify(entries, 0, start) == entries[-1].hash
    tried = 0
    for index, entry in enumerate(entries):
        for changed in _neighbours(entry):
            tried += 1
            with pytest.raises(TradedeckError):
                verify([*entries[:index], changed, *entries[index + 1 :]], 0, start)
    assert tried > 200


def _neighbours(entry: Entry) -> Iterator[Entry]:
    yield entry._replace(seq=entry.seq + 1)
    yield entry._replace(at_ns=entry.at_ns ^ 1)
    for name in ("kind", "body", "hash"):
        text = getattr(entry, name)
        for place in range(len(text)):
            turned = chr(ord(text[place]) ^ 1)
            yield entry._replace(**{name: text[:place] + turned + text[place + 1 :]})


def test_inv_13_entries_of_another_journal_do_not_chain(path: Path, journal: Journal) -> None:
    journal.append("a", {})
    journal.commit()
    with pytest.raises(TradedeckError):
        verify(journal.read(0), 0, genesis("0" * 16))
    assert link(genesis("a"), 1, 1, "k", "{}") != link(genesis("b"), 1, 1, "k", "{}")


# -- durability ------------------------------------------------------------------------------


def test_inv_12_nothing_is_seen_before_its_commit(path: Path, journal: Journal) -> None:
    journal.append("a", {"n": 1})
    journal.put("cursor", 1)
    assert journal.read(0) == []
    assert journal.get("cursor") is None
    assert journal.has("cursor")
    assert journal.commit() == 1
    assert [e.kind for e in journal.read(0)] == ["a"]
    assert journal.get("cursor") == 1
    journal.drop("cursor")
    assert not journal.has("cursor")
    assert journal.get("cursor") == 1
    journal.commit()
    assert journal.names("") == ["epoch"]
    assert journal.commit() == 1


def test_inv_12_a_turn_is_all_or_nothing(path: Path) -> None:
    """A state row that cannot be written takes the entries of its turn with it."""
    journal = at(path)
    journal.append("a", {})
    journal.commit()
    other = apsw.Connection(str(path))
    other.execute(
        "CREATE TRIGGER no BEFORE INSERT ON state WHEN NEW.name = 'bad' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    other.close()
    journal.append("b", {})
    journal.put("good", 1)
    journal.put("bad", 1)
    with pytest.raises(TradedeckError) as caught:
        journal.commit()
    assert caught.value.code is Code.STORAGE
    journal.close()
    back = at(path)
    assert [e.kind for e in back.read(0)] == ["a"]
    assert back.get("good") is None
    back.close()


def test_the_epoch_and_the_head_outlive_a_restart(path: Path) -> None:
    filled(path, 5)
    first = at(path)
    epoch, head = first.epoch, first.head
    first.append("x", {})
    first.commit()
    first.close()
    second = at(path)
    assert (second.epoch, second.head) == (epoch, head + 1)
    assert second.verify() == 6
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    second.close()


def test_inv_9_a_second_process_is_refused(path: Path, journal: Journal) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom tradedeck.journal.log import Journal\n"
        "from tradedeck.kernel.errors import TradedeckError\n"
        "try:\n    Journal(Path(sys.argv[1]), lambda: 0)\n"
        "except TradedeckError as error:\n    print(error.code, error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("STORAGE")
    assert "held by another process" in said.stdout


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read" * 50])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(TradedeckError) as caught:
        at(path)
    assert caught.value.code is Code.STORAGE
    assert path.read_bytes() == content
    path.unlink()
    at(path).close()  # its lock was let go


def test_a_journal_of_a_later_version_is_refused(path: Path) -> None:
    filled(path, 1)
    database = apsw.Connection(str(path))
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(TradedeckError) as caught:
        at(path)
    assert caught.value.code is Code.STORAGE


WRITER = """
import os, sys, time
from pathlib import Path
from tradedeck.journal.log import Journal
journal = Journal(Path(sys.argv[1]), time.time_ns)
n = journal.head
while True:
    for _ in range(3):
        n += 1
        journal.append("tick", {"n": n, "pad": "x" * 300})
        journal.put("cursor", n)
    journal.commit()
    os.write(1, b"%d\\n" % n)
"""


def _until_killed(path: Path, after_s: float) -> int:
    """Write and be killed at a moment; the last entry that was reported committed."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, bufsize=0
    )
    assert child.stdout is not None
    try:
        first = child.stdout.readline()
        time.sleep(after_s)
    finally:
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait()
        child.stdout.close()
    lines = (first + rest).split(b"\n")[:-1]  # a line cut by the kill says nothing
    return int(lines[-1])


@pytest.mark.processes
def test_inv_12_kill_9_in_the_middle_of_commits_loses_nothing_reported(path: Path) -> None:
    dice = random.Random(20261120)
    for _ in range(int(os.environ.get("SOAK", "4"))):
        reported = _until_killed(path, dice.uniform(0, 0.15))
        journal = at(path)
        assert journal.head >= reported
        assert journal.verify() == journal.head
        assert journal.get("cursor") == journal.head  # state and entries of one turn
        assert journal.head % 3 == 0
        journal.close()


@pytest.mark.parametrize("cut", [1, 100, 1_000, 5_000])
def test_inv_12_a_torn_write_ahead_log_is_cut_back_to_whole_turns(path: Path, cut: int) -> None:
    journal = at(path)
    for n in range(20):
        journal.append("a", {"n": n})
        journal.put("cursor", n + 1)
        journal.commit()
    wal = path.with_name("local.db-wal")
    torn = wal.read_bytes()
    data = path.read_bytes()
    journal.close()
    path.write_bytes(data)
    wal.write_bytes(torn[:-cut])
    back = at(path)
    assert back.verify() == back.head
    assert back.get("cursor") == (back.head or None)
    assert 0 < back.head < 20
    back.append("b", {})
    back.commit()
    back.close()


FULL = """
import resource, signal, sys, time
from pathlib import Path
from tradedeck.journal.log import Journal
from tradedeck.kernel.errors import TradedeckError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]), time.time_ns)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
done = 0
try:
    while True:
        for _ in range(5):
            journal.append("tick", {"pad": "x" * 2000})
        journal.put("cursor", journal._staged_head)
        done = journal.commit()
except TradedeckError as error:
    print(error.code, done, journal.head)
"""


@pytest.mark.processes
def test_inv_12_a_disk_that_takes_no_more_is_said_and_nothing_is_half(path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    code, done, head = said.stdout.split()
    assert code == "STORAGE"
    assert done == head
    journal = at(path)
    assert journal.head == int(done) > 0
    assert journal.get("cursor") == journal.head
    assert journal.verify() == journal.head
    journal.append("after", {})
    assert journal.commit() == int(done) + 1
    journal.close()


# -- pages -------------------------------------------------------------------------------------


def test_pages_are_bounded_in_entries_and_bytes(journal: Journal) -> None:
    for n in range(PAGE_MAX + 50):
        journal.append("small", {"n": n})
    for _ in range(10):
        journal.append("large", {"pad": "x" * 200_000})
    journal.append("huge", {"pad": "x" * (PAGE_BYTES_MAX + 10_000)})
    journal.commit()
    assert len(journal.read(0)) == PAGE_MAX
    assert len(journal.read(0, 10**9)) == PAGE_MAX
    assert len(journal.read(PAGE_MAX + 50)) == 3
    assert [e.kind for e in journal.read(journal.head - 1)] == ["huge"]  # alone, yet it moves on
    assert [e.seq for e in journal.iterate(0)] == list(range(1, journal.head + 1))
    assert journal.read(journal.head) == []


@pytest.mark.parametrize(
    "request_",
    [{"after": -1}, {"after": "0"}, {"after": None}, {"max": 0}, {"max": -5}, {"max": "all"},
     {"epoch": "other"}, {"epoch": 7}],
)  # fmt: skip
def test_a_wrong_request_is_answered_with_where_the_head_is(
    journal: Journal, request_: dict[str, Any]
) -> None:
    journal.append("a", {})
    journal.commit()
    reply = serve.answer(journal, "local", request_)
    assert reply == {"source": "local", "epoch": journal.epoch, "head": 1, "entries": []}


def test_a_page_is_what_the_chain_holds(journal: Journal) -> None:
    journal.append("a", {"x": "1"})
    journal.commit()
    reply = serve.answer(journal, "local", {"epoch": journal.epoch, "after": 0, "max": 10})
    entries = [Entry(*row) for row in reply["entries"]]
    assert verify(entries, 0, genesis(reply["epoch"])) == journal.hash_at(1)


def test_names_take_a_prefix_literally(journal: Journal) -> None:
    for name in ("order/a", "order/b", "orders/c", "order%", "ORDER/d"):
        journal.put(name, 1)
    journal.commit()
    assert journal.names("order/") == ["order/a", "order/b"]
    assert journal.names("order%") == ["order%"]
