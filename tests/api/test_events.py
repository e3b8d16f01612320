"""The event stream over real sockets: resume, restart, slow readers, revocation, shutdown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
import websockets

from tests.api.deck import Wire, running
from tradedeck.api.hub import ALL, FRAMES_WAITING_MAX, SLOW, Channel, Chunk, Hub, frame_of
from tradedeck.api.stream import CLOSE_CODES
from tradedeck.identity import service
from tradedeck.projections.types import Event
from tradedeck.testkit.journals import MemoryJournal, TradingDay


def grow(journal: MemoryJournal, count: int) -> None:
    for number in range(count):
        journal.append("cycle", {"n": number})


def test_events_arrive_as_they_are_committed(play: Any, home: Path, journal: Any, stream: Any):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, stream(deck) as reader:
            assert await reader.frame() == (None, "hello", {"head": 0})
            journal.append("halt.set", {"scope": "all", "level": "pause", "reason": "r", "by": "b"})
            await wire.hint()
            name, kind, data = await reader.frame()
            assert (name, kind, data["seq"], data["source"]) == ("1", "halt.set", 1, "local")
            assert data["body"]["level"] == "pause"

    play(scenario)


def test_resume_without_a_gap_across_an_api_restart(
    play: Any, home: Path, journal: MemoryJournal, stream: Any
):
    async def scenario(wire: Wire) -> None:
        grow(journal, 700)
        seen: list[int] = []
        async with running(home, wire) as deck, stream(deck, after=0) as reader:
            seen += await reader.events(350)
        grow(journal, 900)  # while the api is down
        async with running(home, wire) as deck, stream(deck, after=seen[-1]) as reader:
            seen += await reader.events(1600)
            grow(journal, 50)
            await wire.hint()
            seen += await reader.events(1650)
        assert seen == list(range(1, 1651))

    play(scenario)


def test_history_and_live_events_meet_without_a_seam(
    play: Any, home: Path, journal: MemoryJournal, stream: Any
):
    """Many readers resume from many places while events keep coming."""

    async def scenario(wire: Wire) -> None:
        grow(journal, 300)
        async with running(home, wire) as deck:
            await deck.settled(300)

            async def write() -> None:
                for _ in range(60):
                    grow(journal, 5)
                    await wire.hint()
                    await asyncio.sleep(0.005)

            async def read(after: int) -> None:
                async with stream(deck, after=after) as reader:
                    assert await reader.events(600) == list(range(after + 1, 601))

            await asyncio.gather(write(), *(read(n * 37 % 300) for n in range(12)))

    play(scenario)


def test_a_reader_from_another_store_is_told_of_the_gap(
    play: Any, home: Path, journal: MemoryJournal, stream: Any
):
    async def scenario(wire: Wire) -> None:
        grow(journal, 10)
        async with running(home, wire) as deck:
            await deck.settled(10)
            async with stream(deck, after=99_999) as reader:
                assert (await reader.frame())[1] == "hello"
                _, kind, data = await reader.frame()
                assert (kind, data) == ("gap", {"from": 1, "to": 0, "reset": True})
                assert await reader.events(10) == list(range(1, 11))

    play(scenario)


def test_pruned_history_is_a_gap(play: Any, home: Path, journal: MemoryJournal, stream: Any):
    from tradedeck.projections import tables as t

    async def scenario(wire: Wire) -> None:
        grow(journal, 30)
        async with running(home, wire) as deck:
            await deck.settled(30)
            await deck.context.store.write(
                lambda w: w.execute(t.entries.delete().where(t.entries.c.id <= 12))
            )
            async with stream(deck, after=5) as reader:
                await reader.frame()
                _, kind, data = await reader.frame()
                assert (kind, data) == ("gap", {"from": 6, "to": 12})
                assert await reader.events(30) == list(range(13, 31))

    play(scenario)


@pytest.mark.parametrize("resumed", [False, True])
def test_ctl_3_a_stream_ends_within_5_s_of_its_credential(
    play: Any, home: Path, journal: MemoryJournal, stream: Any, resumed: bool
):
    async def scenario(wire: Wire) -> None:
        grow(journal, 1)
        async with running(home, wire) as deck:
            await deck.settled(1)
            async with stream(deck, after=0 if resumed else None) as reader:
                await reader.frame()
                actor = await deck.context.authenticator.verify(deck.token, _via(deck.token), "")
                assert actor is not None
                now = deck.context.clock.now_ns()
                await deck.context.store.write(
                    lambda w: service.revoke_token(
                        w, actor.credential, tenant="main", who=service.HOST, now_ns=now
                    )
                )
                async with asyncio.timeout(60):
                    kind, data = "", {}
                    while kind != "closed":
                        _, kind, data = await reader.frame()
                assert data == {"reason": "REVOKED"}

    play(scenario)


def _via(_: str) -> Any:
    from tradedeck.identity.types import Via

    return Via.TOKEN


def test_streams_close_at_shutdown_with_a_reason(play: Any, home: Path, stream: Any):
    async def scenario(wire: Wire) -> None:
        frames: list[Any] = []
        async with running(home, wire) as deck:
            opened = stream(deck)
            reader = await opened.__aenter__()
            await reader.frame()
            task = asyncio.create_task(reader.frame())
            await asyncio.sleep(0.05)
        frames.append(await task)
        await opened.__aexit__(None, None, None)
        assert frames[0][1:] == ("closed", {"reason": "SHUTDOWN"})

    play(scenario)


def test_a_slow_reader_is_let_go_and_nobody_else_notices(
    play: Any, home: Path, journal: MemoryJournal, stream: Any
):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, stream(deck) as fast:
            await fast.frame()
            reader, writer = await asyncio.open_connection(*_address(deck.url))
            writer.write(
                b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
                + deck.token.encode()
                + b"\r\n\r\n"
            )
            await reader.readuntil(b"event: hello")
            assert deck.context.live.hub.subscribers == 2
            body = {"text": "x" * 4_000}  # and now it reads no more
            everything = asyncio.create_task(fast.events(3_000))
            for _ in range(30):
                for _ in range(100):
                    journal.append("cycle", body)
                await wire.hint()
                await deck.settled(journal.head)
                await asyncio.sleep(0.02)
            assert await everything == list(range(1, 3_001))
            assert deck.context.live.hub.slow == 1
            assert deck.context.live.hub.subscribers == 1
            writer.transport.abort()

    play(scenario)


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def test_hub_lets_a_full_queue_go_and_keeps_the_rest():
    async def scenario() -> None:
        hub = Hub()
        slow, other = hub.subscribe(ALL), hub.subscribe(Channel.ALERTS)
        for number in range(FRAMES_WAITING_MAX + 2):
            hub.publish([_event(number + 1, "cycle")])
            if number % 500 == 0:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        assert slow.closed == SLOW
        assert (await slow.take()) == ([], None)
        assert other.closed is None
        assert (hub.slow, hub.subscribers, SLOW in CLOSE_CODES) == (1, 1, True)

    asyncio.run(scenario())


def test_telemetry_is_coalesced_and_has_no_id():
    async def scenario() -> None:
        hub = Hub()
        reader, orders = hub.subscribe(), hub.subscribe(Channel.ORDERS)
        for number in range(5):
            hub.telemetry({"n": number})
        _, telemetry = await reader.take()
        assert telemetry == b'event: telemetry\ndata: {"n":4}\n\n'
        orders.nudge()
        assert (await orders.take()) == ([], None)

    asyncio.run(scenario())


def test_a_body_cannot_break_out_of_its_frame():
    frame = frame_of(_event(7, "cycle", '{"a":\n\n"b"}'))
    assert frame.sse == (
        b'id: 7\nevent: cycle\ndata: {"seq":7,"at":"1970-01-01T00:00:00Z","source":"local",'
        b'"kind":"cycle","body":{"a":"b"}}\n\n'
    )
    assert Chunk([frame]).sse == frame.sse


def _event(seq: int, kind: str, body: str = "{}") -> Event:
    return Event(seq, "local", "e", seq, 0, kind, body)


def test_sockets_carry_their_channel_and_resume(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        day = TradingDay(journal)
        day.start()
        day.trade("BUY", "10", "15.00")
        day.equity("100000")
        async with running(home, wire) as deck:
            await deck.settled(journal.head)
            base = deck.url.replace("http", "ws") + "/api/v1/ws/"
            headers = {"authorization": f"Bearer {deck.token}"}
            async with websockets.connect(f"{base}orders?after=0", additional_headers=headers) as s:
                kinds = [orjson.loads(await s.recv())["kind"] for _ in range(3)]
                assert kinds == ["order.intent", "order.accepted", "order.filled"]
                day.equity("100001")
                day.order("SELL", "1", status="DENIED")
                await wire.hint()
                event = orjson.loads(await asyncio.wait_for(s.recv(), 60))
                assert (event["kind"], event["seq"]) == ("order.denied", journal.head)
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with websockets.connect(f"{base}orders"):
                    pass
            assert refused.value.response.status_code == 401

    play(scenario)
