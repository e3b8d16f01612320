"""A new file has the schema that the migrations would have given it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from tradedeck.store.migrate import SNAPSHOT, current, migrate, revisions, snapshot
from tradedeck.store.sqlite import writer_engine


def made(engine: Engine) -> list[tuple[str, str, str]]:
    """Every table, index and trigger with its text."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        )
        return sorted((str(kind), str(name), str(sql)) for kind, name, sql in rows)


def test_the_snapshot_is_what_the_migrations_make(tmp_path: Path) -> None:
    long, short = writer_engine(tmp_path / "long.db"), writer_engine(tmp_path / "short.db")
    migrate(long, revisions()[-1])
    migrate(short)
    assert snapshot(long) == SNAPSHOT.read_text("utf-8"), "run `python tools/gen_schema.py`"
    assert made(short) == made(long)
    assert current(short) == current(long) == revisions()[-1]
    for engine in (long, short):
        engine.dispose()
