"""SQLite: one file, one connection that writes and checkpoints, a few that read.

SQLite of the standard library may be older than 3.51.3 and lack the fix of the WAL-reset race,
which needs two connections that write or checkpoint at the same time. Here it cannot happen: one
connection writes and checkpoints; readers open the file with `mode=ro` and
`wal_autocheckpoint=0`, and are closed before the writer.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from tradedeck.store import scoping
from tradedeck.store.engines import READERS, Engines
from tradedeck.store.migrate import migrate

HINT = "Look at free space and at the file's owner."
BUSY_TIMEOUT_MS = 5_000  # only a backup tool of the operator can make us wait at all
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


def open_file(path: Path) -> Engines:
    """The database at `path`, made and migrated where needed."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    writer = writer_engine(path)
    migrate(writer)
    readers = _engine(
        f"{path.absolute().as_uri()}?mode=ro", _READER_PRAGMAS, begin="BEGIN", single=False
    )
    scoping.install(writer)
    scoping.install(readers)
    return Engines(writer, readers, HINT)


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
