"""Jobs: a real worker with real child processes, on a bus in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.deck import Deck, Wire, running, token
from tradedeck.api.routes.backtests import BacktestResultView, BacktestView
from tradedeck.identity.types import Role
from tradedeck.jobs import rules, service
from tradedeck.jobs.packing import pack, unpack
from tradedeck.worker import loop as worker_loop
from tradedeck.worker.loop import Worker

pytestmark = pytest.mark.processes


WISH = {"strategy": "ema-cross", "params": {"fast": 10, "slow": 20}, "instrument": "AAPL"}
SLOW = """
from dataclasses import dataclass
import time
from tradedeck.strategies.interface import Meta, Strategy

class Slow(Strategy):
    meta = Meta(name="slow", title="Slow", description="Sleeps on every bar.")
    @dataclass(slots=True)
    class Params:
        pass
    @dataclass(slots=True)
    class Memory:
        pass
    def on_bar(self, bar):
        time.sleep(0.05)
"""


@asynccontextmanager
async def working(wire: Wire, home: Path, name: str = "w1") -> AsyncGenerator[None]:
    stop = asyncio.Event()
    bus = wire.hub.connect()
    task = asyncio.create_task(Worker(bus, home, home / "strategies", name).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def ended(deck: Deck, job: str, seconds: float = 60.0) -> dict[str, Any]:
    async with asyncio.timeout(seconds), deck.client() as client:
        while True:
            body = (await client.get(f"/backtests/{job}")).json()
            if body["state"] not in {"queued", "running"}:
                return body
            await asyncio.sleep(0.1)


async def until(deck: Deck, job: str, state: str) -> None:
    async with asyncio.timeout(60), deck.client() as client:
        path = f"/backtests/{job}"
        while (await client.get(path)).json()["state"] != state:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)


def test_a_backtest_from_request_to_result(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            made = await client.post("/backtests", json=WISH)
            assert made.status_code == 201
            job = BacktestView.model_validate(made.json()).id
            assert (await client.get(f"/backtests/{job}/result")).status_code == 409
            async with working(wire, home):
                done = await ended(deck, job)
            assert (done["state"], done["progress"], done["attempts"]) == ("succeeded", 1.0, 1)
            found = (await client.get(f"/backtests/{job}/result")).json()
            result = BacktestResultView.model_validate(found)
            assert result.bars > 3_000
            assert result.trades_total == len(result.trades) > 50
            assert len(result.equity) <= 2_000
            assert {m.name for m in result.metrics} >= {"total_return", "sharpe", "max_drawdown"}
            assert result.metrics[0].formula
            assert (await client.get("/backtests")).json()["items"][0]["id"] == job

    play(scenario)


def test_the_same_key_makes_one_job(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            answers = [
                await client.post("/backtests", json=WISH, headers={"idempotency-key": "k"})
                for _ in range(3)
            ]
            assert len({a.json()["id"] for a in answers}) == 1
            assert len((await client.get("/backtests")).json()["items"]) == 1

    play(scenario)


@pytest.mark.parametrize(
    ("change", "status", "path"),
    [
        ({"strategy": "nothing"}, 404, None),
        ({"params": {"fast": -3}}, 422, "params.fast"),
        ({"params": {"unknown": 3}}, 422, "params.unknown"),
        ({"preset": "reckless"}, 404, None),
        ({"data": "../store/tradedeck.db"}, 404, None),
        ({"data": "/etc/passwd"}, 404, None),
        ({"data": "bundled:nothing"}, 404, None),
        ({"start": "yesterday"}, 422, "query.start"),
        ({"starting_balance": "-5"}, 422, "starting_balance"),
        ({"starting_balance": "0"}, 422, "starting_balance"),
        ({"code": "import os"}, 422, "code"),
    ],
)
def test_a_wish_that_cannot_be_run_is_refused_at_once(
    play: Any, home: Path, change: dict[str, Any], status: int, path: str | None
):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            refused = await client.post("/backtests", json=WISH | change)
            assert refused.status_code == status, refused.text
            if path is not None:
                assert refused.json()["errors"][0]["path"] == path
            assert (await client.get("/backtests")).json()["items"] == []

    play(scenario)


def test_files_of_the_data_folder_only(play: Any, home: Path, tmp_path: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            outside = tmp_path / "outside.csv"
            rows = "".join(f"2020-01-{d:02},1{d},1{d},1{d},1{d},5\n" for d in range(10, 31))
            outside.write_text("date,open,high,low,close,volume\n" + rows)
            (home / "data" / "mine.csv").write_text(outside.read_text())
            (home / "data" / "link.csv").symlink_to(outside)
            (home / "data" / "notes.txt").write_text("no")
            sources = [i["data"] for i in (await client.get("/backtests/data")).json()["items"]]
            assert sources == ["bundled:us-daily", "mine.csv"]
            wish = {"strategy": "buy-and-hold", "data": "mine.csv", "instrument": "MINE"}
            assert (
                await client.post("/backtests", json=wish | {"data": "link.csv"})
            ).status_code == 404
            job = (await client.post("/backtests", json=wish)).json()["id"]
            async with working(wire, home):
                done = await ended(deck, job)
            assert done["state"] == "succeeded", done

    play(scenario)


def test_cancel_kills_the_child_and_a_waiting_job_ends_at_once(
    play: Any, home: Path, monkeypatch: pytest.MonkeyPatch
):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            first, second = await slow_jobs(deck, home, 2)
            assert (await client.post(f"/backtests/{second}/cancel")).json()["state"] == "cancelled"
            async with working(wire, home):
                await until(deck, first, "running")
                assert (await client.post(f"/backtests/{first}/cancel")).status_code == 200
                done = await ended(deck, first, 8)
            assert done["state"] == "cancelled"
            again = await client.post(f"/backtests/{first}/cancel")
            assert again.status_code == 409
            assert children() == []

    play(scenario)


async def slow_jobs(deck: Deck, home: Path, count: int) -> list[str]:
    """Jobs of a strategy of the user's own that takes minutes."""
    (home / "strategies" / "slow.py").write_text(SLOW)
    now = deck.context.clock.now_ns()
    params = {
        "strategy": "slow",
        "data": "bundled:us-daily",
        "instrument": "AAPL",
        "params": {},
        "starting_balance": "1000",
        "sizing": {"kind": "units", "value": "1"},
    }
    made = [
        await deck.context.store.write(
            lambda w: service.create(w, service.JobKind.BACKTEST, params, by="t", now_ns=now)
        )
        for _ in range(count)
    ]
    return sorted(job.id for job in made)


