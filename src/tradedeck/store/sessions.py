"""Two kinds of session as two types: what is handed a `ReadSession` cannot write.

Each sees the rows of one tenant, or through a door some tables of all; `scoping` holds every
statement to it, and on PostgreSQL row-level security does once more. Neither can commit: one
request or one job is one transaction, and only the edge ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self, cast

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.engine import CursorResult
from sqlalchemy.util import LRUCache

from tradedeck.store.scope import TENANT, Door, Scope
from tradedeck.store.scoping import BIND, DOOR, UnscopedError, named

Row = Mapping[str, Any]
Params = Mapping[str, Any] | None
_CACHED_MAX: Final = 200
# What was compiled for a door must never answer for a tenant, and SQLAlchemy's key is the same.
_CACHES: Final[dict[Door, Any]] = {door: LRUCache[Any, Any](_CACHED_MAX) for door in Door}
_SET: Final = (
    "SELECT set_config('tradedeck.tenant', %s, true), set_config('tradedeck.door', %s, true)"
)


class _Wall:
    """What row-level security was told of the transaction, for all sessions of one unit of work."""

    __slots__ = ("_connection", "_stands")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stands: Scope | None = None

    def stand(self, scope: Scope) -> None:
        """Let the database see only what `scope` may; nothing where it has no such wall."""
        if self._stands == scope or self._connection.dialect.name != "postgresql":
            return
        self._connection.exec_driver_sql(_SET, (scope.tenant, scope.door or ""))
        self._stands = scope


class ReadSession:
    """SELECTs within one snapshot of the database."""

    __slots__ = ("_connection", "_scope", "_wall")

    def __init__(self, connection: Connection, scope: Scope, wall: _Wall | None = None) -> None:
        self._connection = connection
        self._scope = scope
        self._wall = wall or _Wall(connection)

    @property
    def tenant(self) -> str:
        """Whose rows these are; empty behind a door."""
        return self._scope.tenant

    def beyond(self, door: Door) -> Self:
        """The same transaction, seeing what `door` reaches, of every tenant."""
        return type(self)(self._connection, Scope(door=door), self._wall)

    def of(self, tenant: str) -> Self:
        """The same transaction for a tenant; only out of a door, where its name was found."""
        assert self._scope.door is not None or tenant == self._scope.tenant
        return type(self)(self._connection, Scope(tenant), self._wall)

    def all(self, statement: Executable, params: Params = None) -> list[Row]:
        """Every row by the names of its columns; the statement bears the limit."""
        return cast("list[Row]", list(self._run(statement, params).mappings()))

    def values(self, statement: Executable) -> list[tuple[Any, ...]]:
        """Every row as its values, in the order of the statement's columns: for long walks."""
        return cast("list[tuple[Any, ...]]", list(self._run(statement)))

    def first(self, statement: Executable, params: Params = None) -> Row | None:
        """The first row, or None."""
        return cast("Row | None", self._run(statement, params).mappings().first())

    def scalar(self, statement: Executable, params: Params = None) -> Any:
        """The first column of the first row, or None."""
        return self._run(statement, params).scalar()

    def _run(
        self, statement: Executable, params: Params | Sequence[Mapping[str, Any]] = None
    ) -> CursorResult[Any]:
        self._wall.stand(self._scope)
        door = self._scope.door
        if door is not None:
            return self._connection.execute(
                statement.execution_options(**{DOOR: door}),
                params,
                execution_options={"compiled_cache": _CACHES[door]},
            )
        tenant = self._scope.tenant
        if named(statement) not in {None, tenant}:
            raise UnscopedError("the row was given to another tenant than the session's")
        own = {BIND: tenant}
        if params is None or isinstance(params, Mapping):
            return self._connection.execute(statement, {**(params or {}), **own})
        if any(row.get(TENANT, tenant) != tenant for row in params):
            raise UnscopedError("a row was given to another tenant than the session's")
        return self._connection.execute(statement, [{**row, **own} for row in params])


class WriteSession(ReadSession):
    """The one transaction that may write; made by the store alone."""

    __slots__ = ()

    def execute(self, statement: Executable, params: Params = None) -> CursorResult[Any]:
        """An INSERT, UPDATE or DELETE; the result has `rowcount`."""
        return self._run(statement, params)

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Many rows at once; nothing happens when there are none."""
        if rows:
            self._run(table.insert(), rows)

    def many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """One statement for each set of parameters; nothing happens when there are none."""
        if rows:
            self._run(statement, rows)
