"""Reads a store that nobody has open, without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import ReadSession


@contextmanager
def reading(path: Path) -> Generator[ReadSession]:
    """A snapshot of the database at `path`. STORAGE where it cannot be read."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True),
    )
    try:
        with engine.connect() as connection:
            yield ReadSession(connection)
    except DatabaseError as error:
        raise TradedeckError(
            Code.STORAGE,
            f"The store {path.name} cannot be read: {error.orig}.",
            hint="Stop Tradedeck and restore the file from a backup.",
        ) from error
    finally:
        engine.dispose()
