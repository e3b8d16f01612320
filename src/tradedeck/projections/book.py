"""The rows a batch touches, folded in memory and written once.

A row is fetched when it is first asked for, changed in place by the handlers, and inserted,
updated or deleted at the end: a hundred marks of one account become one UPDATE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Table

from tradedeck.projections.types import Row
from tradedeck.store.scope import TENANT

Key = tuple[Any, ...]
Fetch = Callable[[Table, Key], Row | None]
FindAlert = Callable[[str, str], Row | None]


def key_of(table: Table) -> list[str]:
    """What names a row within its tenant, which is the session's."""
    return [column.name for column in table.primary_key.columns if column.name != TENANT]


class Book:
    """Rows by table and primary key, plus rows that are only ever added.

    Args:
        fetch: the stored row of a key, or None.
        find_alert: the unacknowledged alert of a code and subject, or None.

    """

    def __init__(self, fetch: Fetch, find_alert: FindAlert) -> None:
        self._fetch = fetch
        self._find_alert = find_alert
        self._rows: dict[Table, dict[Key, Row | None]] = {}
        self._stored: dict[Table, set[Key]] = {}
        self._dirty: dict[Table, dict[Key, None]] = {}
        self._alerts: dict[tuple[str, str], Row] = {}
        self.added: dict[Table, list[Row]] = {}

    def prime(self, table: Table, keys: Iterable[Key], rows: Iterable[Row]) -> None:
        """Tell what is stored for `keys`, so that each need not be asked for alone."""
        known = self._rows.setdefault(table, {})
        for key in keys:
            known.setdefault(key, None)
        names = key_of(table)
        for row in rows:
            key = tuple(row[name] for name in names)
            known[key] = row
            self._stored.setdefault(table, set()).add(key)

    def get(self, table: Table, *key: Any) -> Row | None:
        """The row as it stands within this batch; not to be changed (see `edit`)."""
        known = self._rows.setdefault(table, {})
        if key not in known:
            row = self._fetch(table, key)
            known[key] = row
            if row is not None:
                self._stored.setdefault(table, set()).add(key)
        return known[key]

    def edit(self, table: Table, *key: Any, new: Row | None = None) -> Row | None:
        """The row to be changed in place; made from `new` where none is there."""
        row = self.get(table, *key)
        if row is None:
            if new is None:
                return None
            names = key_of(table)
            row = {column.name: None for column in table.columns}
            row.update(new)
            row.update(zip(names, key, strict=True))
            self._rows[table][key] = row
        self._dirty.setdefault(table, {})[key] = None
        return row

    def put(self, table: Table, key: Key, **values: Any) -> Row:
        """Insert or overwrite columns of one row."""
        row = self.edit(table, *key, new={})
        assert row is not None
        row.update(values)
        return row

    def delete(self, table: Table, *key: Any) -> None:
        """Forget a row."""
        if self.get(table, *key) is not None:
            self._rows[table][key] = None
            self._dirty.setdefault(table, {})[key] = None

    def add(self, table: Table, **values: Any) -> None:
        """A row that is never changed again."""
        self.added.setdefault(table, []).append(values)

    def alert(self, code: str, subject: str, make: Callable[[], Row]) -> None:
        """Count one more of an open alert, or raise it."""
        row = self._alerts.get((code, subject)) or self._find_alert(code, subject)
        fresh = make()
        if row is None:
            fresh["new"] = True
            self._alerts[code, subject] = fresh
            return
        row["count"] += 1
        row["last_ns"], row["detail"] = fresh["last_ns"], fresh["detail"]
        row["severity"] = fresh["severity"]
        self._alerts[code, subject] = row

    def changed_alerts(self) -> tuple[list[Row], list[Row]]:
        """Rows to insert, rows to update."""
        new = [dict(row) for row in self._alerts.values() if row.get("new")]
        for row in new:
            del row["new"]
        return new, [row for row in self._alerts.values() if not row.get("new")]

    def changes(self, table: Table) -> tuple[list[Row], list[Row], list[Key]]:
        """Rows to insert, rows to update, keys to delete."""
        inserts: list[Row] = []
        updates: list[Row] = []
        deletes: list[Key] = []
        stored = self._stored.get(table, set())
        for key in self._dirty.get(table, {}):
            row = self._rows[table][key]
            if row is None:
                if key in stored:
                    deletes.append(key)
            elif key in stored:
                updates.append(row)
            else:
                inserts.append(row)
        return inserts, updates, deletes

    def touched(self) -> list[Table]:
        """Tables with changed rows."""
        return list(self._dirty)
