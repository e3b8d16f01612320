"""CTL-15: from every released schema up and down again, with the data intact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, Table, select, text
from tests.postgres import Postgres
from tests.tables import metadata

from tradedeck.store import postgres as pg
from tradedeck.store.migrate import VERSION_TABLE, current, downgrade, migrate, revisions
from tradedeck.store.sqlite import writer_engine


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(tmp_path: Path, request: pytest.FixtureRequest):
    if request.param == "sqlite":
        made = writer_engine(tmp_path / "x.db")
        yield made
        made.dispose()
        return
    server: Postgres = request.getfixturevalue("postgres")
    address = server.empty()
    made = pg.writer_engine(pg.parse(address))
    yield made
    made.dispose()
    server.drop(address)


Content = dict[str, list[dict[str, Any]]]


def sample(kind: str, number: int) -> Any:
    if kind.startswith(("BIGINT", "INTEGER")):
        return number
    if kind.startswith(("BLOB", "BYTEA")):
        return bytes([number, 0, 255])
    if kind.startswith(("FLOAT", "DOUBLE")):
        return number / 4
    if kind.startswith("BOOLEAN"):
        return bool(number % 2)
    return f"text {number} ✓"


def tables(engine: Engine) -> list[Table]:
    """As the database has them, whatever the program of today thinks."""
    reflected = MetaData()
    reflected.reflect(engine)
    return [table for table in reflected.sorted_tables if table.name != VERSION_TABLE]


def fill(engine: Engine) -> Content:
    """Two rows in every table, whatever its columns are."""
    found = tables(engine)
    with engine.begin() as connection:
        for table in found:
            for number in (1, 2):
                connection.execute(
                    table.insert().values(
                        {column.name: sample(str(column.type), number) for column in table.columns}
                    )
                )
    return content(engine)


def content(engine: Engine) -> Content:
    found: Content = {}
    for table in tables(engine):
        with engine.connect() as connection:
            place = "rowid" if engine.dialect.name == "sqlite" else "ctid"
            rows = connection.execute(select(table).order_by(text(place)))
            found[table.name] = [dict(row) for row in rows.mappings()]
    return found


def test_the_history_is_one_line():
    assert revisions() == [f"{number:04d}" for number in range(1, len(revisions()) + 1)]


@pytest.mark.parametrize("released", revisions())
def test_ctl_15_up_from_every_release_keeps_the_data(engine: Engine, released: str):
    migrate(engine, released)
    assert current(engine) == released
    before = fill(engine)
    assert before
    migrate(engine)
    assert current(engine) == revisions()[-1]
    after = content(engine)
    # What a later version added may have any default; what was there is as it was.
    kept = {
        table: [
            {name: row[name] for name in old} for old, row in zip(rows, after[table], strict=True)
        ]
        for table, rows in before.items()
    }
    assert kept == before


@pytest.mark.parametrize("released", revisions())
def test_ctl_15_down_to_every_release_keeps_its_data(engine: Engine, released: str):
    migrate(engine, released)
    before = fill(engine)
    migrate(engine)
    downgrade(engine, released)
    assert current(engine) == released
    assert content(engine) == before


def test_inv_7_halts_of_runners_stay_in_force_both_ways(engine: Engine):
    migrate(engine, "0003")
    add = 'INSERT INTO halts (scope, level, reason, "by", at_ns, event) VALUES '
    with engine.begin() as connection:
        connection.execute(text(add + "('all', 'halted', 'r', 'o', 1, 2)"))
    migrate(engine, "0004")
    query = text("SELECT scope, holder, level FROM halts")
    with engine.begin() as connection:
        assert connection.execute(query).all() == [("all", "runner", "halted")]
        more = add.replace("scope,", "scope, holder,")
        connection.execute(text(more + "('all', 'guard', 'pause', 'r', 'o', 3, 4)"))
        connection.execute(text(more + "('trader/t', 'store', 'pause', 'r', 'o', 5, 6)"))
    downgrade(engine, "0003")
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT scope, level FROM halts ORDER BY scope")).all()
    assert kept == [("all", "halted"), ("trader/t", "pause")]  # the strictest of each scope


def test_down_to_nothing_and_up_again(engine: Engine):
    migrate(engine)
    downgrade(engine, "base")
    assert content(engine) == {}
    migrate(engine)
    assert current(engine) == revisions()[-1]


def test_the_tables_of_the_program_are_those_of_the_migrations(engine: Engine):
    migrate(engine)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []
