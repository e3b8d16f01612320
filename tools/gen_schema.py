"""Writes src/tradedeck/store/migrations/sqlite.sql: what all migrations make of an empty file.

Usage: python tools/gen_schema.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tradedeck.store.migrate import SNAPSHOT, migrate, revisions, snapshot
from tradedeck.store.sqlite import writer_engine

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        engine = writer_engine(Path(folder) / "t.db")
        migrate(engine, revisions()[-1])
        SNAPSHOT.write_text(snapshot(engine), encoding="utf-8")
        engine.dispose()
    print(f"wrote {SNAPSHOT.name}")
