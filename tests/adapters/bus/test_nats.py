"""The bus against a real server: promises, refusals, deaths."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.aio.client import Client

from tests.adapters.bus.conftest import Server
from tradedeck.adapters.bus.nats import Address, NatsBus, home_address
from tradedeck.adapters.bus.types import BusState, Message
from tradedeck.authority.envelope import Verifier, seal
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey

SECOND = 1_000_000_000


def run(server: Server, body: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await server.listening()
        await body()

    asyncio.run(asyncio.wait_for(whole(), 60))


async def bus(server: Server, user: str) -> NatsBus:
    made = NatsBus.of_home(server.home, user)
    await made.start(wait_s=5)
    return made


async def until(check: Callable[[], bool], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < end, f"waited {timeout_s:g} s for what never happened"
        await asyncio.sleep(0.01)


async def raw(server: Server, user: str) -> Client:
    """A client without our manners, as an intruder with that user's password would have."""
    address = home_address(server.home, user)
    client = Client()

    async def quiet(_: Exception) -> None:
        return

    await client.connect(
        address.url,
        user=address.user,
        password=address.password,
        inbox_prefix=f"_INBOX.{user}",
        error_cb=quiet,
    )
    return client


def test_request_and_answer(server: Server) -> None:
    async def body() -> None:
        api, runner = await bus(server, "api"), await bus(server, "runner")

        async def journal(message: Message) -> Any:
            return {"after": message.json()["after"], "head": 7}

        await runner.serve("journal.local", journal)
        await asyncio.sleep(0.05)
        assert await api.request("journal.local", {"after": 3}) == {"after": 3, "head": 7}
        await api.close()
        await runner.close()
        assert api.state is BusState.CLOSED

    run(server, body)


def test_refusals_travel_with_their_code(server: Server) -> None:
    async def body() -> None:
        api, runner = await bus(server, "api"), await bus(server, "runner")

        async def refuse(message: Message) -> Any:
            if message.json() == "known":
                raise TradedeckError(Code.CONFLICT, "No.", hint="Ask again.")
            raise RuntimeError("inner secret")

        reported: list[str] = []
        runner.on_error(lambda code, _: reported.append(code))
        await runner.serve("cmd.local", refuse)
        await asyncio.sleep(0.05)
        with pytest.raises(TradedeckError) as known:
            await api.request("cmd.local", "known")
        assert (known.value.code, known.value.hint) == (Code.CONFLICT, "Ask again.")
        with pytest.raises(TradedeckError) as unknown:
            await api.request("cmd.local", "other")
        assert unknown.value.code is Code.INTERNAL
        assert "secret" not in str(unknown.value)
        assert "HANDLER_FAILED" in reported
        await api.close()
        await runner.close()

    run(server, body)


def test_timeouts_and_absence_are_told_apart(server: Server) -> None:
    async def body() -> None:
        api, runner = await bus(server, "api"), await bus(server, "runner")
        with pytest.raises(TradedeckError) as absent:
            await api.request("journal.local", {})
        assert absent.value.code is Code.UNAVAILABLE

        async def slow(_: Message) -> Any:
            await asyncio.sleep(1)

        await runner.serve("journal.local", slow)
        await asyncio.sleep(0.05)
        with pytest.raises(TradedeckError) as late:
            await api.request("journal.local", {}, timeout_s=0.1)
        assert late.value.code is Code.TIMEOUT
        with pytest.raises(TradedeckError) as large:
            await api.request("journal.local", "x" * 1_000_001)
        assert large.value.code is Code.TOO_LARGE
        await api.close()
        await runner.close()

    run(server, body)


def test_concurrency_is_bounded_and_one_keeps_order(server: Server) -> None:
    async def body() -> None:
        api, runner = await bus(server, "api"), await bus(server, "runner")
        now, most, order = 0, 0, []

        async def count(message: Message) -> Any:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.02)
            now -= 1
            return message.json()

        async def ordered(message: Message) -> None:
            await asyncio.sleep(0.01 if message.json() % 2 else 0)
            order.append(message.json())

        await runner.serve("journal.local", count, concurrency=3)
        await runner.serve("desired.hint.local", ordered, concurrency=1)
        await asyncio.sleep(0.05)
        answers = await asyncio.gather(*[api.request("journal.local", n) for n in range(20)])
        assert answers == list(range(20))
        assert most == 3
        for number in range(20):
            assert await api.publish("desired.hint.local", number)
        await until(lambda: len(order) == 20)
        assert order == list(range(20))
        await api.close()
        await runner.close()

    run(server, body)


