"""Group commit of the audit record: fewer commits than acts, and each act as safe as alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tradedeck.api import recorder
from tradedeck.api.recorder import Recorder
from tradedeck.audit import service
from tradedeck.audit import store as audit_store
from tradedeck.audit.types import Act, Action, Record, Who
from tradedeck.audit.verify import verify
from tradedeck.kernel.clock import ManualClock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.database import ScopedStore, open_store
from tradedeck.store.scope import Door

WHO = Who("ada", "risk")


class Counted:
    """A store that counts its commits, and fails when told."""

    def __init__(self, store: ScopedStore) -> None:
        self.store = store
        self.commits = 0
        self.fail: TradedeckError | None = None

    async def write(self, work: Callable[[Any], Any]) -> Any:
        self.commits += 1
        if self.fail is not None:
            raise self.fail
        return await self.store.write(work)


@pytest.fixture
def counted(tmp_path: Path, store_url: str):
    store = open_store(tmp_path / "s" / "x.db", store_url)
    yield Counted(store.beyond(Door.AUDIT))
    store.close()


def act(number: int) -> Act:
    return Act(Action.FLATTEN, WHO, f"trader/{number}")


def recording(counted: Counted) -> Recorder:
    # It counts and hands on: for a Recorder it is a store.
    return Recorder(cast("Any", counted), ManualClock(7))


def kept(counted: Counted) -> list[str]:
    rows = counted.store.read_now(lambda r: audit_store.batch(r, after_seq=0, limit=9_999))
    return [str(row["target"]) for row in rows]


def test_acts_that_wait_share_a_commit_and_keep_their_order(counted: Counted):
    async def scenario() -> list[Record]:
        log = recording(counted)
        return await asyncio.gather(*(log.record(act(number)) for number in range(300)))

    found = asyncio.run(scenario())
    assert [record.seq for record in found] == list(range(1, 301))
    assert kept(counted) == [f"trader/{number}" for number in range(300)]
    assert counted.commits < 10
    assert counted.store.read_now(verify).ok


def test_inv_12_an_act_waits_until_its_own_record_is_committed(counted: Counted):
    async def scenario() -> None:
        log = recording(counted)

        async def one(number: int) -> None:
            record = await log.record(act(number))
            assert counted.store.read_now(audit_store.head)[0] >= record.seq

        await asyncio.gather(*(one(number) for number in range(40)))

    asyncio.run(scenario())


def test_one_that_cannot_be_recorded_is_refused_alone(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
):
    encode = service.entries.encode

    def strict(row: Any) -> Any:
        if row["target"] == "trader/2":
            raise TradedeckError(Code.TOO_LARGE, "too long")
        return encode(row)

    monkeypatch.setattr(service.entries, "encode", strict)

    async def scenario() -> list[Any]:
        log = recording(counted)
        acts = (log.record(act(number)) for number in range(5))
        return await asyncio.gather(*acts, return_exceptions=True)

    found = asyncio.run(scenario())
    assert [isinstance(each, TradedeckError) for each in found] == [
        False, False, True, False, False,
    ]  # fmt: skip
    assert kept(counted) == ["trader/0", "trader/1", "trader/3", "trader/4"]
    assert counted.store.read_now(verify).ok


def test_inv_12_a_commit_that_fails_refuses_every_act_in_it(counted: Counted):
    async def scenario() -> None:
        log = recording(counted)
        counted.fail = TradedeckError(Code.STORAGE, "disk full")
        acts = (log.record(act(number)) for number in range(5))
        found = await asyncio.gather(*acts, return_exceptions=True)
        assert all(isinstance(each, TradedeckError) for each in found)
        counted.fail = None
        assert (await log.record(act(9))).seq == 1

    asyncio.run(scenario())
    assert kept(counted) == ["trader/9"]


def test_one_who_leaves_takes_nobody_along(counted: Counted):
    async def scenario() -> None:
        log = recording(counted)
        tasks = [asyncio.create_task(log.record(act(number))) for number in range(5)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(each, Record) for each in found] == [True, True, False, True, True]

    asyncio.run(scenario())
    assert len(kept(counted)) == 5


def test_the_line_is_bounded(counted: Counted, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recorder, "WAITING_MAX", 3)

    async def scenario() -> list[Any]:
        log = recording(counted)
        acts = (log.record(act(number)) for number in range(5))
        return await asyncio.gather(*acts, return_exceptions=True)

    found = asyncio.run(scenario())
    assert [getattr(each, "code", None) for each in found][3:] == [Code.UNAVAILABLE] * 2
    assert kept(counted) == ["trader/0", "trader/1", "trader/2"]
