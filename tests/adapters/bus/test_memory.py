"""The fake keeps the promises of the real bus."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tradedeck.adapters.bus.memory import MemoryHub, matches
from tradedeck.adapters.bus.types import BusState, Message
from tradedeck.kernel.errors import Code, TradedeckError


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("hint.*", "hint.local", True),
        ("hint.*", "hint", False),
        ("hint.*", "hint.a.b", False),
        ("_INBOX.api.>", "_INBOX.api.x.y", True),
        ("_INBOX.api.>", "_INBOX.api", False),
        ("desired.get", "desired.get", True),
        ("desired.get", "desired.propose", False),
    ],
)
def test_patterns(pattern: str, subject: str, expected: bool) -> None:
    assert matches(pattern, subject) is expected


def test_requests_refusals_and_death() -> None:
    async def body() -> None:
        hub = MemoryHub()
        api, runner = hub.connect(), hub.connect()
        states: list[BusState] = []
        api.on_state(states.append)

        async def handler(message: Message) -> Any:
            if message.json() == "bad":
                raise TradedeckError(Code.REFUSED, "No.")
            if message.json() == "slow":
                await asyncio.sleep(1)
            return {"got": message.json()}

        await runner.serve("journal.*", handler)
        assert await api.request("journal.local", 1) == {"got": 1}
        for payload, code in (("bad", Code.REFUSED), ("slow", Code.TIMEOUT)):
            with pytest.raises(TradedeckError) as caught:
                await api.request("journal.local", payload, timeout_s=0.05)
            assert caught.value.code is code
        hub.set_up(up=False)
        assert await api.publish("journal.local", 1) is False
        with pytest.raises(TradedeckError) as down:
            await api.request("journal.local", 1)
        assert down.value.code is Code.UNAVAILABLE
        hub.set_up(up=True)
        assert states == [BusState.DISCONNECTED, BusState.CONNECTED]
        await api.close()
        assert api.state is BusState.CLOSED

    asyncio.run(body())