def children() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if b"tradedeck.worker.child" in text and parent == os.getpid():
                found.append(int(entry.name))
    return found


def test_a_job_that_takes_too_long_is_ended(play: Any, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "TIME_S_MAX", 1)

    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck:
            (job,) = await slow_jobs(deck, home, 1)
            async with working(wire, home):
                done = await ended(deck, job, 15)
            assert (done["state"], done["code"]) == ("timed_out", "TIMEOUT")

    play(scenario)


def test_a_job_that_needs_too_much_memory_fails_alone(
    play: Any, home: Path, monkeypatch: pytest.MonkeyPatch
):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck:
            (job,) = await slow_jobs(deck, home, 1)
            greedy = SLOW.replace("time.sleep(0.05)", "self.x = [0] * (10 ** 10)")
            (home / "strategies" / "slow.py").write_text(greedy)
            async with working(wire, home):
                done = await ended(deck, job)
            assert (done["state"], done["code"]) == ("failed", "MEMORY")

    play(scenario)


def test_a_job_survives_the_api_and_its_worker(
    play: Any, home: Path, monkeypatch: pytest.MonkeyPatch
):
    """The worker dies: begun again once. The api restarts meanwhile: nothing is forgotten."""
    monkeypatch.setattr(rules, "SILENT_NS", 1_000_000_000)

    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck:
            (job,) = await slow_jobs(deck, home, 1)
            async with working(wire, home, "w1"):
                await until(deck, job, "running")
        async with running(home, wire) as deck:
            await until(deck, job, "queued")
            async with working(wire, home, "w2"):
                await until(deck, job, "running")
            lost = await ended(deck, job)
            assert (lost["state"], lost["code"], lost["attempts"]) == ("failed", "WORKER_LOST", 2)

    play(scenario)


def test_a_result_waits_for_the_api_to_come_back(
    play: Any, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker_loop, "RETRY_S", 0.1)

    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            job = (await client.post("/backtests", json=WISH)).json()["id"]
            async with asyncio.timeout(60):
                worker = working(wire, home)
                await worker.__aenter__()
                await until(deck, job, "running")
        await asyncio.sleep(3)  # the child is done, nobody listens
        async with running(home, wire) as deck:
            assert (await ended(deck, job))["state"] == "succeeded"
        await worker.__aexit__(None, None, None)

    play(scenario)


def test_a_late_word_of_a_lost_worker_is_not_taken(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck:
            (job,) = await slow_jobs(deck, home, 1)
            bus = wire.hub.connect()
            given = await bus.request("jobs.claim", {"worker": "a"})
            assert given["job"]["id"] == job
            for sender in ("b", ""):
                with pytest.raises(Exception, match=r"not this worker|did not say"):
                    await bus.request(
                        "jobs.done", {"id": job, "worker": sender, "state": "succeeded"}
                    )
            with pytest.raises(Exception, match="not an end"):
                await bus.request("jobs.done", {"id": job, "worker": "a", "state": "queued"})
            with pytest.raises(Exception, match="could not be read"):
                await bus.request(
                    "jobs.done",
                    {"id": job, "worker": "a", "state": "succeeded", "result": "%%"},
                )
            await bus.request("jobs.done", {"id": job, "worker": "a", "state": "failed"})
            with pytest.raises(Exception, match="failed"):
                await bus.request("jobs.done", {"id": job, "worker": "a", "state": "succeeded"})

    play(scenario)


def test_a_viewer_may_look_but_not_run(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck:
            viewer = await token(deck.context, Role.VIEWER)
            client = deck.client(viewer)
            assert (await client.post("/backtests", json=WISH)).status_code == 403
            assert (await client.get("/backtests")).status_code == 200
            await client.aclose()

    play(scenario)


def test_large_results_fit_the_bus():
    trades = [[os.urandom(30).hex()] for _ in range(40_000)]
    packed = pack({"trades": trades, "bars": 1})
    assert len(packed) <= 900_000
    assert '"trades_cut":true' in unpack(packed, 10_000_000)
    with pytest.raises(ValueError, match="larger"):
        unpack(packed, 1_000)
