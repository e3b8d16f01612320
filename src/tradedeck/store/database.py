"""The store: one writer thread, a few reader threads, one database, one process.

Owns opening, locking, the transaction of each unit of work and closing. Never knows a table. The
event loop is never blocked: work runs on threads, and the number that waits is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store import postgres, sqlite
from tradedeck.store.engines import READERS, Engines
from tradedeck.store.lock import FileLock
from tradedeck.store.sessions import ReadSession, WriteSession

T = TypeVar("T")

WAITING_MAX = 2_000  # more than this many units in line is an overload, answered with 503


class Store:
    """Opened by `open_store`; every unit of work goes through `read` or `write`."""

    def __init__(self, lock: FileLock, engines: Engines) -> None:
        self._lock = lock
        self._engines = engines
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._waiting = 0
        self._closed = False

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engines.writer.dialect.name

    @property
    def waiting(self) -> int:
        """Units of work that are in line or at work."""
        return self._waiting

    def read_now(self, work: Callable[[ReadSession], T]) -> T:
        """`work` in a snapshot, on the calling thread; for start-up and tests."""
        with _mapped(self._engines.hint), self._engines.readers.connect() as connection:
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
        with _mapped(self._engines.hint), self._engines.writer.begin() as connection:
            return work(WriteSession(connection))

    def close(self) -> None:
        """Finish what is in line, close readers, then the writer, then free the lock."""
        if self._closed:
            return
        self._closed = True
        self._read_threads.shutdown(wait=True)
        self._write_thread.shutdown(wait=True)
        self._engines.dispose()
        self._lock.release()


def open_store(path: Path, url: str = "") -> Store:
    """Open the database, made and migrated where needed.

    Args:
        path: the SQLite file; the lock of the home lies beside it for PostgreSQL too.
        url: of a PostgreSQL database; empty: SQLite.

    Raises:
        TradedeckError: CONFLICT when another process has it open; STORAGE when it cannot be read.

    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    lock.acquire()
    try:
        with _mapped(postgres.HINT if url else sqlite.HINT):
            return Store(lock, postgres.open_url(url) if url else sqlite.open_file(path))
    except BaseException:  # whatever happened, the lock must not outlive us
        lock.release()
        raise


@contextlib.contextmanager
def _mapped(hint: str) -> Generator[None]:
    """The database's own failures in our words."""
    try:
        yield
    except IntegrityError:
        raise  # the domain that ran the statement knows what it means
    except DBAPIError as error:
        raise TradedeckError(
            Code.STORAGE,
            f"The store failed: {type(error.orig).__name__}: {_first_line(error.orig)}.",
            hint=hint,
        ) from error


def _first_line(error: BaseException | None) -> str:
    """PostgreSQL adds lines that quote the statement, and so what was written."""
    return str(error).partition("\n")[0].rstrip(".")
