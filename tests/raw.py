"""SQL as somebody would run it who has the database and not our program."""

from __future__ import annotations

from tradedeck.store.database import ScopedStore, Store


def raw(store: Store | ScopedStore, *statements: str) -> None:
    """Past the compiler, the doors and, on PostgreSQL, the walls."""
    engine = store._works.engines.writer
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT set_config('tradedeck.door', 'audit', true)")
        for statement in statements:
            connection.exec_driver_sql(statement)


def untriggered(store: Store | ScopedStore, *statements: str) -> None:
    """On the audit table, as if nothing kept it."""
    dialect = store._works.engines.writer.dialect.name
    where = " ON audit" if dialect == "postgresql" else ""
    names = ("audit_no_update", "audit_no_delete")
    raw(store, *(f"DROP TRIGGER IF EXISTS {name}{where}" for name in names), *statements)
