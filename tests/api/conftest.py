"""A real server on loopback with played journals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.api.deck import Deck, Wire
from tradedeck.testkit.journals import MemoryJournal


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "h"


@pytest.fixture
def play(journal: MemoryJournal) -> Callable[[Callable[[Wire], Coroutine[Any, Any, None]]], None]:
    """Run a scenario in a fresh event loop, with the journal on the wire."""

    def run(scenario: Callable[[Wire], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            wire = Wire()
            await wire.play(journal)
            await asyncio.wait_for(scenario(wire), 60)

        asyncio.run(whole())

    return run


class Reader:
    """Reads frames of an event stream."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines

    async def frame(self, seconds: float = 60.0) -> tuple[str | None, str, Any]:
        """The next frame: id, event, data."""
        found: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if not line:
                    if "data" in found:
                        data = orjson.loads(found["data"])
                        return found.get("id"), found.get("event", "message"), data
                    found = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    found[name] = value
        raise EOFError

    async def events(self, upto: int, seconds: float = 60.0) -> list[int]:
        """Sequences of facts until `upto` came."""
        seen: list[int] = []
        while not seen or seen[-1] < upto:
            name, _, _ = await self.frame(seconds)
            if name is not None:
                seen.append(int(name))
        return seen


@pytest.fixture
def stream() -> Any:
    """Opens an event stream and gives its reader."""

    @asynccontextmanager
    async def opened(
        deck: Deck, *, after: int | None = None, token: str | None = None
    ) -> AsyncGenerator[Reader]:
        headers = {} if after is None else {"last-event-id": str(after)}
        async with (
            deck.client(token) as client,
            client.stream("GET", "/events", headers=headers) as response,
        ):
            assert response.status_code == 200
            yield Reader(response.aiter_lines())

    return opened
