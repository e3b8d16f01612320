"""What a session may and may not do to the exchange, without a process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from tests.cases.kit import bar, order
from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.adapters.brokers.paper.read import PaperRead
from tradedeck.adapters.brokers.paper.reduce import PaperReduce
from tradedeck.exchange import server
from tradedeck.exchange.core import ExchangeCore
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import NS_PER_S, ManualClock
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.trading.order import OrderType, Purpose, Side


def serve(tmp_path: Path, scenario: Callable[[Path], Awaitable[None]]) -> None:
    """Run a scenario against an exchange in this process."""
    clock = ManualClock()

    async def body() -> None:
        journal = Journal(tmp_path / "paper.db", clock.now_ns)
        core = ExchangeCore(journal, clock.monotonic_ns)
        path = tmp_path / "exchange.sock"
        serving = server.ExchangeServer(core, path, lambda _head: None, clock.now_ns, pytest.fail)
        await serving.start()
        try:
            await scenario(path)
        finally:
            await serving.stop()
            journal.close()

    asyncio.run(asyncio.wait_for(body(), 60))


async def session(path: Path, role: str) -> ExchangeClient:
    client = ExchangeClient(path, role, lambda _reports: None, lambda: None)
    await client.connect()
    return client


async def furnished(path: Path) -> ExchangeClient:
    """A runner's session: 10 AAPL held, orders at rest in AAPL and IBM."""
    runner = await session(path, "runner")
    for account in ("main", "other"):
        await runner.request("account", account=account, currency="USD", balance="10000")
    for symbol in ("AAPL", "IBM"):
        await runner.request("bar", bar=bar(100, symbol=symbol).to_list())
    sent = [
        order("BUY", 10, name="held", trader="one"),
        order("BUY", 5, type="LIMIT", limit=90, name="low", trader="one"),
        order("SELL", 10, type="STOP", stop=80, name="stop", trader="one", reduce_only=True,
              purpose=Purpose.PROTECTIVE),
        order("BUY", 3, type="LIMIT", limit=80, name="ibm", symbol="IBM", trader="two"),
        order("BUY", 2, type="LIMIT", limit=80, name="theirs", account="other"),
    ]  # fmt: skip
    for each in sent:
        await runner.request("place", order=each.to_body())
    return runner


def test_more_requests_than_may_wait_end_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DELAYED_MAX", 3)

    async def scenario(path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path))
        asked: list[dict[str, Any]] = [{"op": "hello", "re": n, "role": "guard"} for n in range(4)]
        writer.write(b"".join(pack(cast("Any", request)) for request in asked))
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()

    serve(tmp_path, scenario)


