"""The exchange as a process: sessions, crashes, and requests that make no sense."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest

from tests.program import PROGRAM
from tests.runner.harness import check_chain, entries, state, until
from tradedeck.adapters.brokers.paper.client import ExchangeClient
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.trading.order import Order, OrderType, Side, TimeInForce
from tradedeck.venue.report import Report, ReportKind

pytestmark = pytest.mark.processes
SEED = 20261120


class Venue:
    """One exchange process on a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "run" / "exchange.sock"
        self.journal = home / "journals" / "paper.db"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM)}
        with (self.home / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tradedeck.exchange"],
                env=env | {"TRADEDECK_HOME": str(self.home)}, stdout=out, stderr=out,
            )  # fmt: skip
        until(self._serves, "the exchange")

    def _serves(self) -> bool:
        import socket

        with socket.socket(socket.AF_UNIX) as line:
            return line.connect_ex(str(self.socket)) == 0

    def end(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    made = Venue(tmp_path)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end()


def order(name: str, side: Side = Side.BUY, units: int = 10, **more: Any) -> dict[str, Any]:
    kind = more.pop("type", OrderType.MARKET)
    return Order(
        name, name, "main", "t", "", "AAPL", side, kind, Decimal(units), 0, **more
    ).to_body()  # fmt: skip


def bar(close: float, at: int, low: float | None = None) -> list[Any]:
    return ["AAPL", at * 60, at * 60 + 60, close, close, low or close, close, 0.0, None, None]


class Session:
    """A client with what was pushed to it."""

    def __init__(self, venue: Venue, role: str = "runner") -> None:
        self.pushed: list[Report] = []
        self.lost = asyncio.Event()
        self.heard = asyncio.Event()
        self.client = ExchangeClient(venue.socket, role, self._hear, self.lost.set)

    def _hear(self, reports: list[Report]) -> None:
        self.pushed.extend(reports)
        self.heard.set()

    async def __aenter__(self) -> Self:
        await self.client.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def open(self, **more: Any) -> dict[str, Any]:
        return await self.client.request(
            "account", account="main", currency="USD", balance="10000", **more
        )

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        return await self.client.request(op, 5, **fields)


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def test_inv_9_a_second_session_fences_the_first(venue: Venue) -> None:
    """Also what the first had sent before, and the venue had not read yet."""

    async def body() -> None:
        async with Session(venue) as first:
            await first.open(latency_ms=300)
            await first.ask("bar", bar=bar(100, 1))
            first.client.post("place", "late", order=order("late"))
            first.client.flush()
            await asyncio.sleep(0.05)
            async with Session(venue) as second:
                await asyncio.wait_for(first.lost.wait(), 60)
                with pytest.raises(TradedeckError):
                    await first.ask("bar", bar=bar(101, 2))
                await asyncio.sleep(0.5)
                assert not (await second.ask("lookup", client_id="late"))["known"]
                assert (await second.ask("snapshot", account="main"))["positions"] == {}

    run(body())


def test_inv_3_a_client_id_has_one_effect_over_restarts(venue: Venue) -> None:
    async def place() -> list[Any]:
        async with Session(venue) as session:
            await session.open()
            await session.ask("bar", bar=bar(100, 1))
            return [await session.ask("place", order=order("once")) for _ in range(2)]

    async def twice() -> None:
        first, second = await place()
        assert [r["kind"] for r in first["reports"]] == ["filled"]
        assert second["reports"] == []
        venue.end()
        venue.start()
        assert [answer["reports"] for answer in await place()] == [[], []]

    run(twice())
    assert len(entries(venue.journal, "exch.fill")) == 1


def test_eng_7_resting_orders_balance_and_positions_survive(venue: Venue) -> None:
    async def before() -> None:
        async with Session(venue) as session:
            await session.open()
            await session.ask("bar", bar=bar(100, 1))
            await session.ask("place", order=order("held"))
            resting = order("rests", type=OrderType.LIMIT, limit_price=Decimal(95))
            answer = await session.ask("place", order=resting)
            assert answer["reports"][0]["kind"] == "accepted"

    async def after() -> None:
        async with Session(venue) as session:
            kept = await session.open()
            assert kept["positions"] == {"AAPL": "10"}
            assert [order["client_id"] for order in kept["working"]] == ["rests"]
            answer = await session.ask("bar", bar=bar(96, 2, low=94))
            assert [(r["client_id"], r["price"]) for r in answer["reports"]] == [("rests", "95")]
            assert (await session.ask("snapshot", account="main"))["positions"] == {"AAPL": "20"}

    run(before())
    venue.end()
    venue.start()
    run(after())


@pytest.mark.parametrize("next_bar", [False, True])
def test_eng_7_what_was_taken_of_a_bar_stays_taken(venue: Venue, next_bar: bool) -> None:
    """A tenth of a volume of 100 is filled once, not once for every start."""

    async def take(name: str, at: int, *, priced: bool) -> list[str]:
        async with Session(venue) as session:
            await session.open(model={"volume_share_max": "0.1"})
            if priced:
                prices = bar(100, at)
                prices[7] = 100.0
                await session.ask("bar", bar=prices)
            terms: Any = {
                "type": OrderType.LIMIT,
                "limit_price": Decimal(101),
                "tif": TimeInForce.IOC,
            }
            answer = await session.ask("place", order=order(name, units=8, **terms))
            return [r["quantity"] for r in answer["reports"] if r["kind"] == "filled"]

    async def over_a_restart() -> None:
        assert await take("first", 1, priced=True) == ["8"]
        venue.end()
        venue.start()
        left = ["8"] if next_bar else ["2"]
        assert await take("second", 2, priced=next_bar) == left

    run(over_a_restart())


def test_inv_12_kill_9_between_requests_loses_nothing_answered(venue: Venue) -> None:
    dice = random.Random(SEED)
    answered: list[int] = []

    async def shoot() -> None:
        async with Session(venue) as session:
            await session.open()
            await session.ask("bar", bar=bar(100, 1))
            ready = asyncio.get_running_loop().time() + dice.uniform(0.02, 0.2)
            number = len(answered) * 1000
            while True:
                number += 1
                side = Side.BUY if number % 2 else Side.SELL
                session.client.post("place", f"o{number}", order=order(f"o{number}", side))
                if asyncio.get_running_loop().time() > ready:
                    session.client.flush()
                    venue.end()
                reports, unknown, refused = await session.client.settle(5)
                assert refused == []
                answered.extend(report.seq for report in reports)
                if unknown:
                    return

    for _ in range(5):
        run(shoot())
        venue.start()
        kept = {e.seq for e in entries(venue.journal) if e.kind == "exch.fill"}
        assert set(answered) <= kept
        check_chain(venue.journal)
    rows = state(venue.journal)
    fills = [e.body for e in entries(venue.journal, "exch.fill")]
    assert sum(Decimal(f["signed"]) for f in fills) == Decimal(
        rows["position/main/AAPL"]["quantity"]
    )
    assert len(answered) > 20


def test_latency_is_waited_and_orders_keep_their_turn(venue: Venue) -> None:
    async def body() -> None:
        async with Session(venue) as session:
            await session.open(latency_ms=200)
            await session.ask("bar", bar=bar(100, 1))
            began = time.monotonic()
            for n in range(3):
                session.client.post("place", f"l{n}", order=order(f"l{n}"))
            reports, unknown, _ = await session.client.settle(5)
            assert [r.client_id for r in reports] == ["l0", "l1", "l2"]
            assert unknown == []
            assert 0.2 <= time.monotonic() - began < 1.5

    run(body())


NONSENSE: list[dict[str, Any]] = [
    {"op": "levitate"},
    {"op": "__init__"},
    {"op": None},
    {"op": "place"},
    {"op": "place", "order": 7},
    {"op": "place", "order": order("x") | {"quantity": "NaN"}},
    {"op": "place", "order": order("y") | {"quantity": "-1e999999"}},
    {"op": "place", "order": order("z") | {"side": "UP"}},
    {"op": "bar", "bar": ["AAPL"]},
    {"op": "bar", "bar": ["AAPL", 0, 60, None, "x", [], {}, 0]},
    {"op": "account", "account": "evil", "currency": "USD", "balance": "-5"},
    {"op": "account", "account": "evil", "currency": "USD", "balance": "NaN"},
    {"op": "cancel"},
    {"op": "replace", "instrument": "AAPL", "client_id": "rests", "quantity": "NaN"},
    {"op": "cancel_all", "account": "main"},
    {"op": "cancel_all", "account": "main", "time_ns": 0, "instruments": "AAPL"},
    {"op": "cancel_all", "account": "main", "time_ns": 0, "instruments": [["AAPL"]]},
    {"op": "close_all", "account": "main"},
    {"op": "close_all", "account": "main", "id": "c", "time_ns": "soon"},
    {"op": "since", "seq": "all"},
    {"op": "lookup"},
    {"op": "instruments", "instruments": [{"symbol": "X"}]},
    {"op": "snapshot", "account": "nobody"},
]


def test_nonsense_is_answered_and_changes_nothing(venue: Venue) -> None:
    async def body() -> None:
        async with Session(venue) as session:
            await session.open()
            await session.ask("bar", bar=bar(100, 1))
            resting = order("rests", type=OrderType.LIMIT, limit_price=Decimal(95))
            await session.ask("place", order=resting)
            before = await session.ask("snapshot", account="main")
            for request in NONSENSE:
                fields = {k: v for k, v in request.items() if k != "op"}
                await refused(session, request["op"], fields)
            after = await session.ask("snapshot", account="main")
            for part in ("balance", "positions", "working"):
                assert after[part] == before[part]
            await session.ask("bar", bar=bar(100, 2))
            answer = await session.ask("place", order=order("good"))
            assert answer["reports"][0]["kind"] == "filled"
        await raw(venue, b"\xff" * 64)
        await raw(venue, b"\0\0\0\x07not json")
        await raw(venue, pack([1, 2, 3]))
        async with Session(venue, "guard") as session:
            assert (await session.ask("snapshot", account="main"))["positions"] == {"AAPL": "10"}

    run(body())
    check_chain(venue.journal)


async def refused(session: Session, op: str, fields: dict[str, Any]) -> None:
    """An error, or a report that rejects; never an effect."""
    try:
        answer = await session.ask(op, **fields)
    except TradedeckError:
        return
    assert [r["kind"] for r in answer.get("reports", ())] == ["rejected"], (op, fields, answer)


async def raw(venue: Venue, data: bytes) -> None:
    """Bytes on a line of their own, which may be closed for them."""
    reader, writer = await asyncio.open_unix_connection(str(venue.socket))
    writer.write(data)
    await writer.drain()
    writer.write_eof()
    Unpacker().feed(await asyncio.wait_for(reader.read(), 60))
    writer.close()


def test_eng_14_a_guard_cancels_and_closes_and_the_runner_hears(venue: Venue) -> None:
    async def body() -> None:
        async with Session(venue) as runner, Session(venue, "guard") as guard:
            await runner.open()
            await runner.ask("bar", bar=bar(100, 1))
            await runner.ask("place", order=order("held"))
            resting = order("rests", type=OrderType.LIMIT, limit_price=Decimal(95))
            await runner.ask("place", order=resting)
            said = await guard.ask("cancel_all", account="main", time_ns=120)
            assert [r["kind"] for r in said["reports"]] == ["cancelled"]
            close = order("close", Side.SELL, reduce_only=True)
            assert [r["kind"] for r in (await guard.ask("place", order=close))["reports"]] == [
                "filled"
            ]
            assert (await guard.ask("place", order=close))["reports"] == []  # once is enough
            assert (await runner.ask("snapshot", account="main"))["positions"] == {}
            await asyncio.wait_for(runner.heard.wait(), 60)
            assert [r.kind for r in runner.pushed] == [ReportKind.CANCELLED, ReportKind.FILLED]
            with pytest.raises(TradedeckError):  # a guard feeds no prices
                await guard.ask("bar", bar=bar(1, 3))

    run(body())
