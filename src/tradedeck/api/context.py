"""What every handler and loop of the api is given; made once, in `wiring`."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

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
from tradedeck.identity.plans import INCLUDES, Feature
from tradedeck.identity.sealing import Sealer
from tradedeck.identity.tenants import Tenant
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import Clock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey
from tradedeck.settings import Settings
from tradedeck.store.database import ScopedStore, Store
from tradedeck.store.scope import MAIN, Door

ACTOR = "tradedeck.actor"  # in the ASGI scope

if TYPE_CHECKING:  # where none is set, its libraries are not imported
    from tradedeck.adapters.oidc.client import Provider


@dataclass(slots=True)
class Context:
    """The api's parts, for one tenant: `store` sees its rows alone, `whole` makes the others'.

    `closing` is set when the process stops: streams end on it. `hot` holds, by path, bodies of
    GETs that `front` answers from memory to whoever may read; a route of the same path declares
    them. It must never wait; None leaves it to the route. `desired` is the version in force,
    `trail` the audit log over the store, `sealer` holds the key of what people's factors need,
    `provider` is where people may sign in too,
    `kills` the decisions to stop of late, `limits` how often somebody may ask.
    """

    settings: Settings
    clock: Clock
    whole: Store
    store: ScopedStore
    authenticator: Authenticator
    key: SigningKey
    bus: Bus
    library: Library
    desired: Version
    trail: Trail
    passwords: Passwords
    sealer: Sealer
    provider: Provider | None = None
    kills: Kills = field(default_factory=Kills)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    hot: dict[tuple[str, str], Callable[[], bytes | None]] = field(default_factory=dict)
    live: Live = field(default_factory=Live)
    membership: Tenant | None = None
    tenants: dict[str, Context] = field(default_factory=dict[str, "Context"])
    recorder: Recorder = field(init=False)
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.whole.beyond(Door.AUDIT), self.clock)
        self.limits = Limits(self.settings, self.whole.beyond(Door.CONTROL), self.clock)
        self.tenants[self.store.tenant] = self

    @property
    def tenant(self) -> str:
        """Whose context this is; empty for a request that nobody has signed in for."""
        return self.store.tenant

    @property
    def runner(self) -> str:
        """The runner that this tenant commands.

        Raises:
            TradedeckError: NOT_FOUND: the one runner of this version is the first tenant's.
        """
        if self.tenant != MAIN:
            raise TradedeckError(
                Code.NOT_FOUND,
                f"The tenant {self.tenant} has no runner.",
                hint="The runner of this host belongs to the tenant main.",
            )
        return self.settings.runner

    @property
    def own(self) -> Tenant:
        """The tenant as the host has it: its plan, and whether it is suspended."""
        assert self.membership is not None
        return self.membership

    def demand(self, feature: Feature) -> None:
        """Refuse what the tenant's plan does not include. FORBIDDEN."""
        if feature not in INCLUDES[self.own.plan]:
            raise TradedeckError(
                Code.FORBIDDEN,
                f"The plan {self.own.plan} does not include {feature}.",
                hint="The operator of the host changes it: `tradedeck tenant plan`.",
            )

    def host_only(self, what: str) -> None:
        """Refuse what shows the host. FORBIDDEN for a tenant whose host it is not."""
        if self.tenant != MAIN:
            raise TradedeckError(Code.FORBIDDEN, f"{what} is the host's: ask its operator.")

    def of(self, tenant: str) -> Context:
        """The same parts for another tenant. FORBIDDEN for one that is not known."""
        found = self.tenants.get(tenant)
        if found is None:
            raise TradedeckError(Code.FORBIDDEN, f"There is no tenant {tenant}.")
        return found

    def outside(self) -> Context:
        """For whoever has not signed in: nothing but accounts and their credentials."""
        made = copy.copy(self)
        made.store = self.whole.beyond(Door.IDENTITY)
        return made

    def beside(self, tenant: str, library: Library, desired: Version) -> Context:
        """A context for another tenant: what is shared, and what is its own, still empty."""
        made = copy.copy(self)
        made.store, made.library, made.desired = self.whole.of(tenant), library, desired
        made.kills, made.live = Kills(), Live()
        self.tenants[tenant] = made
        return made

    async def audit(self, act: Act) -> Record:
        """Record an act, committed when this returns; raises where it could not be recorded."""
        return await self.recorder.record(act)


def context_of(connection: HTTPConnection) -> Context:
    """The context of the tenant whose person or program asks; fails closed.

    Raises:
        TradedeckError: FORBIDDEN, of a tenant that is not known.
    """
    actor: Actor | None = connection.scope.get(ACTOR)
    if actor is None:  # the front lets nobody pass but to what is public
        return connection.app.state.outside(connection)
    context: Context = connection.app.state.context
    return context.of(actor.tenant)


async def _inject(connection: HTTPConnection) -> Context:
    # async, although it awaits nothing: FastAPI runs plain functions on a thread.
    return context_of(connection)


Ctx = Annotated[Context, Depends(_inject)]
