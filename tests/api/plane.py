"""The api's application in this process, without sockets, under a clock that the test moves.

Store, front, routes and the application of the host are the real ones; the runner is played.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.api.keys import HOOKS
from tradedeck.adapters.bus.memory import MemoryBus, MemoryHub
from tradedeck.adapters.bus.types import Message
from tradedeck.api import desk
from tradedeck.api.app import create_app
from tradedeck.api.context import Context
from tradedeck.api.host import create_host_app
from tradedeck.api.wiring import open_context
from tradedeck.authority.envelope import Verifier
from tradedeck.identity import service
from tradedeck.identity.passwords import Passwords
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S, ManualClock, parse_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.settings import Settings

START_NS = parse_ns("2026-11-20T14:00:00Z")
ORIGIN = "http://deck.test"


@dataclass(slots=True)
class PlayedRunner:
    """Takes commands as a runner would: verified, then kept."""

    bus: MemoryBus
    verifier: Verifier
    clock: ManualClock
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    hints: list[int] = field(default_factory=list[int])
    refuse: tuple[str, str] | None = None
    away: bool = False
    code: str = ""
    result: Any = None

    async def listen(self) -> None:
        """Serve the runner's subjects."""
        await self.bus.serve("cmd.local", self._command)
        await self.bus.serve("desired.hint.local", self._hint)

    async def _command(self, message: Message) -> Any:
        opened = self.verifier.open(message.data, kind="command", now_ns=self.clock.now_ns())
        if self.away:
            raise TradedeckError(Code.TIMEOUT, "no answer")
        self.bodies.append(opened.body)
        if self.refuse is not None:
            code, detail = self.refuse
            return {"id": opened.id, "accepted": False, "code": code, "detail": detail}
        return {
            "id": opened.id, "accepted": True, "code": self.code, "detail": "",
            "result": self.result,
        }  # fmt: skip

    async def _hint(self, message: Message) -> Any:
        self.hints.append(message.json()["generation"])


@dataclass(slots=True)
class PlayedGuard:
    """Takes kills and lifts as a guard would: verified, then kept; only its own code lifts."""

    bus: MemoryBus
    verifier: Verifier
    clock: ManualClock
    code: str = "12345678"
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    refuse: tuple[str, str] | None = None
    away: bool = False

    async def listen(self) -> None:
        """Serve the guard's one subject."""
        await self.bus.serve("kill.local", self._take)

    async def _take(self, message: Message) -> Any:
        kind = message.json()["kind"]
        body = self.verifier.open(message.data, kind=kind, now_ns=self.clock.now_ns()).body
        if self.away:
            raise TradedeckError(Code.TIMEOUT, "no answer")
        self.told.append((kind, body))
        if self.refuse is not None:
            return {"ok": False, "code": self.refuse[0], "detail": self.refuse[1]}
        if kind == "lift" and body["code"] != self.code:
            return {"ok": False, "code": "STEP_UP_REQUIRED", "detail": "the code was wrong"}
        if kind != "lift":
            return {"ok": True}
        return {"ok": True, "id": "lift_played00", "due_ns": self.clock.now_ns() + 60 * NS_PER_S}


@dataclass(slots=True)
class Plane:
    """The application and what stands around it."""

    context: Context
    clock: ManualClock
    hub: MemoryHub
    runner: PlayedRunner
    guard: PlayedGuard
    app: Any
    host: httpx.AsyncClient

    def anonymous(self, **headers: str) -> httpx.AsyncClient:
        """A client without a credential."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=ORIGIN,
            headers=headers,
            event_hooks=HOOKS,
        )

    async def client(self, role: Role = Role.ADMIN) -> httpx.AsyncClient:
        """A client with a bearer token of `role`."""
        now = self.clock.now_ns()
        issued = await self.context.store.write(
            lambda w: service.create_token(
                w, name=f"t-{role}", role=role, days=30, who=service.HOST, now_ns=now
            )
        )
        return self.anonymous(authorization=f"Bearer {issued.secret}")

    def page(self) -> httpx.AsyncClient:
        """A client without a credential that sends what our own page sends."""
        return self.anonymous(**{"x-tradedeck-request": "1", "origin": ORIGIN})

    async def browser(
        self, role: Role = Role.ADMIN, *, name: str | None = None, step_up: bool = False
    ) -> httpx.AsyncClient:
        """A client that signed in by a link, and stepped up by a code of the host."""
        body = {"role": role} | ({} if name is None else {"name": name})
        link = (await self.host.post("/host/sign-in-link", json=body)).json()
        client = self.page()
        answer = await client.post("/api/v1/sessions", json={"token": link["token"]})
        answer.raise_for_status()
        if step_up:
            shown = {"way": "host", "code": await self.code()}
            (await client.post("/api/v1/session/step-up", json=shown)).raise_for_status()
        return client

    async def code(self) -> str:
        """A step-up code, as the host prints it."""
        return str((await self.host.post("/host/step-up")).json()["code"])


@asynccontextmanager
async def plane(home: Path, **settings: Any) -> AsyncGenerator[Plane]:
    """An open control plane on `home`, until the block ends."""
    given = Settings.model_validate({"home": home, "port": 0, **settings})
    clock, hub = ManualClock(START_NS), MemoryHub()
    passwords = Passwords(memory_kib=64, rounds=1)  # the real cost is held in tests/identity
    async with open_context(given, hub.connect(), clock=clock, passwords=passwords) as context:
        await desk.serve_runner(context)
        verifier = Verifier(context.key.verify_key(), "local")
        runner = PlayedRunner(hub.connect(), verifier, clock)
        await runner.listen()
        guard = PlayedGuard(hub.connect(), Verifier(context.key.verify_key(), "guard.local"), clock)
        await guard.listen()
        transport = httpx.ASGITransport(create_host_app(context))
        host = httpx.AsyncClient(transport=transport, base_url="http://host")
        yield Plane(context, clock, hub, runner, guard, create_app(context), host)
