"""SEC-3, acceptance 5: whatever tenants do to whatever table, each finds what it wrote itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, select, update
from tests.tables import metadata

from tradedeck.store.database import Store, open_store
from tradedeck.store.scope import TENANT

TENANTS = ("acme", "main", "zeta")
# The audit record is appended to alone; its tests are its own.
TABLES = [t for t in metadata.sorted_tables if TENANT in t.c and t.name != "audit"]
ACTS = st.tuples(
    st.sampled_from(["insert", "update", "delete", "many"]),
    st.sampled_from(TENANTS),
    st.integers(0, 3),
    st.integers(0, 9),
)


@pytest.fixture
def store(tmp_path: Path, store_url: str) -> Iterator[Store]:
    opened = open_store(tmp_path / "store" / "x.db", store_url)
    yield opened
    opened.close()


def made(table: Table, key: int, value: int, tenant: str) -> dict[str, Any]:
    """A row of that key. Ids that nobody shares are made of the tenant too, as real ones are."""
    shared = TENANT in {c.name for c in table.primary_key.columns}
    unique = {c.name for c in table.primary_key.columns}
    for constraint in table.constraints:
        if type(constraint).__name__ == "UniqueConstraint":
            unique |= {column.name for column in constraint.columns}

    def of(column: Any) -> Any:
        number = key if column.name in unique else value
        kind = str(column.type)
        if kind.startswith(("TEXT", "VARCHAR")):
            whose = "" if shared or column.name not in unique else f" of {tenant}"
            return f"{number}{whose}"
        if kind == "BOOLEAN":
            return bool(number % 2)
        if kind == "BLOB":
            return bytes([number])
        return float(number) if kind == "FLOAT" else number

    return {column.name: of(column) for column in table.columns if column.name != TENANT}


def in_order(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(ACTS, min_size=8, max_size=20))
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_sec_3_each_tenant_finds_what_it_wrote(store: Store, table: Table, acts: Any):
    held: dict[str, dict[int, dict[str, Any]]] = {tenant: {} for tenant in TENANTS}
    names = [c.name for c in table.primary_key.columns if c.name != TENANT]
    free = [c.name for c in table.columns if c.name not in {TENANT, *names}]
    for tenant in TENANTS:
        store.of(tenant).write_now(lambda w: w.execute(delete(table)))
    for act, tenant, key, value in acts:
        own, row = held[tenant], made(table, key, value, tenant)
        here = [table.c[name] == row[name] for name in names]
        if act == "insert" and key not in own:
            store.of(tenant).write_now(lambda w, row=row: w.insert(table, [row]))
            own[key] = row
        elif act == "update" and free:
            values = {name: row[name] for name in free}
            changed = store.of(tenant).write_now(
                lambda w, here=here, values=values: w.execute(
                    update(table).where(*here).values(values)
                )
            )
            assert changed.rowcount == (key in own)
            if key in own:
                own[key] = row
        elif act == "delete":
            gone = store.of(tenant).write_now(
                lambda w, here=here: w.execute(delete(table).where(*here))
            )
            assert gone.rowcount == (own.pop(key, None) is not None)
        elif act == "many":  # without a WHERE of its own: everything, but only of this tenant
            gone = store.of(tenant).write_now(lambda w: w.execute(delete(table)))
            assert gone.rowcount == len(own)
            own.clear()
    for tenant in TENANTS:
        found = store.of(tenant).read_now(lambda r: r.all(select(table)))
        assert {row[TENANT] for row in found} <= {tenant}
        rows = [{k: v for k, v in row.items() if k != TENANT} for row in found]
        assert sorted(rows, key=in_order) == sorted(held[tenant].values(), key=in_order)
