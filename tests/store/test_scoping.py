"""SEC-3: every statement is held to one tenant, or it does not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    table,
    text,
    union_all,
    update,
)
from tests.tables import metadata

from tradedeck.store import scoping
from tradedeck.store.database import Store, open_store
from tradedeck.store.scope import TENANT, Door, doors_of
from tradedeck.store.scoping import UnscopedError

entries, steps = metadata.tables["entries"], metadata.tables["order_steps"]
positions, jobs, tenants = (metadata.tables[name] for name in ("positions", "jobs", "tenants"))


@pytest.fixture
def store(tmp_path: Path, store_url: str) -> Iterator[Store]:
    opened = open_store(tmp_path / "store" / "x.db", store_url)
    for tenant in ("acme", "main", "zeta"):
        opened.of(tenant).write_now(lambda w: w.insert(steps, [STEP]))
        opened.of(tenant).write_now(lambda w: w.insert(positions, [POSITION]))
    yield opened
    opened.close()


STEP = {"order": "o1", "event": 1}
POSITION = {
    "account": "paper", "instrument": "AAPL", "trader": "t", "quantity": "1", "cost": "1",
    "average_price": "1", "realised": "0", "opened_ns": 1, "event": 1,
}  # fmt: skip
other = steps.alias("other")
READS: dict[str, Any] = {
    "plain": select(steps),
    "where": select(steps.c.order).where(steps.c.event == 1),
    "alias": select(other),
    "join": select(steps.c.order).join(positions, positions.c.event == steps.c.event),
    "outer": select(steps.c.order, positions.c.tenant).select_from(
        steps.outerjoin(positions, positions.c.event == steps.c.event)
    ),
    "nested-outer": select(steps.c.order).select_from(
        steps.outerjoin(
            positions.outerjoin(other, other.c.event == positions.c.event),
            positions.c.event == steps.c.event,
        )
    ),
    "subquery": select(select(steps).subquery()),
    "cte": select(select(steps).cte("x")),
    "in": select(positions).where(positions.c.event.in_(select(steps.c.event))),
    "exists": select(positions).where(exists().where(steps.c.event == positions.c.event)),
    "scalar": select(select(func.count()).select_from(steps).scalar_subquery().label("n")),
    "correlated": select(
        positions.c.account,
        select(func.count())
        .select_from(steps)
        .where(steps.c.event == positions.c.event)
        .scalar_subquery()
        .label("n"),
    ),
    "union": union_all(select(steps.c.event), select(positions.c.event)),
    "window": select(func.row_number().over(order_by=steps.c.event).label("n"), steps.c.order),
}


@pytest.mark.parametrize("name", READS)
def test_sec_3_a_read_sees_one_tenant_however_it_is_put(store: Store, name: str):
    def rows(tenant: str) -> list[dict[str, Any]]:
        found = store.of(tenant).read_now(lambda r: r.all(READS[name]))
        return [{k: v for k, v in row.items() if k != TENANT} for row in found]

    before = rows("acme")
    assert before
    for tenant in ("main", "zeta"):  # what others have more of changes nothing for it
        more = [{**STEP, "event": event} for event in (2, 3)]
        store.of(tenant).write_now(lambda w, more=more: w.insert(steps, more))
        store.of(tenant).write_now(lambda w: w.execute(update(positions).values(account="x")))
    assert rows("acme") == before
    assert rows("main") != before or name in {"where", "join", "in", "exists"}
    assert store.of("nobody").read_now(lambda r: r.all(READS["plain"])) == []


def test_sec_3_the_optional_side_of_an_outer_join_stays_optional(store: Store):
    store.of("acme").write_now(lambda w: w.execute(delete(positions)))
    (row,) = store.of("acme").read_now(lambda r: r.all(READS["outer"]))
    assert (row["order"], row["tenant"]) == ("o1", None)


WRITES: dict[str, Any] = {
    "update": update(steps).values(event=9),
    "update-where": update(steps).where(steps.c.order == "o1").values(event=9),
    "delete": delete(steps),
    "delete-where": delete(steps).where(steps.c.event == 1),
}


@pytest.mark.parametrize("name", WRITES)
def test_sec_3_a_write_changes_one_tenant(store: Store, name: str):
    done = store.of("acme").write_now(lambda w: w.execute(WRITES[name]))
    assert done.rowcount == 1
    for tenant in ("main", "zeta"):
        (row,) = store.of(tenant).read_now(lambda r: r.all(READS["plain"]))
        assert row["event"] == 1


REFUSED: dict[str, Any] = {
    "text": text("SELECT * FROM entries"),
    "text-column": select(text("(SELECT body FROM entries)")),
    "text-where": select(steps).where(text("1 = 1")),
    "literal": select(literal_column("(SELECT max(body) FROM entries)")),
    "unknown-table": select(table("entries")),
    "no-tenants": select(tenants),
    "full-join": select(steps.c.event).select_from(
        steps.join(positions, positions.c.event == steps.c.event, full=True)
    ),
    "insert-from-select": insert(steps).from_select(["order", "event"], select(positions.c.event)),
    "insert-several": insert(steps).values([STEP, {**STEP, "event": 2}]),
    "insert-elsewhere": insert(steps).values({**STEP, "event": 5, TENANT: "main"}),
    "update-tenant": update(steps).values(tenant="main"),
    "update-from": update(steps).where(steps.c.event == positions.c.event).values(event=3),
    "delete-using": delete(steps).where(steps.c.event == positions.c.event),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sec_3_what_cannot_be_proved_does_not_run(store: Store, name: str):
    with pytest.raises((UnscopedError, NotImplementedError)):  # SQLite has no DELETE … USING
        store.of("acme").write_now(lambda w: w.execute(REFUSED[name]))
    with pytest.raises(UnscopedError):
        store.of("acme").write_now(
            lambda w: w.insert(steps, [{**STEP, "event": 7, TENANT: "main"}])
        )


def test_sec_3_a_store_without_a_tenant_runs_nothing(store: Store):
    assert not any(hasattr(store, name) for name in ("read", "write", "read_now", "write_now"))
    for name in ("", "Main", "a/b", "main' OR 1", "x" * 60):
        with pytest.raises(ValueError, match="not the name of a tenant"):
            store.of(name)


@pytest.mark.parametrize("door", list(Door))
def test_sec_3_a_door_opens_its_own_tables_alone(store: Store, door: Door):
    for each in metadata.sorted_tables:
        query = select(each).limit(1)
        if door in doors_of(each.info):
            store.beyond(door).read_now(lambda r, query=query: r.all(query))
        else:
            with pytest.raises(UnscopedError):
                store.beyond(door).read_now(lambda r, query=query: r.all(query))


def test_sec_3_what_was_compiled_for_a_door_never_answers_a_tenant(store: Store):
    query = select(func.count()).select_from(jobs)
    row = {
        "id": "a", "kind": "k", "state": "s", "params": "{}", "author": "me", "worker": "",
        "progress": 0.0, "cancel_requested": False, "created_at_ns": 1, "detail": "",
    }  # fmt: skip
    store.of("main").write_now(lambda w: w.insert(jobs, [row]))
    for _ in range(2):
        assert store.beyond(Door.JOBS).read_now(lambda r: r.scalar(query)) == 1
        assert store.of("acme").read_now(lambda r: r.scalar(query)) == 0

    def both(read: Any) -> tuple[int, int, int]:
        door = read.beyond(Door.JOBS)
        return read.scalar(query), door.scalar(query), read.scalar(query)

    assert store.of("acme").read_now(both) == (0, 1, 0)


def test_every_table_of_rows_has_a_tenant_and_no_other_has_a_door_for_all():
    without = {each.name for each in metadata.sorted_tables if TENANT not in each.c}
    assert without == {"tenants"}
    for each in metadata.sorted_tables:
        assert doors_of(each.info) <= set(Door)


def test_sec_3_with_the_criterion_gone_the_walls_of_postgresql_still_stand(
    tmp_path: Path, postgres: Any, monkeypatch: pytest.MonkeyPatch
):
    store = open_store(tmp_path / "store" / "x.db", postgres.migrated())
    for tenant in ("acme", "main"):
        store.of(tenant).write_now(lambda w: w.insert(steps, [STEP]))
    monkeypatch.setattr(scoping, "criteria", lambda *_: [])
    for engine in (store._works.engines.writer, store._works.engines.readers):
        engine.clear_compiled_cache()
    whose = select(steps.c.tenant, steps.c.event)
    try:
        for tenant in ("acme", "main"):
            found = store.of(tenant).read_now(lambda r: r.all(whose))
            assert [row["tenant"] for row in found] == [tenant]
        assert store.of("acme").write_now(lambda w: w.execute(delete(steps))).rowcount == 1
        (left,) = store.of("main").read_now(lambda r: r.all(whose))
        assert (left["tenant"], left["event"]) == ("main", 1)
        assert store.of("nobody").read_now(lambda r: r.all(whose)) == []
        # And without a tenant at all, as a connection of somebody else's code would be.
        with store._works.engines.readers.connect() as connection:
            assert connection.exec_driver_sql("SELECT * FROM order_steps").all() == []
    finally:
        store.close()


def test_sec_3_every_table_of_postgresql_has_its_wall(tmp_path: Path, postgres: Any):
    store = open_store(tmp_path / "store" / "x.db", postgres.migrated())
    with store._works.engines.readers.connect() as connection:
        walled = connection.exec_driver_sql(
            "SELECT c.relname, p.polname, c.relforcerowsecurity FROM pg_class c "
            "JOIN pg_policy p ON p.polrelid = c.oid"
        ).all()
    store.close()
    assert all(forced for _, _, forced in walled)
    names = [name for name, _, _ in walled]
    assert sorted(names) == sorted(e.name for e in metadata.sorted_tables if TENANT in e.c)
