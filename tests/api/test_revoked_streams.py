"""CTL-3: a stream or socket of a session ends with it, whoever ended it and however."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.api.deck import Deck, Wire, running, stepped_up
from tradedeck.identity.types import Role
from tradedeck.testkit.journals import MemoryJournal, TradingDay

End = Callable[[Deck, str], Coroutine[Any, Any, None]]


async def revoked(deck: Deck, session: str) -> None:
    """By an admin, over HTTP."""
    async with deck.client() as admin:
        assert (await admin.delete(f"/sessions/{session}")).status_code == 204


async def disabled(deck: Deck, _: str) -> None:
    """With the whole account."""
    async with deck.client() as admin:
        people = (await admin.get("/people")).json()["items"]
        (olga,) = [p["id"] for p in people if p["role"] == "operator"]
        assert (await admin.post(f"/people/{olga}/disable")).status_code == 200


@pytest.mark.parametrize("end", [revoked, disabled])
def test_ctl_3_streams_and_sockets_end_with_their_session(
    play: Any, home: Path, journal: MemoryJournal, stream: Any, end: End
):
    async def scenario(wire: Wire) -> None:
        TradingDay(journal).start()
        async with running(home, wire) as deck:
            await deck.settled(journal.head)
            secret = await stepped_up(deck.context, Role.OPERATOR)
            headers = {"authorization": f"Bearer {secret}"}
            async with deck.client(secret) as client:
                session = (await client.get("/session")).json()["id"]
            base = deck.url.replace("http", "ws") + "/api/v1/ws/orders"
            origin: Any = deck.url  # as a page of this address would say it
            async with (
                stream(deck, token=secret) as reader,
                websockets.connect(base, additional_headers=headers, origin=origin) as socket,
            ):
                await reader.frame()
                await end(deck, session)
                async with asyncio.timeout(60):
                    kind, data = "", {}
                    while kind != "closed":
                        _, kind, data = await reader.frame()
                    assert data == {"reason": "REVOKED"}
                    await socket.wait_closed()
                assert socket.close_reason == "REVOKED"
            async with deck.client(secret) as client:
                assert (await client.get("/session")).status_code == 401

    play(scenario)
