"""The store: one process, two kinds of session, one transaction for each unit of work."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select
from tests.postgres import Postgres
from tests.raw import raw

from tradedeck.jobs.tables import jobs
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.database import ScopedStore, Store, open_store
from tradedeck.store.sessions import ReadSession, WriteSession

JOB = {
    "id": "a", "kind": "k", "state": "s", "params": "{}", "author": "me", "worker": "",
    "progress": 0.0, "cancel_requested": False, "created_at_ns": 1, "detail": "",
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tradedeck.db"


@pytest.fixture
def opened(path: Path, store_url: str):
    made = open_store(path, store_url)
    yield made
    made.close()


@pytest.fixture
def store(opened: Store) -> ScopedStore:
    return opened.of("main")


def said(engine: Engine, question: str) -> Any:
    """The database's own answer."""
    with engine.connect() as connection:
        return connection.exec_driver_sql(question).scalar()


def count(read: ReadSession) -> int:
    return read.scalar(select(func.count()).select_from(jobs))


def test_what_returned_is_there_after_a_restart(path: Path, opened: Store, store_url: str):
    opened.of("main").write_now(lambda write: write.insert(jobs, [JOB]))
    opened.close()
    again = open_store(path, store_url)
    assert again.of("main").read_now(count) == 1
    again.close()


def test_a_unit_that_raises_leaves_nothing(store: ScopedStore):
    def fail(write: WriteSession) -> None:
        write.insert(jobs, [JOB])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write_now(fail)
    assert store.read_now(count) == 0


def test_a_read_session_cannot_write_by_type_nor_by_database(store: ScopedStore):
    assert not hasattr(ReadSession, "execute")
    with pytest.raises(TradedeckError) as caught:
        store.read_now(lambda read: read.all(delete(jobs)))
    assert caught.value.code is Code.STORAGE


def test_no_session_can_commit():
    assert not any(hasattr(kind, "commit") for kind in (ReadSession, WriteSession))


def test_durability_and_the_one_checkpointer(path: Path):
    store = open_store(path)
    writer, readers = store._works.engines.writer, store._works.engines.readers
    assert said(writer, "PRAGMA journal_mode") == "wal"
    assert said(writer, "PRAGMA synchronous") == 2  # FULL
    assert said(writer, "PRAGMA wal_autocheckpoint") > 0
    assert said(readers, "PRAGMA wal_autocheckpoint") == 0
    assert said(readers, "PRAGMA query_only") == 1
    store.close()


def test_durability_and_snapshots_of_postgresql(path: Path, postgres: Postgres):
    store = open_store(path, postgres.migrated())
    writer, readers = store._works.engines.writer, store._works.engines.readers
    assert said(writer, "SHOW synchronous_commit") == "on"
    assert said(writer, "SHOW transaction_isolation") == "read committed"
    assert said(readers, "SHOW transaction_isolation") == "repeatable read"
    assert said(readers, "SHOW transaction_read_only") == "on"
    store.close()


def test_only_one_program_writes_a_database_of_postgresql(tmp_path: Path, postgres: Postgres):
    address = postgres.migrated()
    store = open_store(tmp_path / "one" / "x.db", address)
    with pytest.raises(TradedeckError, match="Another process") as caught:
        open_store(tmp_path / "two" / "x.db", address)
    assert caught.value.code is Code.CONFLICT
    store.close()
    open_store(tmp_path / "two" / "x.db", address).close()


def test_a_writer_that_lost_its_connection_takes_the_lock_again(path: Path, postgres: Postgres):
    store = open_store(path, postgres.migrated())
    pid, writer = "SELECT pg_backend_pid()", store._works.engines.writer
    before = said(writer, pid)
    postgres.admin(f"SELECT pg_terminate_backend({before}, 10000)")
    store.of("main").write_now(lambda write: write.insert(jobs, [JOB]))
    now = said(writer, pid)
    assert now != before
    held = (
        "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database "
        "WHERE locktype = 'advisory' AND d.datname = current_database()"
    )
    assert said(store._works.engines.readers, held) == 1
    store.close()


def test_sec_3_a_role_that_bypasses_row_level_security_is_refused(path: Path, postgres: Postgres):
    address = postgres.migrated()
    postgres.admin("CREATE ROLE free LOGIN BYPASSRLS")
    with pytest.raises(TradedeckError, match="bypasses row-level security"):
        open_store(path, address.replace("tradedeck@", "free@"))


@pytest.mark.parametrize("url", ["mysql://x/y", "a b", "postgresql+asyncpg://h/d"])
def test_an_address_of_something_else_is_refused(path: Path, url: str):
    with pytest.raises(TradedeckError) as caught:
        open_store(path, url)
    assert caught.value.code is Code.INVALID_SETTING


def test_an_unreachable_server_is_said_without_the_password(path: Path, tmp_path: Path):
    with pytest.raises(TradedeckError) as caught:
        open_store(path, f"postgresql://x:canary-secret@/d?host={tmp_path}")
    assert caught.value.code is Code.STORAGE
    assert "canary" not in str(caught.value)
    open_store(path).close()  # the home's lock was given back


def test_only_one_process_opens_it(path: Path, store: Store):
    program = (
        "import sys, pathlib\n"
        "from tradedeck.store.database import open_store\n"
        "from tradedeck.kernel.errors import TradedeckError\n"
        "try: open_store(pathlib.Path(sys.argv[1]))\n"
        "except TradedeckError as error: print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "CONFLICT"


def test_modes(path: Path):
    store = open_store(path)
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_suffix(".lock").stat().st_mode) == 0o600


def test_readers_see_a_snapshot_while_the_writer_works(store: ScopedStore):
    async def scenario() -> tuple[int, int]:
        def slow(read: ReadSession) -> tuple[int, int]:
            before = count(read)
            store.write_now(lambda write: write.insert(jobs, [JOB]))
            return before, count(read)

        return await store.read(slow)

    assert asyncio.run(scenario()) == (0, 0)
    assert store.read_now(count) == 1


def test_overload_is_refused_not_queued_for_ever(
    store: ScopedStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tradedeck.store.database.WAITING_MAX", 2)

    async def scenario() -> list[object]:
        return await asyncio.gather(*(store.read(count) for _ in range(8)), return_exceptions=True)

    results = asyncio.run(scenario())
    refused = [r for r in results if isinstance(r, TradedeckError)]
    assert len(refused) == 6
    assert {r.code for r in refused} == {Code.UNAVAILABLE}


def test_a_closed_store_refuses(opened: Store):
    opened.close()
    with pytest.raises(TradedeckError):
        asyncio.run(opened.of("main").read(count))


def test_a_newer_schema_is_refused(path: Path, opened: Store, store_url: str):
    raw(opened, "UPDATE alembic_version SET version_num='9999'")
    opened.close()
    with pytest.raises(TradedeckError, match="9999"):
        open_store(path, store_url)
