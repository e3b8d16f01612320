"""Row-level security of PostgreSQL: the second wall, for a statement that went round the first.

Every table with a column `tenant` shows and takes the rows of `tradedeck.tenant`, or all of them
through a door of the table; both are settings of the transaction. Owners are held too. The policies
are made by the program and not by migrations, so that a table that is new cannot lack one.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Engine

from tradedeck.store.metadata import metadata
from tradedeck.store.scope import TENANT, doors_of

_FOUND = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
       ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = current_schema() AND EXISTS (
  SELECT FROM pg_attribute a
  WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped)
"""


def raised(engine: Engine) -> None:
    """Put up what is missing or was another; nothing is written where all stands."""
    with engine.begin() as connection:
        for name, held, policies in connection.exec_driver_sql(_FOUND).all():
            rule = _rule(name)
            wanted = f"tenant_{hashlib.sha256(rule.encode()).hexdigest()[:12]}"
            if held and policies == [wanted]:
                continue
            for policy in policies:
                connection.exec_driver_sql(f'DROP POLICY "{policy}" ON "{name}"')
            for act in ("ENABLE", "FORCE"):
                connection.exec_driver_sql(f'ALTER TABLE "{name}" {act} ROW LEVEL SECURITY')
            connection.exec_driver_sql(
                f'CREATE POLICY "{wanted}" ON "{name}" USING ({rule}) WITH CHECK ({rule})'
            )


def lowered(engine: Engine) -> None:
    """Let the owner see every row, as a migration must: policies go, `raised` makes new ones."""
    with engine.begin() as connection:
        for name, held, policies in connection.exec_driver_sql(_FOUND).all():
            for policy in policies:
                connection.exec_driver_sql(f'DROP POLICY "{policy}" ON "{name}"')
            if held:
                connection.exec_driver_sql(f'ALTER TABLE "{name}" DISABLE ROW LEVEL SECURITY')


def _rule(name: str) -> str:
    table: Any = metadata.tables.get(name)
    doors = () if table is None else sorted(doors_of(table.info))
    rule = f"{TENANT} = current_setting('tradedeck.tenant', true)"
    if doors:
        listed = ", ".join(f"'{door}'" for door in doors)
        rule += f" OR current_setting('tradedeck.door', true) IN ({listed})"
    return rule
