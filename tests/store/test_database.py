"""The store: one process, two kinds of session, one transaction for each unit of work."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from tests.postgres import Postgres

from tradedeck.jobs.tables import jobs
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.database import Store, open_store
from tradedeck.store.sessions import ReadSession, WriteSession

JOB = {
    "id": "a", "kind": "k", "state": "s", "params": "{}", "author": "me", "worker": "",
    "progress": 0.0, "cancel_requested": False, "created_at_ns": 1, "detail": "",
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tradedeck.db"


@pytest.fixture
def store(path: Path, store_url: str):
    opened = open_store(path, store_url)
    yield opened
    opened.close()


def count(read: ReadSession) -> int:
    return read.scalar(select(func.count()).select_from(jobs))


def test_what_returned_is_there_after_a_restart(path: Path, store: Store, store_url: str):
    store.write_now(lambda write: write.insert(jobs, [JOB]))
    store.close()
    again = open_store(path, store_url)
    assert again.read_now(count) == 1
    again.close()


def test_a_unit_that_raises_leaves_nothing(store: Store):
    def fail(write: WriteSession) -> None:
        write.insert(jobs, [JOB])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write_now(fail)
    assert store.read_now(count) == 0


def test_a_read_session_cannot_write_by_type_nor_by_database(store: Store):
    assert not hasattr(ReadSession, "execute")
    with pytest.raises(TradedeckError) as caught:
        store.read_now(lambda read: read.all(text("DELETE FROM jobs")))
    assert caught.value.code is Code.STORAGE


def test_no_session_can_commit():
    assert not any(hasattr(kind, "commit") for kind in (ReadSession, WriteSession))


def test_durability_and_the_one_checkpointer(path: Path):
    store = open_store(path)

    def pragma(name: str) -> Callable[[ReadSession], Any]:
        return lambda session: session.scalar(text(f"PRAGMA {name}"))

    assert store.write_now(pragma("journal_mode")) == "wal"
    assert store.write_now(pragma("synchronous")) == 2  # FULL
    assert store.write_now(pragma("wal_autocheckpoint")) > 0
    assert store.read_now(pragma("wal_autocheckpoint")) == 0
    assert store.read_now(pragma("query_only")) == 1
    store.close()


def test_durability_and_snapshots_of_postgresql(path: Path, postgres: Postgres):
    store = open_store(path, postgres.migrated())

    def shown(name: str) -> Callable[[ReadSession], Any]:
        return lambda session: session.scalar(text(f"SHOW {name}"))

    assert store.write_now(shown("synchronous_commit")) == "on"
    assert store.write_now(shown("transaction_isolation")) == "read committed"
    assert store.read_now(shown("transaction_isolation")) == "repeatable read"
    assert store.read_now(shown("transaction_read_only")) == "on"
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
    before = store.write_now(lambda write: write.scalar(text("SELECT pg_backend_pid()")))
    postgres.admin(f"SELECT pg_terminate_backend({before}, 10000)")
    store.write_now(lambda write: write.insert(jobs, [JOB]))
    held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = :pid")
    now = store.write_now(lambda write: write.scalar(text("SELECT pg_backend_pid()")))
    assert now != before
    assert store.read_now(lambda read: read.scalar(held, {"pid": now})) == 1
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


def test_readers_see_a_snapshot_while_the_writer_works(store: Store):
    async def scenario() -> tuple[int, int]:
        def slow(read: ReadSession) -> tuple[int, int]:
            before = count(read)
            store.write_now(lambda write: write.insert(jobs, [JOB]))
            return before, count(read)

        return await store.read(slow)

    assert asyncio.run(scenario()) == (0, 0)
    assert store.read_now(count) == 1


def test_overload_is_refused_not_queued_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tradedeck.store.database.WAITING_MAX", 2)

    async def scenario() -> list[object]:
        return await asyncio.gather(*(store.read(count) for _ in range(8)), return_exceptions=True)

    results = asyncio.run(scenario())
    refused = [r for r in results if isinstance(r, TradedeckError)]
    assert len(refused) == 6
    assert {r.code for r in refused} == {Code.UNAVAILABLE}


def test_a_closed_store_refuses(store: Store):
    store.close()
    with pytest.raises(TradedeckError):
        asyncio.run(store.read(count))


def test_a_newer_schema_is_refused(path: Path, store: Store, store_url: str):
    store.write_now(lambda w: w.execute(text("UPDATE alembic_version SET version_num='9999'")))
    store.close()
    with pytest.raises(TradedeckError, match="9999"):
        open_store(path, store_url)
