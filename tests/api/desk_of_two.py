"""A real api on loopback, a real guard behind its bus, and people who signed in and stepped up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.api.deck import Deck, Wire, running
from tests.api.keys import HOOKS
from tradedeck.adapters.bus.types import Message
from tradedeck.authority.approval import act_of, sign
from tradedeck.authority.envelope import Verifier
from tradedeck.closing.types import Kill, KillStep
from tradedeck.guard import types as t
from tradedeck.guard.core import Core
from tradedeck.guard.notify import Notifier
from tradedeck.guard.people import Book
from tradedeck.guard.process import Guard
from tradedeck.guard.records import Records
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import SystemClock
from tradedeck.kernel.signing import SigningKey


@dataclass(slots=True)
class Desk:
    """The parts, and everybody's browser by name."""

    deck: Deck
    wire: Wire
    guard: Guard
    book: Book
    keys: dict[str, SigningKey] = field(default_factory=dict[str, SigningKey])
    browsers: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])
    secrets: dict[str, str] = field(default_factory=dict[str, str])

    async def person(self, name: str, role: str = "risk", *, step_up: bool = True) -> Browser:
        """Somebody who signs in by a link of the host, and stepped up by a code of it."""
        sock = str(self.deck.context.settings.run_path / "api.sock")
        async with httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=sock), base_url="http://host"
        ) as host:
            body = {"role": role, "name": name}
            link = (await host.post("/host/sign-in-link", json=body)).json()
            client = httpx.AsyncClient(
                base_url=f"{self.deck.url}/api/v1",
                headers={"x-tradedeck-request": "1", "origin": self.deck.url},
                event_hooks=HOOKS,
                timeout=60,
            )
            answer = await client.post("/sessions", json={"token": link["token"]})
            assert answer.status_code == 201, answer.text
            self.secrets[name] = client.cookies["tradedeck_session"]
            if step_up:
                shown = {"way": "host", "code": (await host.post("/host/step-up")).json()["code"]}
                answer = await client.post("/session/step-up", json=shown)
                assert answer.status_code == 200, answer.text
        self.browsers.append(client)
        return Browser(client, name, self)

    def halt(self, name: str = "kill_a", step: KillStep = KillStep.PAUSE) -> None:
        """Latch `all` at the guard."""
        kill = Kill(name, "all", step, False, "enough", "host", self.guard.now().wall_ns)
        self.guard.happened(t.KillAsked(kill, {}, "host"))

    async def heard(self) -> None:
        """The guard's telemetry, as it says it every second."""
        known = self.deck.context.live.telemetry
        known.pop("guard", None)
        async with asyncio.timeout(60):
            while "guard" not in known:
                await self.wire.bus.publish("telemetry.guard", self.guard.status())
                await asyncio.sleep(0.01)

    def trust(self, *names: str) -> None:
        """Have the host trust a key of each."""
        for name in names:
            self.keys[name] = SigningKey.generate()
            public = self.keys[name].verify_key().raw.hex()
            self.book.trust(name, "risk", {"kind": "ed25519", "public": public})


@dataclass(slots=True)
class Browser:
    """A person at a page."""

    client: httpx.AsyncClient
    name: str
    desk: Desk

    async def ask(self, **wish: Any) -> dict[str, Any]:
        """A request that must be taken."""
        answer = await self.client.post("/approvals", json={"reason": "calm"} | wish)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def signature(self, told: dict[str, Any]) -> dict[str, str]:
        """With this person's key."""
        return sign(self.desk.keys[self.name], self.name, act_of(told["act"])).body()

    async def approve(self, told: dict[str, Any], **change: Any) -> httpx.Response:
        """A try."""
        body = {"digest": told["digest"]} | change
        return await self.client.post(f"/approvals/{told['id']}/approve", json=body)


@asynccontextmanager
async def desk_of_two(home: Path, **settings: Any) -> AsyncGenerator[Desk]:
    """An api, and a guard with a journal of its own."""
    wire, clock = Wire(), SystemClock()
    async with running(home / "h", wire, **settings) as deck:
        journal = Journal(home / "guard.db", clock.now_ns)
        now = t.Now(clock.now_ns(), clock.monotonic_ns())
        core = Core({}, now, 0.0, lambda at: f"kill_g{at}", armed=False)
        verifier = Verifier(deck.context.key.verify_key(), "guard.local")
        book = Book(home)
        records, notifier = Records(home / "local.db"), Notifier("", "", "")
        guard = Guard(core, journal, clock, records, notifier, lambda: verifier, t.Policy(), book)

        async def take(message: Message) -> Any:
            return guard.asks.message(message.data)

        await wire.bus.serve("kill.local", take)
        desk = Desk(deck, wire, guard, book)
        try:
            yield desk
        finally:
            for browser in desk.browsers:
                await browser.aclose()
            journal.close()
