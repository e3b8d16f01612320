"""A whole api in this event loop, with journals in memory on the other end of its bus.

The server, the sockets, the store and the loops are the real ones; only NATS, the runner and the
exchange are played. Restarting means closing everything and opening it again on the same home.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.api.keys import HOOKS
from tradedeck.adapters.bus.memory import MemoryBus, MemoryHub
from tradedeck.adapters.bus.types import Message
from tradedeck.api.context import Context
from tradedeck.api.server import serve
from tradedeck.api.wiring import open_context
from tradedeck.identity import people, people_store, service
from tradedeck.identity.types import MAIN, Issued, Method, Role
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.settings import Settings
from tradedeck.store.sessions import WriteSession
from tradedeck.testkit.journals import MemoryJournal

READY_S = 10.0


@dataclass(slots=True)
class Wire:
    """The bus and what is played on it."""

    hub: MemoryHub = field(default_factory=MemoryHub)
    journals: dict[str, MemoryJournal] = field(default_factory=dict[str, MemoryJournal])
    bus: MemoryBus = field(init=False)
    tamper: Any = None  # changes replies before they are sent

    def __post_init__(self) -> None:
        self.bus = self.hub.connect()

    async def play(self, journal: MemoryJournal) -> None:
        """Answer for a journal; another one of the same source takes its place."""
        fresh = journal.source not in self.journals
        self.journals[journal.source] = journal
        if fresh:
            await self.bus.serve(f"journal.{journal.source}", self._answer)

    async def _answer(self, message: Message) -> Any:
        source = message.subject.rpartition(".")[2]
        reply = self.journals[source].answer(message.json())
        return reply if self.tamper is None else self.tamper(reply)

    async def hint(self, source: str = "local") -> None:
        """What a runner says after a commit."""
        journal = self.journals[source]
        await self.bus.publish(f"hint.{source}", {"epoch": journal.epoch, "head": journal.head})


@dataclass(slots=True)
class Deck:
    """A running api."""

    context: Context
    url: str
    token: str

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """A client with a bearer token; an empty one is anonymous."""
        secret = self.token if token is None else token
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        return httpx.AsyncClient(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=20.0, event_hooks=HOOKS
        )

    async def settled(self, head: int, seconds: float = 60.0) -> None:
        """Wait until the event stream has reached `head`."""
        async with asyncio.timeout(seconds):
            while self.context.live.hub.head < head:  # noqa: ASYNC110 - the hub offers no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    home: Path, wire: Wire, *, role: Role = Role.ADMIN, **settings: Any
) -> AsyncGenerator[Deck]:
    """An api on a free port of loopback, until the block ends."""
    given = Settings.model_validate({"home": home, "port": 0, **settings})
    bus, before = wire.hub.connect(), list(wire.hub.services)
    async with open_context(given, bus) as context:
        stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(context, stop, ready=port.set_result))
        try:
            async with asyncio.timeout(READY_S):
                await asyncio.wait([task, port], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            yield Deck(context, f"http://127.0.0.1:{port.result()}", await token(context, role))
        finally:
            stop.set()
            await task
            wire.hub.services[:] = before
            await bus.close()


async def stepped_up(context: Context, role: Role = Role.ADMIN) -> str:
    """A session just opened with a second factor, to be sent as a bearer."""
    now = context.clock.now_ns()

    def work(write: WriteSession) -> Issued:
        name = f"person-{role}"
        row = people_store.user_named(write, MAIN, name) or people.create(
            write, tenant=MAIN, name=name, role=role, who=service.HOST, now_ns=now
        )
        visit = service.Visit("127.0.0.1", "test", 3_600 * NS_PER_S)
        return service.add_session(
            write, row, method=Method.PASSKEY, mfa=True, visit=visit, now_ns=now
        )

    return (await context.store.write(work)).secret


async def token(context: Context, role: Role) -> str:
    """A bearer token of a role."""
    now = context.clock.now_ns()
    issued = await context.store.write(
        lambda w: service.create_token(
            w, name=f"test-{role}", role=role, days=1.0, who=service.HOST, now_ns=now
        )
    )
    return issued.secret
