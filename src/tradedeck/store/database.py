"""The store: one writer thread, a few reader threads, one file, one process.

Owns opening, locking, migrating, the transaction of each unit of work and closing. Never knows a
table. The event loop is never blocked: work runs on threads, and the number that waits is bounded.

SQLite of the standard library may be older than 3.51.3 and lack the fix of the WAL-reset race,
which needs two connections that write or checkpoint at the same time. Here it cannot happen: one
connection writes and checkpoints; readers open the file with `mode=ro` and
`wal_autocheckpoint=0`, and are closed before the writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool, StaticPool

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.lock import FileLock
from tradedeck.store.migrate import migrate
from tradedeck.store.sessions import ReadSession, WriteSession

T = TypeVar("T")

READERS = 3  # status and hot reads are served from memory; these are for lists and exports
BUSY_TIMEOUT_MS = 5_000  # only a backup tool of the operator can make us wait at all
WAITING_MAX = 2_000  # more than this many units in line is an overload, answered with 503
_PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA temp_store=MEMORY",
)
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # what was acknowledged survives a power cut
    "PRAGMA wal_autocheckpoint=1000",
    *_PRAGMAS,
)
_READER_PRAGMAS = ("PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0", *_PRAGMAS)


class Store:
    """Opened by `open_store`; every unit of work goes through `read` or `write`."""

    def __init__(self, path: Path, lock: FileLock, writer: Engine, readers: Engine) -> None:
        self.path = path
        self._lock = lock
        self._writer = writer
        self._readers = readers
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._waiting = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Units of work that are in line or at work."""
        return self._waiting

    def read_now(self, work: Callable[[ReadSession], T]) -> T:
        """`work` in a snapshot, on the calling thread; for start-up and tests."""
        with _mapped(), self._readers.connect() as connection:
            return work(ReadSession(connection))

    def write_now(self, work: Callable[[WriteSession], T]) -> T:
        """`work` in the one write transaction, on the writer thread, waiting for it."""
        return self._write_thread.submit(self._write, work).result()

    async def read(self, work: Callable[[ReadSession], T]) -> T:
        """`work` in a snapshot, on a reader thread."""
        return await self._on(self._read_threads, self.read_now, work)

    async def write(self, work: Callable[[WriteSession], T]) -> T:
        """`work` as one transaction: committed and fsynced when this returns, else rolled back.

        A caller that is cancelled meanwhile does not stop it: it still commits or rolls back.
        """
        return await self._on(self._write_thread, self._write, work)

    async def _on(
        self,
        threads: ThreadPoolExecutor,
        run: Callable[[Callable[[Any], T]], T],
        work: Callable[[Any], T],
    ) -> T:
        if self._closed or self._waiting >= WAITING_MAX:
            raise TradedeckError(
                Code.UNAVAILABLE, "The store is closing or overloaded.", hint="Try again shortly."
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run, work)
        finally:
            self._waiting -= 1

    def _write(self, work: Callable[[WriteSession], T]) -> T:
        with _mapped(), self._writer.begin() as connection:
            return work(WriteSession(connection))

    def close(self) -> None:
        """Finish what is in line, close readers, then the writer, then free the lock."""
        if self._closed:
            return
        self._closed = True
        self._read_threads.shutdown(wait=True)
        self._write_thread.shutdown(wait=True)
        self._readers.dispose()
        self._writer.dispose()
        self._lock.release()


def open_store(path: Path) -> Store:
    """Open the database at `path`, made and migrated where needed.

    Raises:
        TradedeckError: CONFLICT when another process has it open; STORAGE when it cannot be read.

    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    lock.acquire()
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        writer = _engine(str(path), _WRITER_PRAGMAS, begin="BEGIN IMMEDIATE", single=True)
        with _mapped():
            migrate(writer)
        readers = _engine(
            f"{path.absolute().as_uri()}?mode=ro", _READER_PRAGMAS, begin="BEGIN", single=False
        )
        return Store(path, lock, writer, readers)
    except BaseException:  # whatever happened, the lock must not outlive us
        lock.release()
        raise


def writer_engine(path: Path) -> Engine:
    """The engine of the writer alone: for migrations by hand and their tests."""
    return _engine(str(path), _WRITER_PRAGMAS, begin="BEGIN IMMEDIATE", single=True)


def _engine(name: str, pragmas: tuple[str, ...], *, begin: str, single: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        # Autocommit at the driver: BEGIN is ours, because the driver's own comes too late
        # (after the first SELECT) and not at all before DDL.
        connection = sqlite3.connect(
            name,
            uri=name.startswith("file:"),
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_TIMEOUT_MS / 1000,
        )
        for pragma in pragmas:
            connection.execute(pragma).close()
        return connection

    if single:
        engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    else:
        engine = create_engine(
            "sqlite://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=READERS + 1,
            max_overflow=2,
        )

    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", _begin)
    return engine


@contextlib.contextmanager
def _mapped() -> Generator[None]:
    """The database's own failures in our words."""
    try:
        yield
    except IntegrityError:
        raise  # the domain that ran the statement knows what it means
    except DBAPIError as error:
        raise TradedeckError(
            Code.STORAGE,
            f"The store failed: {type(error.orig).__name__}: {error.orig}.",
            hint="Look at free space and at the file's owner.",
        ) from error
