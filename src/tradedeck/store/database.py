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
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store import postgres, sqlite
from tradedeck.store.engines import READERS, Engines
from tradedeck.store.lock import FileLock
from tradedeck.store.scope import Door, Scope
from tradedeck.store.sessions import ReadSession, WriteSession

T = TypeVar("T")

WAITING_MAX = 2_000  # more than this many units in line is an overload, answered with 503


class _Works:
    """The engines, the threads that use them, and what waits for them."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self.read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self.waiting = 0
        self.closed = False

    def read(self, scope: Scope, work: Callable[[ReadSession], T]) -> T:
        with _mapped(self.engines.hint), self.engines.readers.connect() as connection:
            return work(ReadSession(connection, scope))

    def write(self, scope: Scope, work: Callable[[WriteSession], T]) -> T:
        with _mapped(self.engines.hint), self.engines.writer.begin() as connection:
            return work(WriteSession(connection, scope))

    async def on(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self.closed or self.waiting >= WAITING_MAX:
            raise TradedeckError(
                Code.UNAVAILABLE, "The store is closing or overloaded.", hint="Try again shortly."
            )
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        self.closed = True
        self.read_threads.shutdown(wait=True)
        self.write_thread.shutdown(wait=True)
        self.engines.dispose()


class ScopedStore:
    """The store for one tenant, or for one door; every unit of work goes through it."""

    __slots__ = ("_scope", "_works")

    def __init__(self, works: _Works, scope: Scope) -> None:
        self._works = works
        self._scope = scope

    @property
    def tenant(self) -> str:
        """Whose rows these are; empty behind a door."""
        return self._scope.tenant

    @property
    def waiting(self) -> int:
        """Units of work that are in line or at work, of everybody."""
        return self._works.waiting

    def read_now(self, work: Callable[[ReadSession], T]) -> T:
        """`work` in a snapshot, on the calling thread; for start-up and tests."""
        return self._works.read(self._scope, work)

    def write_now(self, work: Callable[[WriteSession], T]) -> T:
        """`work` in the one write transaction, on the writer thread, waiting for it."""
        works = self._works
        return works.write_thread.submit(works.write, self._scope, work).result()

    async def read(self, work: Callable[[ReadSession], T]) -> T:
        """`work` in a snapshot, on a reader thread."""
        works, scope = self._works, self._scope
        return await works.on(works.read_threads, lambda: works.read(scope, work))

    async def write(self, work: Callable[[WriteSession], T]) -> T:
        """`work` as one transaction: committed and fsynced when this returns, else rolled back.

        A caller that is cancelled meanwhile does not stop it: it still commits or rolls back.
        """
        works, scope = self._works, self._scope
        return await works.on(works.write_thread, lambda: works.write(scope, work))


class Store:
    """Opened by `open_store`. It runs nothing itself: `of` a tenant, or `beyond` a door, does."""

    def __init__(self, lock: FileLock, engines: Engines) -> None:
        self._lock = lock
        self._works = _Works(engines)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._works.engines.writer.dialect.name

    def of(self, tenant: str) -> ScopedStore:
        """What reads and writes the rows of one tenant. ValueError for what is no name of one."""
        return ScopedStore(self._works, Scope(tenant))

    def beyond(self, door: Door) -> ScopedStore:
        """What reads and writes the tables that `door` reaches, of every tenant."""
        return ScopedStore(self._works, Scope(door=door))

    def close(self) -> None:
        """Finish what is in line, close readers, then the writer, then free the lock."""
        if not self._works.closed:
            self._works.close()
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