def test_who_does_not_read_its_answers_is_asked_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that nobody takes do not fill the memory; once they are taken, all come."""
    asked, handled, handle = 40_000, 0, ExchangeCore.handle

    def counted(core: ExchangeCore, request: dict[str, Any]) -> dict[str, Any]:
        nonlocal handled
        handled += 1
        return handle(core, request)

    monkeypatch.setattr(ExchangeCore, "handle", counted)

    async def scenario(path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1)
        writer.write(pack({"op": "hello", "re": 0, "role": "guard"}))
        writer.writelines(
            pack({"op": "lookup", "re": n, "client_id": "x" * 40}) for n in range(1, asked)
        )
        before = -1
        while before != handled:
            before = handled
            await asyncio.sleep(0.3)
        assert 0 < handled < asked - 1
        unpacker, got = Unpacker(), 0
        while got < asked:
            got += len(unpacker.feed(await reader.read(1 << 16)))
        writer.close()

    serve(tmp_path, scenario)


def test_a_snapshot_shows_what_works_in_full(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        runner = await furnished(path)
        shown = await PaperRead(runner).account("main")
        assert shown.positions == {"AAPL": Decimal(10)}
        low, stop = (w for w in shown.working if w.instrument == "AAPL")
        assert (low.client_id, low.venue_order, low.side, low.type, low.remaining) == (
            "low", "low", Side.BUY, OrderType.LIMIT, Decimal(5),
        )  # fmt: skip
        assert (low.reduce_only, low.purpose, low.trader, low.strategy, low.limit_price) == (
            False, Purpose.ENTRY, "one", "s", Decimal(90),
        )  # fmt: skip
        assert (stop.reduce_only, stop.purpose, stop.stop_price, stop.signed) == (
            True, Purpose.PROTECTIVE, Decimal(80), Decimal(-10),
        )  # fmt: skip
        await runner.close()

    serve(tmp_path, scenario)


@pytest.mark.parametrize(
    ("instruments", "left"),
    [(None, []), (["IBM"], ["low", "stop"]), (["AAPL"], ["ibm"]), ([], ["ibm", "low", "stop"])],
)
def test_a_bulk_cancel_takes_exactly_its_scope(
    tmp_path: Path, instruments: list[str] | None, left: list[str]
) -> None:
    async def scenario(path: Path) -> None:
        runner, guard = await furnished(path), await session(path, "guard")
        PaperReduce(guard).cancel_all("main", instruments, 0)
        reports, unknown, refused = await guard.settle(5)
        assert (unknown, refused) == ([], [])
        read = PaperRead(guard)
        assert len(reports) == 3 - len(left)
        assert [w.client_id for w in (await read.account("main")).working] == left
        assert [w.client_id for w in (await read.account("other")).working] == ["theirs"]
        await runner.close()
        await guard.close()

    serve(tmp_path, scenario)


def test_inv_6_a_guard_reduces_and_reads_and_nothing_else(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        runner, guard = await furnished(path), await session(path, "guard")
        before = await PaperRead(runner).account("main")
        entry = order("BUY", 5, name="entry").to_body()
        refused: list[tuple[str, dict[str, Any]]] = [
            ("place", {"order": entry}),
            ("place", {"order": {**entry, "reduce_only": "yes"}}),
            ("place", {"order": [entry]}),
            ("bar", {"bar": bar(1, 2).to_list()}),
            ("replace", {"instrument": "AAPL", "client_id": "low", "quantity": "50"}),
            ("close_all", {"account": "main", "id": "x", "time_ns": 0}),
            ("account", {"account": "new", "currency": "USD", "balance": "1"}),
            ("instruments", {"instruments": []}),
            ("hello", {"role": "runner"}),
            ("hello", {"role": "king"}),
            ("hello", {"role": []}),
            (cast("Any", ["place"]), {}),
        ]
        for operation, fields in refused:
            with pytest.raises(TradedeckError):
                await guard.request(operation, **fields)
        assert await PaperRead(runner).account("main") == before

        reduce, read = PaperReduce(guard), PaperRead(guard)
        reduce.withdraw("main", before.working[0], 0)
        reduce.reduce(order("SELL", 50, name="close", reduce_only=True, purpose=Purpose.CLOSE))
        reports, unknown, said_no = await guard.settle(5)
        assert (unknown, said_no) == ([], [])
        assert (await read.account("main")).positions == {}
        assert (await read.lookup("close"))[0]
        assert [r.seq for r in reports] == [r.seq for r in await read.since(before.seq)]
        await runner.close()
        await guard.close()

    serve(tmp_path, scenario)


def test_who_has_not_said_what_he_is_is_answered_nothing(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        runner = await furnished(path)
        for role in ("king", None):
            with pytest.raises(TradedeckError):
                await session(path, cast("Any", role))
        stranger = ExchangeClient(path, "guard", lambda _reports: None, lambda: None)
        await stranger.connect()
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(pack(cast("Any", {"op": "snapshot", "re": 1, "account": "main"})))
        assert b"says hello" in await asyncio.wait_for(reader.read(4096), 60)
        writer.close()
        await stranger.close()
        await runner.close()

    serve(tmp_path, scenario)


def test_a_dead_man_timer_is_the_guards_to_renew_and_what_it_cancels_the_runner_hears(
    tmp_path: Path,
) -> None:
    clock = ManualClock(1)
    pushed: list[Any] = []

    async def body() -> None:
        journal = Journal(tmp_path / "paper.db", clock.now_ns)
        core = ExchangeCore(journal, clock.monotonic_ns)
        path = tmp_path / "exchange.sock"
        serving = server.ExchangeServer(core, path, lambda _head: None, clock.now_ns, pytest.fail)
        await serving.start()
        watching = asyncio.create_task(serving.watch())
        try:
            runner = ExchangeClient(path, "runner", pushed.extend, lambda: None)
            await runner.connect()
            timer: dict[str, Any] = {"account": "main", "dead_man_timer": True}
            await runner.request("account", currency="USD", balance="10000", **timer)
            await runner.request("bar", bar=bar(100).to_list())
            low = order("BUY", 5, type="LIMIT", limit=90, name="low", trader="one")
            await runner.request("place", order=low.to_body())
            with pytest.raises(TradedeckError, match="may not arm_dead_man"):
                await runner.request("arm_dead_man", account="main", seconds=5)
            guard = await session(path, "guard")
            await guard.request("arm_dead_man", account="main", seconds=5)
            clock.advance(5 * NS_PER_S)
            while not pushed:  # noqa: ASYNC110 - the other end of a socket says it
                await asyncio.sleep(0.01)
            await guard.close()
            await runner.close()
        finally:
            watching.cancel()
            await serving.stop()
            journal.close()

    asyncio.run(asyncio.wait_for(body(), 60))
    assert [(report.client_id, report.kind.value) for report in pushed] == [("low", "cancelled")]


def test_a_timer_that_breaks_stops_the_exchange_like_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory may be ahead of the journal: the process starts anew rather than guess."""

    def broken(_core: ExchangeCore, _now_ns: int) -> list[Any]:
        raise RuntimeError("broken")

    monkeypatch.setattr(ExchangeCore, "fire", broken)

    async def body() -> None:
        clock, faults = ManualClock(), asyncio.Queue[Exception]()
        journal = Journal(tmp_path / "paper.db", clock.now_ns)
        core = ExchangeCore(journal, clock.monotonic_ns)
        serving = server.ExchangeServer(
            core, tmp_path / "s", lambda _head: None, clock.now_ns, faults.put_nowait
        )
        await asyncio.wait_for(serving.watch(), 20)
        assert str(faults.get_nowait()) == "broken"
        journal.close()

    asyncio.run(body())