@pytest.mark.parametrize(
    ("user", "publish", "subscribe"),
    [
        ("runner", "cmd.local", "cmd.other"),
        ("runner", "journal.local", "hint.paper"),
        ("runner", "telemetry.other", "telemetry.*"),
        ("exchange", "desired.get", "cmd.local"),
        ("exchange", "hint.local", "_INBOX.api.>"),
        ("worker", "cmd.local", "desired.get"),
        ("worker", "desired.propose", ">"),
        ("api", "hint.local", "cmd.local"),
        ("api", "telemetry.local", "_INBOX.runner.>"),
    ],
)
def test_denied_subjects_stay_denied(
    server: Server, user: str, publish: str, subscribe: str
) -> None:
    async def body() -> None:
        denials: list[str] = []
        seen: list[Message] = []
        intruder = await bus(server, user)
        intruder.on_error(lambda _, detail: denials.append(detail.lower()))
        listener = await bus(server, "api" if user != "api" else "runner")

        async def keep(message: Message) -> None:
            seen.append(message)

        await intruder.serve(subscribe, keep)
        await intruder.publish(publish, {"forged": True})
        await until(lambda: len([d for d in denials if "permissions violation" in d]) >= 2)
        assert any(f'publish to "{publish}"' in d for d in denials)
        assert any(f'subscription to "{subscribe.lower()}"' in d for d in denials)
        assert not seen
        await intruder.close()
        await listener.close()

    run(server, body)


def test_a_wrong_password_is_kept_out_and_tried_again(server: Server) -> None:
    async def body() -> None:
        right = home_address(server.home, "api")
        password = ["wrong"]
        made = NatsBus(lambda: Address(right.url, "api", password[0]), name="api")
        with pytest.raises(TradedeckError) as kept_out:
            await made.start(wait_s=0.5)
        assert kept_out.value.code is Code.UNAVAILABLE
        password[0] = right.password
        await made.start(wait_s=5)
        assert made.state is BusState.CONNECTED
        await made.close()

    run(server, body)


def test_reconnects_after_kill_on_the_same_port(server: Server) -> None:
    async def body() -> None:
        api, runner = await bus(server, "api"), await bus(server, "runner")
        states: list[BusState] = []
        api.on_state(states.append)

        async def journal(_: Message) -> Any:
            return "here"

        await runner.serve("journal.local", journal)
        for _ in range(5):
            server.kill()
            await until(lambda: api.state is not BusState.CONNECTED)
            assert await api.publish("jobs.hint", {}) is False
            with pytest.raises(TradedeckError) as down:
                await api.request("journal.local", {})
            assert down.value.code is Code.UNAVAILABLE
            server.start()
            await until(lambda: {api.state, runner.state} == {BusState.CONNECTED})
            await asyncio.sleep(0.05)
            assert await api.request("journal.local", {}) == "here"
        assert states == [BusState.DISCONNECTED, BusState.CONNECTED] * 5
        await api.close()
        await runner.close()

    run(server, body)


def test_a_request_in_flight_ends_with_the_connection(server: Server) -> None:
    async def body() -> None:
        api, runner = await bus(server, "api"), await bus(server, "runner")

        async def never(_: Message) -> Any:
            await asyncio.sleep(30)

        await runner.serve("journal.local", never)
        await asyncio.sleep(0.05)
        asked = asyncio.create_task(api.request("journal.local", {}, timeout_s=60))
        await asyncio.sleep(0.1)
        server.kill()
        started = time.monotonic()
        with pytest.raises(TradedeckError) as lost:
            await asked
        assert lost.value.code is Code.UNAVAILABLE
        assert time.monotonic() - started < 2
        await api.close()
        await runner.close()

    run(server, body)


def test_a_frozen_server_is_noticed_and_outlived(server: Server) -> None:
    async def body() -> None:
        api = await bus(server, "api")
        server.kill(signal.SIGSTOP)
        started = time.monotonic()
        await until(lambda: api.state is not BusState.CONNECTED, 6)
        assert time.monotonic() - started < 5
        server.kill(signal.SIGCONT)
        await until(lambda: api.state is BusState.CONNECTED, 8)
        await api.close()

    run(server, body)


