"""Two kinds of session as two types: what is handed a `ReadSession` cannot write.

Neither can commit: one request or one job is one transaction, and only the edge ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.engine import CursorResult

Row = Mapping[str, Any]
Params = Mapping[str, Any] | None


class ReadSession:
    """SELECTs within one snapshot of the database."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, statement: Executable, params: Params = None) -> list[Row]:
        """Every row by the names of its columns; the statement bears the limit."""
        return cast("list[Row]", list(self._connection.execute(statement, params).mappings()))

    def first(self, statement: Executable, params: Params = None) -> Row | None:
        """The first row, or None."""
        return cast("Row | None", self._connection.execute(statement, params).mappings().first())

    def scalar(self, statement: Executable, params: Params = None) -> Any:
        """The first column of the first row, or None."""
        return self._connection.execute(statement, params).scalar()


class WriteSession(ReadSession):
    """The one transaction that may write; made by `Store.write` alone."""

    __slots__ = ()

    def execute(self, statement: Executable, params: Params = None) -> CursorResult[Any]:
        """An INSERT, UPDATE or DELETE; the result has `rowcount`."""
        return self._connection.execute(statement, params)

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Many rows at once; nothing happens when there are none."""
        if rows:
            self._connection.execute(table.insert(), rows)

    def many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """One statement for each set of parameters; nothing happens when there are none."""
        if rows:
            self._connection.execute(statement, rows)
