"""The journal: an append-only chained log in SQLite, committed in the caller's own loop.

Owns its file alone (a lock beside it). A turn is one transaction: entries, and the state that
belongs to them (`put`), are durable together or not at all. A writer thread starved for seconds
under load when that was tried, so `commit` blocks for one fsync instead.

Never interprets a body.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import apsw

from tradedeck.journal.ballast import Ballast
from tradedeck.journal.chain import Entry, genesis, link, verify
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, kind TEXT NOT NULL,
  body TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
VERSION = 1
PAGE_MAX = 500  # entries of a reply: 500 x 2 kB stays under the bus's 1 MB
PAGE_BYTES_MAX = 700_000


class Journal:
    """One process's log of facts.

    Args:
        path: the database file; created with mode 0600, its folder must exist.
        now_ns: wall clock, dates the entries.
        ballast: space that a commit on a full disk may use up; filled here.

    Raises:
        TradedeckError: STORAGE when the file is held by another process or is not a journal.
    """

    def __init__(
        self, path: Path, now_ns: Callable[[], int], ballast: Ballast | None = None
    ) -> None:
        self._path = path
        self._now_ns = now_ns
        self._ballast = ballast
        self.full = False
        self._lock = _hold(path.with_name(f"{path.name}.lock"))
        fresh = not path.exists()
        if fresh:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._db: Any = apsw.Connection(str(path))  # its stubs leave bindings untyped
        try:
            self._open(fresh=fresh)
        except apsw.Error as error:
            self.close()
            raise TradedeckError(
                Code.STORAGE,
                f"{path} could not be opened as a journal: {error}",
                hint="Move the file away to start a new journal, or restore a backup.",
            ) from error
        except BaseException:  # whatever it was, the file is let go of before it goes on
            self.close()
            raise
        self._pending: list[tuple[int, int, str, str, str]] = []
        self._states: dict[str, str | None] = {}
        if ballast is not None:
            self.full = not ballast.fill()

    def _open(self, *, fresh: bool) -> None:
        db = self._db
        db.set_busy_timeout(5_000)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(_SCHEMA)
        version = next(iter(db.execute("PRAGMA user_version")))[0]
        if fresh or version == 0:
            db.execute(f"PRAGMA user_version={VERSION}")
            db.execute("INSERT OR IGNORE INTO state VALUES ('epoch', ?)", (secrets.token_hex(8),))
        elif version != VERSION:
            message = f"{self._path} has version {version}; this program reads {VERSION}"
            raise TradedeckError(Code.STORAGE, message, hint="Run the version that wrote it.")
        self.epoch: str = next(iter(db.execute("SELECT value FROM state WHERE name='epoch'")))[0]
        row = db.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        self.head, self._hash = (row[0], row[1]) if row else (0, genesis(self.epoch))
        self._staged_head, self._staged_hash = self.head, self._hash

    def append(self, kind: str, body: dict[str, Any]) -> int:
        """Stage one entry of this turn; durable only after `commit`. Returns its sequence."""
        text = canonical.encode(body).decode()
        self._staged_head += 1
        at_ns = self._now_ns()
        self._staged_hash = link(self._staged_hash, self._staged_head, at_ns, kind, text)
        self._pending.append((self._staged_head, at_ns, kind, text, self._staged_hash))
        return self._staged_head

    def put(self, name: str, value: Any) -> None:
        """Stage a piece of state that belongs to this turn (a cursor, a snapshot, a memory)."""
        self._states[name] = canonical.encode(value).decode()

    def drop(self, name: str) -> None:
        """Stage the removal of a piece of state."""
        self._states[name] = None

    def get(self, name: str) -> Any:
        """The committed state of that name, or None."""
        row = self._db.execute("SELECT value FROM state WHERE name=?", (name,)).fetchone()
        return None if row is None else canonical.decode(row[0])

    def has(self, name: str) -> bool:
        """Whether a piece of state of that name is committed or staged."""
        if name in self._states:
            return self._states[name] is not None
        return self._db.execute("SELECT 1 FROM state WHERE name=?", (name,)).fetchone() is not None

    def names(self, prefix: str) -> list[str]:
        """Committed state names that begin with `prefix`, sorted."""
        rows = self._db.execute(
            "SELECT name FROM state WHERE substr(name, 1, ?) = ? ORDER BY name",
            (len(prefix), prefix),
        )
        return [row[0] for row in rows]

    @property
    def dirty(self) -> bool:
        """Whether anything is staged."""
        return bool(self._pending or self._states)

    def commit(self) -> int:
        """Make everything staged durable (one transaction, one fsync); returns the head.

        On a full disk the ballast is released and the write tried again; `full` says so from then.

        Raises:
            TradedeckError: STORAGE; nothing is durable of what is staged, and it stays staged.
                The caller must stop, or (a kill that only reduces) commit again later.
        """
        if not self.dirty:
            return self.head
        try:
            self._write()
        except (apsw.FullError, apsw.IOError) as error:
            self.full = True
            if self._ballast is None or not self._ballast.release():
                raise self._no_write(error) from error
            try:
                self._write()
            except apsw.Error as again:
                raise self._no_write(again) from again
        except apsw.Error as error:
            raise self._no_write(error) from error
        self._pending.clear()
        self._states.clear()
        self.head, self._hash = self._staged_head, self._staged_hash
        return self.head

    def refill(self) -> bool:
        """Hold the ballast back again where there is room; True when the disk is no longer full."""
        if self._ballast is None or self._ballast.fill():
            self.full = False
        return not self.full

    def _write(self) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("INSERT INTO entry VALUES (?,?,?,?,?)", self._pending)
            self._write_states()
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # a full disk has rolled it back already
                db.execute("ROLLBACK")
            raise

    def _no_write(self, error: apsw.Error) -> TradedeckError:
        return TradedeckError(
            Code.STORAGE,
            f"the journal {self._path} took no write: {error}",
            hint="Free disk space; the process stops rather than trade without a journal.",
        )

    def _write_states(self) -> None:
        kept = [(name, value) for name, value in self._states.items() if value is not None]
        gone = [(name,) for name, value in self._states.items() if value is None]
        if kept:
            self._db.executemany("INSERT OR REPLACE INTO state VALUES (?,?)", kept)
        if gone:
            self._db.executemany("DELETE FROM state WHERE name=?", gone)

    def read(self, after: int, limit: int = PAGE_MAX) -> list[Entry]:
        """Committed entries with a sequence above `after`, oldest first, within a page's size."""
        rows = self._db.execute(
            "SELECT seq, at_ns, kind, body, hash FROM entry WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, min(limit, PAGE_MAX)),
        )
        page: list[Entry] = []
        size = 0
        for row in rows:
            size += len(row[3]) + 150
            if page and size > PAGE_BYTES_MAX:
                break
            page.append(Entry(*row))
        return page

    def kinds(self, kinds: Sequence[str], since_ns: int) -> Iterator[Entry]:
        """Committed entries of some kinds, dated from `since_ns` on, oldest first.

        Looks at every entry: for a small journal, and for once.
        """
        rows = self._db.execute(
            "SELECT seq, at_ns, kind, body, hash FROM entry WHERE at_ns >= ? "
            "AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (since_ns, canonical.encode(list(kinds)).decode()),
        )
        return (Entry(*row) for row in rows)

    def iterate(self, after: int) -> Iterator[Entry]:
        """Every committed entry above `after`, in pages, so that memory stays bounded."""
        while page := self.read(after):
            yield from page
            after = page[-1].seq

    def hash_at(self, seq: int) -> str:
        """The hash of entry `seq` (0: the genesis)."""
        if seq == 0:
            return genesis(self.epoch)
        row = self._db.execute("SELECT hash FROM entry WHERE seq=?", (seq,)).fetchone()
        if row is None:
            raise TradedeckError(Code.NOT_FOUND, f"the journal has no entry {seq}")
        return row[0]

    def verify(self, after: int = 0) -> int:
        """Check the chain from `after` to the head; returns the entries checked."""
        last = verify(self.iterate(after), after, self.hash_at(after))
        if last != self.hash_at(self.head):
            raise TradedeckError(Code.CHAIN_BROKEN, "the last entry was not the chain's end")
        return self.head - after

    def close(self) -> None:
        """Close the file and let go of the lock."""
        self._db.close()
        self._lock.close()


def _hold(path: Path) -> IO[str]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    held = os.fdopen(descriptor, "r+")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise TradedeckError(
            Code.STORAGE,
            f"{path.stem} is held by another process",
            hint="Stop the other process of this home first (tradedeck status shows it).",
        ) from error
    return held
