"""A full disk: the ballast is released and what must be written is written. Names bear the ids."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tradedeck.journal.ballast import Ballast
from tradedeck.journal.log import Journal
from tradedeck.journal.peek import rows
from tradedeck.kernel.errors import Code, TradedeckError

SIZE = 256 * 1024


def bounded(journal: Journal, pages: int) -> None:
    """SQLite's own bound on its pages: the stand-in for a full disk where none can be mounted."""
    db: Any = journal._db
    db.execute(f"PRAGMA max_page_count={pages}")


class _Freeing(Ballast):
    """Releases, and with it the bound that stands in for the disk's end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SIZE)
        self.journal: Journal | None = None
        self.gives = True

    def release(self) -> bool:
        assert self.journal is not None
        if self.gives:
            bounded(self.journal, 1_000_000)
        return super().release()


def full(tmp_path: Path) -> tuple[Journal, _Freeing]:
    """A journal that takes no more, with its ballast in hand."""
    ballast = _Freeing(tmp_path / "ballast")
    journal = Journal(tmp_path / "x.db", lambda: 1, ballast)
    ballast.journal = journal
    journal.append("first", {})
    journal.commit()
    bounded(journal, 1)
    return journal, ballast


def test_inv_12_a_full_disk_uses_the_ballast_up_once(tmp_path: Path) -> None:
    journal, ballast = full(tmp_path)
    assert ballast.held
    assert not journal.full
    journal.append("kill.requested", {"text": "x" * 100_000})
    journal.put("halts", {"all": {}})
    assert journal.commit() == 2
    assert journal.full
    assert not ballast.held
    bounded(journal, 1)
    journal.append("more", {"text": "x" * 200_000})
    with pytest.raises(TradedeckError) as caught:
        journal.commit()
    assert caught.value.code is Code.STORAGE
    bounded(journal, 1_000_000)  # a person made room: what was staged is written, in order
    assert journal.commit() == 3
    assert journal.verify() == 3
    assert journal.refill()
    assert (journal.full, ballast.held) == (False, True)
    journal.close()


def test_a_full_disk_without_ballast_takes_no_write(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "x.db", lambda: 1)
    bounded(journal, 1)
    for _ in range(3):
        journal.append("more", {"text": "x" * 100_000})
    with pytest.raises(TradedeckError):
        journal.commit()
    assert journal.full
    journal.close()


def test_ballast_is_real_blocks_and_is_given_up_whole(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", SIZE)
    assert not ballast.held
    assert not ballast.release()
    assert ballast.fill()
    assert ballast.fill()
    told = (tmp_path / "ballast").stat()
    assert told.st_blocks * 512 >= SIZE
    assert told.st_mode & 0o777 == 0o600
    assert ballast.release()
    assert not (tmp_path / "ballast").exists()


def test_ballast_where_there_is_no_room_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    ballast = Ballast(tmp_path / "ballast", SIZE)
    assert not ballast.fill()
    assert not (tmp_path / "ballast").exists()
    journal = Journal(tmp_path / "x.db", lambda: 1, ballast)
    assert journal.full
    assert not journal.refill()
    journal.close()


def test_ballast_where_the_platform_cannot_allocate_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    ballast = Ballast(tmp_path / "ballast", SIZE + 1)
    assert ballast.fill()
    assert (tmp_path / "ballast").stat().st_size == SIZE + 1


READER = """
import json, sys
from pathlib import Path
from tradedeck.journal.peek import rows
print(json.dumps(rows(Path(sys.argv[1]), "order/", "desired")))
"""


@pytest.mark.processes
def test_another_process_reads_rows_while_the_journal_is_held(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "local.db", lambda: 1)
    journal.put("order/a", {"n": 1})
    journal.put("book/main", {})
    journal.put("desired", {"generation": 4})
    journal.commit()
    journal.put("order/b", {})  # staged is not committed
    done = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path / "local.db")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == '{"desired": {"generation": 4}, "order/a": {"n": 1}}'
    journal.close()


def test_rows_of_no_journal_and_of_none(tmp_path: Path) -> None:
    assert rows(tmp_path / "none.db", "order/") == {}
    (tmp_path / "bad.db").write_bytes(b"no database" * 1000)
    with pytest.raises(TradedeckError) as caught:
        rows(tmp_path / "bad.db", "order/")
    assert caught.value.code is Code.STORAGE


DISK = """
import os, sys
from pathlib import Path
from tradedeck.journal.ballast import Ballast
from tradedeck.journal.log import Journal
from tradedeck.kernel.errors import TradedeckError
home = Path(sys.argv[1])
journal = Journal(home / "x.db", lambda: 1, Ballast(home / "ballast", 1 << 20))
journal.append("first", {})
journal.commit()
with (home / "filler").open("wb", 0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError as error:
        assert error.errno == 28, error
journal.append("kill.requested", {"text": "x" * 100_000})
print("head", journal.commit(), "full", journal.full, "held", (home / "ballast").exists())
wrote, failed = 0, False
while not failed and wrote < 200:
    journal.append("more", {"text": "x" * 20_000})
    try:
        journal.commit()
        wrote += 1
    except TradedeckError:
        failed = True
print("more", wrote > 5, "failed", failed)
(home / "filler").unlink()
print("after", journal.commit() == wrote + 3, journal.verify() == wrote + 3, journal.refill())
"""


@pytest.mark.processes
def test_inv_12_a_file_system_without_room(tmp_path: Path) -> None:
    """A real one: 3 MB of memory, mounted where nobody else sees it."""
    script = f'mount -t tmpfs -o size=3m none "{tmp_path}" && exec "$0" -c "$1" "{tmp_path}"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, sys.executable, DISK],
        capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    if "unshare" in done.stderr or "mount:" in done.stderr:
        # No right to mount here: SQLite's own bound above stands in for the disk's end.
        return
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "head 2 full True held False", "more True failed True", "after True True True",
    ]  # fmt: skip
