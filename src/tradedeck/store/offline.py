"""Reads a store that nobody has open, without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DatabaseError

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store import postgres, scoping
from tradedeck.store.scope import Door, Scope
from tradedeck.store.sessions import ReadSession


@contextmanager
def reading(path: Path, url: str, door: Door) -> Generator[ReadSession]:
    """A snapshot of the database at `path`, or at `url`. STORAGE where it cannot be read."""
    engine = postgres.reader_engine(postgres.parse(url)) if url else _file(path)
    scoping.install(engine)
    try:
        with engine.connect() as connection:
            yield ReadSession(connection, Scope(door=door))
    except DatabaseError as error:
        what = "database of TRADEDECK_STORE_URL" if url else path.name
        raise TradedeckError(
            Code.STORAGE,
            f"The store {what} cannot be read: {error.orig}.",
            hint="Stop Tradedeck and restore it from a backup.",
        ) from error
    finally:
        engine.dispose()


def _file(path: Path) -> Engine:
    return create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True),
    )
