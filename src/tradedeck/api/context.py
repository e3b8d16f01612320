"""What every handler and loop of the api is given; made once, in `wiring`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from tradedeck.adapters.bus.types import Bus
from tradedeck.api.decided import Kills
from tradedeck.api.library import Library
from tradedeck.api.limits import Limits
from tradedeck.api.live import Live
from tradedeck.api.recorder import Recorder
from tradedeck.api.trail import Trail
from tradedeck.audit.types import Act, Record
from tradedeck.desired.types import Version
from tradedeck.identity.authenticate import Authenticator
from tradedeck.identity.passwords import Passwords
from tradedeck.identity.sealing import Sealer
from tradedeck.kernel.clock import Clock
from tradedeck.kernel.signing import SigningKey
from tradedeck.settings import Settings
from tradedeck.store.database import Store


@dataclass(slots=True)
class Context:
    """The api's parts.

    `closing` is set when the process stops: streams end on it. `hot` holds, by path, bodies of
    GETs that `front` answers from memory to whoever may read; a route of the same path declares
    them. It must never wait; None leaves it to the route. `desired` is the version in force,
    `trail` the audit log over the store, `sealer` holds the key of what people's factors need,
    `kills` the decisions to stop of late, `limits` how often somebody may ask.
    """

    settings: Settings
    clock: Clock
    store: Store
    authenticator: Authenticator
    key: SigningKey
    bus: Bus
    library: Library
    desired: Version
    trail: Trail
    passwords: Passwords
    sealer: Sealer
    kills: Kills = field(default_factory=Kills)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    hot: dict[str, Callable[[], bytes | None]] = field(default_factory=dict)
    live: Live = field(default_factory=Live)
    recorder: Recorder = field(init=False)
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.store, self.clock)
        self.limits = Limits(self.settings, self.store, self.clock)

    async def audit(self, act: Act) -> Record:
        """Record an act, committed when this returns; raises where it could not be recorded."""
        return await self.recorder.record(act)


def context_of(connection: HTTPConnection) -> Context:
    """The context of a request or socket, outside of dependency injection."""
    return connection.app.state.context


async def _inject(connection: HTTPConnection) -> Context:
    # async, although it awaits nothing: FastAPI runs plain functions on a thread.
    return connection.app.state.context


Ctx = Annotated[Context, Depends(_inject)]
