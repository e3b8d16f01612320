"""The tenant's criterion, put into each statement where its SQL is made.

The compiler of the store's engines is the one place: no statement reaches the database past it.
Every scoped table of a SELECT, wherever it stands, gets `tenant = :tenant`: in the WHERE, or in the
ON of the outer join that makes it optional. An INSERT gets the value, UPDATE and DELETE the
criterion. What cannot be proved raises: text, tables of no tenant, joins that are full, writes of
several tables, upserts. SQLAlchemy keeps what was compiled, so that none of this is paid twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from sqlalchemy import (
    Alias,
    ColumnElement,
    Delete,
    Engine,
    Insert,
    Join,
    Table,
    Update,
    Values,
    and_,
    bindparam,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import (
    AliasedReturnsRows,
    FromGrouping,
    SelectBase,
    TableValuedAlias,
)

from tradedeck.store.scope import TENANT, Door, doors_of

BIND: Final = "tenant_of_session"
DOOR: Final = "tradedeck_door"  # the execution option of a statement that goes by a door
_PLAIN: Final = frozenset({"*", "1", "'%'"})  # literal columns that are no SQL of anybody's


class UnscopedError(RuntimeError):
    """A statement of which it cannot be proved that it keeps to one tenant."""


def install(engine: Engine) -> None:
    """Every statement of `engine` is scoped from now on."""
    base: type[SQLCompiler] = engine.dialect.statement_compiler
    engine.dialect.statement_compiler = type("Scoped", (_Scoped, base), {})
    engine.clear_compiled_cache()


def _kind(source: Any) -> type[object]:
    return cast("type[object]", type(source))


def criteria(source: Any, door: Door | None) -> list[ColumnElement[bool]]:
    """What the tables of a FROM need in the WHERE (or ON) around it.

    Raises:
        UnscopedError: for a source that is not known to keep to one tenant.
    """
    kind = _kind(source)
    if issubclass(kind, Table):
        return _of_table(source, source, door)
    if issubclass(kind, Join):
        if source.full:
            raise UnscopedError("a full join cannot be held to one tenant")
        found = criteria(source.left, door)
        # The optional side of an outer join has its criterion in the ON: `visit_join`.
        return found if source.isouter else found + criteria(source.right, door)
    if issubclass(kind, FromGrouping):
        return criteria(source.element, door)
    if issubclass(kind, TableValuedAlias | Values):
        return []
    if issubclass(kind, AliasedReturnsRows):
        inner: Any = source.element
        if issubclass(kind, Alias) and issubclass(type(inner), Table):
            return _of_table(inner, source, door)
        if isinstance(inner, SelectBase | Insert | Update | Delete | FromGrouping):
            return []  # a statement of its own, which is compiled, and so scoped, as one
    raise UnscopedError(f"{kind.__name__} is no source that can be held to one tenant")


def _of_table(table: Any, named: Any, door: Door | None) -> list[ColumnElement[bool]]:
    if door is not None:
        if door not in doors_of(table.info):
            raise UnscopedError(f"the table {table.name} is not reached by the door {door}")
        return []
    if TENANT not in table.c:
        raise UnscopedError(f"the table {table.name} is no tenant's: go by a door")
    return [named.c[TENANT] == bindparam(BIND, required=True)]


def _tables(source: Any) -> Iterable[Any]:
    kind = _kind(source)
    if issubclass(kind, Table):
        yield source
    elif issubclass(kind, Join):
        yield from _tables(source.left)
        yield from _tables(source.right)
    elif issubclass(kind, FromGrouping | AliasedReturnsRows):
        yield from _tables(source.element)


class _Scoped(SQLCompiler):
    """Mixed into the dialect's compiler; what is passed from method to method is SQLAlchemy's."""

    @property
    def _door(self) -> Door | None:
        return cast("Door | None", self.execution_options.get(DOOR))

    @property
    def _proved(self) -> list[set[Any]]:
        return self.__dict__.setdefault("_proved_tables", [])

    def _within(self, sources: Iterable[Any], made: Callable[[], Any]) -> Any:
        """Compile what has the criteria of `sources`; a table that is rendered must be of them."""
        self._proved.append({table for source in sources for table in _tables(source)})
        try:
            return made()
        finally:
            self._proved.pop()

    def visit_select(self, select_stmt: Any, *args: Any, **kw: Any) -> Any:
        """Of a query, a subquery, a CTE."""
        sources: list[Any] = select_stmt.get_final_froms()
        wanted = [part for source in sources for part in criteria(source, self._door)]
        scoped = select_stmt.where(*wanted) if wanted else select_stmt
        parent: Any = super()
        return self._within(sources, lambda: parent.visit_select(scoped, *args, **kw))

    def visit_join(self, join: Any, *args: Any, **kw: Any) -> Any:
        """The optional side of an outer join."""
        if join.isouter and not join.full:
            wanted = criteria(join.right, self._door)
            if wanted:
                join = Join(join.left, join.right, and_(join.onclause, *wanted), isouter=True)
        parent: Any = super()
        return parent.visit_join(join, *args, **kw)

    def visit_table(self, table: Any, *args: Any, **kw: Any) -> Any:
        """The proof: nothing is read from that got no criterion above."""
        is_source = args[0] if args else kw.get("asfrom", False)
        if is_source and not any(table in proved for proved in self._proved[-1:]):
            raise UnscopedError(f"the table {table} was not held to one tenant")
        parent: Any = super()
        return parent.visit_table(table, *args, **kw)

    def visit_textclause(self, textclause: Any, *args: Any, **kw: Any) -> Any:
        """Nobody can tell what text reads."""
        raise _text(textclause)

    def visit_textual_select(self, taf: Any, *args: Any, **kw: Any) -> Any:
        """As text."""
        raise _text(taf)

    def visit_tstring(self, tstring: Any, *args: Any, **kw: Any) -> Any:
        """As text."""
        raise _text(tstring)

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> Any:
        """A literal column is text."""
        if column.is_literal and str(column.name) not in _PLAIN:
            raise _text(column.name)
        parent: Any = super()
        return parent.visit_column(column, *args, **kw)

    def visit_insert(self, insert_stmt: Any, *args: Any, **kw: Any) -> Any:
        """The session's tenant in every row, whatever the caller names (`sessions` compares)."""
        table, parent = _written(insert_stmt), cast("Any", super())
        criteria(table, self._door)  # raises where the table is none of this session's
        if self._door is None:
            several = insert_stmt._multi_values  # noqa: SLF001 - no public way
            if insert_stmt.select is not None or several:
                raise UnscopedError("rows from a query, or several at once: use `insert`")
            if insert_stmt._post_values_clause is not None:  # noqa: SLF001 - no public way
                raise UnscopedError("what an upsert finds may be another tenant's")
            insert_stmt = insert_stmt.values({TENANT: bindparam(BIND, required=True)})
        return self._within([table], lambda: parent.visit_insert(insert_stmt, *args, **kw))

    def visit_update(self, update_stmt: Any, *args: Any, **kw: Any) -> Any:
        """Rows of the session's tenant, which they stay."""
        table, parent = _written(update_stmt), cast("Any", super())
        values: dict[Any, Any] = update_stmt._values or {}  # noqa: SLF001 - no public way
        names: set[Any] = {*values, *(self.column_keys or ())}
        names |= {key for key, _ in getattr(update_stmt, "_ordered_values", None) or ()}
        if self._door is None and any(getattr(name, "key", name) == TENANT for name in names):
            raise UnscopedError("a row stays its tenant's")
        scoped = update_stmt.where(*criteria(table, self._door))
        return self._within([table], lambda: parent.visit_update(scoped, *args, **kw))

    def visit_delete(self, delete_stmt: Any, *args: Any, **kw: Any) -> Any:
        """Rows of the session's tenant."""
        table, parent = _written(delete_stmt), cast("Any", super())
        scoped = delete_stmt.where(*criteria(table, self._door))
        return self._within([table], lambda: parent.visit_delete(scoped, *args, **kw))


def _text(given: Any) -> UnscopedError:
    return UnscopedError(f"text cannot be held to one tenant: {str(given)[:80]}")


def named(statement: Any) -> str | None:
    """The tenant that an INSERT gives its row; None where it gives none."""
    if not isinstance(statement, Insert):
        return None
    loose: Any = statement
    values: dict[Any, Any] = loose._values or {}  # noqa: SLF001 - no public way
    for key, value in values.items():
        if getattr(key, "key", key) == TENANT:
            return str(getattr(value, "value", value))
    return None


def _written(statement: Any) -> Any:
    """The one table of a statement that writes. What else it reads from raises in `visit_table`."""
    table: Any = statement.table
    if not issubclass(type(table), Table):
        raise UnscopedError("what is written to is no table of ours")
    return table