def test_ctl_17_a_reply_address_reaches_a_forbidden_subject_and_signatures_are_the_guard(
    server: Server,
) -> None:
    """The server lets it through (no setting prevents that); the consumer must not act on it."""

    async def body() -> None:
        key, intruder_key = SigningKey.generate(), SigningKey.generate()
        verifier = Verifier(key.verify_key(), "local")
        now = time.time_ns()
        acted: list[str] = []
        refused: list[Code] = []
        reported: list[str] = []
        api, runner = await bus(server, "api"), await bus(server, "runner")
        runner.on_error(lambda code, _: reported.append(code))

        async def command(message: Message) -> Any:
            try:
                opened = verifier.open(message.data, kind="command", now_ns=time.time_ns())
            except TradedeckError as error:
                refused.append(error.code)
                return None
            acted.append(opened.id)
            return {"accepted": True}

        await runner.serve("cmd.local", command)
        await asyncio.sleep(0.05)
        intruder = await raw(server, "worker")
        # 1. A plain publish is denied. 2. With nobody there to answer nothing arrives either.
        # 3. A responder without our manners answers there with the intruder's bytes.
        forged = seal(
            intruder_key, kind="command", target="local", body={}, now_ns=now, ttl_ns=SECOND * 60
        )
        await intruder.publish("cmd.local", forged)
        await intruder.publish("jobs.done", forged, reply="cmd.local")
        await asyncio.sleep(0.2)
        assert not refused
        assert not acted

        naive = await raw(server, "api")

        async def echo(message: Any) -> None:
            await message.respond(message.data)

        await naive.subscribe("jobs.claim", cb=echo)
        await naive.flush()
        await intruder.publish("jobs.claim", forged, reply="cmd.local")
        await until(lambda: bool(refused))
        assert refused == [Code.BAD_SIGNATURE]
        assert not acted

        # Our own server side refuses to answer anywhere but an inbox.
        async def ours(_: Message) -> Any:
            return forged

        api.on_error(lambda code, _: reported.append(code))
        await api.serve("jobs.progress", ours)
        await asyncio.sleep(0.05)
        await intruder.publish("jobs.progress", b"{}", reply="cmd.local")
        await until(lambda: "REPLY_REFUSED" in reported)
        assert len(refused) == 1

        real = seal(key, kind="command", target="local", body={}, now_ns=now, ttl_ns=SECOND * 60)
        assert await api.request("cmd.local", real) == {"accepted": True}
        assert len(acted) == 1
        for client in (intruder, naive):
            await client.close()
        await api.close()
        await runner.close()

    run(server, body)


def test_ctl_14_a_process_that_wakes_from_a_pause_is_heard_again(server: Server) -> None:
    """Given up by the server while it was frozen, it finds a dead line full of what it had to say.

    nats-py stumbles over that in the midst of closing, and never tells that it has closed.
    """
    config = server.home / "run" / "nats.conf"
    assert 'ping_interval: "5s"' in config.read_text()
    config.write_text(config.read_text().replace('ping_interval: "5s"', 'ping_interval: "100ms"'))
    server.kill()
    server.start()

    async def body() -> None:
        api, runner = await bus(server, "api"), await bus(server, "runner")

        async def journal(_: Message) -> Any:
            return "here"

        await runner.serve("journal.local", journal)
        states: list[BusState] = []
        runner.on_state(states.append)

        async def talk() -> None:
            while True:
                await runner.publish("hint.local", {"text": "x" * 2000})
                await asyncio.sleep(0)

        talking = asyncio.create_task(talk())
        for _ in range(3):
            await asyncio.sleep(0.1)
            time.sleep(1)  # noqa: ASYNC251 - the whole process stands still
        talking.cancel()

        async def heard() -> bool:
            try:
                return await api.request("journal.local", {}, timeout_s=1) == "here"
            except TradedeckError:
                return False

        async with asyncio.timeout(60):
            while not await heard():  # noqa: ASYNC110 - another process's state offers no event
                await asyncio.sleep(0.05)
        assert BusState.DISCONNECTED in states
        await api.close()
        await runner.close()

    run(server, body)
