"""The access rule in a handler's signature: `actor: Annotated[Actor, requires(Permission.X)]`,
with `step_up=True` where the act is dangerous.

`front` has authenticated already and put the actor into the scope; here the permission is held
against the table. A scope without an actor is refused, so a route that `front` does not know of
fails closed.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from tradedeck.api.context import ACTOR, Context, context_of
from tradedeck.audit.types import Act, Action, Result
from tradedeck.identity import people, people_store
from tradedeck.identity.permissions import Permission, holds, may
from tradedeck.identity.plans import SUSPENDED
from tradedeck.identity.types import Actor, Via, Way
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import ReadSession

# In the ASGI scope: the server's own, below every layer, for the body of a stream.
SEND = "tradedeck.send"


class Rule:
    """A callable dependency that bears its permission, for the test that walks all routes.

    `step_up` demands that a second factor was shown in the last minutes. Never for what stops.
    """

    def __init__(self, permission: Permission, *, step_up: bool = False) -> None:
        self.permission = permission
        self.step_up = step_up

    async def __call__(self, connection: HTTPConnection) -> Actor:
        """The actor, or a refusal; refusals are recorded."""
        actor: Actor | None = connection.scope.get(ACTOR)
        if actor is None:
            raise TradedeckError(Code.UNAUTHENTICATED, "This needs a sign-in or a token.")
        context = context_of(connection)
        if holds(actor, self.permission):
            error = _suspended(context, connection, self.permission)
            if error is None:
                if not self.step_up or is_fresh(context, actor):
                    return actor
                error = await step_up_needed(context, actor)
        else:
            error = await _refusal(context, actor, self.permission)
        method = connection.scope.get("method", "WS")
        await context.audit(
            Act(
                Action.ACCESS_REFUSED,
                actor.who(),
                f"{method} {connection.url.path}",
                Result.REFUSED,
                error.code.value,
                error.detail,
            )
        )
        raise error


def _suspended(
    context: Context, connection: HTTPConnection, permission: Permission
) -> TradedeckError | None:
    """Why a suspended tenant may not do this; None for whoever is not, and for what stops."""
    own = context.own
    stops = getattr(connection.scope.get("route"), "stops", False)
    if own.suspended_at_ns is None or permission in SUSPENDED or stops:
        return None
    return TradedeckError(
        Code.FORBIDDEN,
        f"The tenant {own.name} is suspended: {own.reason}.",
        hint="Looking, stopping, cancelling and closing go on; the operator of the host ends it.",
    )


def is_fresh(context: Context, actor: Actor) -> bool:
    """Whether the actor showed a second factor within `step_up_minutes`."""
    window_ns = int(context.settings.step_up_minutes * 60 * NS_PER_S)
    return actor.stepped_up(context.clock.now_ns(), window_ns)


async def ways_of(context: Context, actor: Actor) -> list[Way]:
    """How this actor may step up; a token has no way."""
    if actor.via is not Via.SESSION:
        return []

    def work(read: ReadSession) -> list[Way]:
        row = people_store.user(read, actor.user)
        return [] if row is None else people.enrolled(read, row)

    return [*await context.store.read(work), Way.HOST]


async def step_up_needed(context: Context, actor: Actor) -> TradedeckError:
    """STEP_UP_REQUIRED, with the ways of this actor."""
    ways = await ways_of(context, actor)
    hint = (
        "Step up under POST /api/v1/session/step-up, then try again."
        if ways
        else "A token cannot step up: sign in as a person, with `tradedeck login` or the page."
    )
    return TradedeckError(
        Code.STEP_UP_REQUIRED,
        "This needs a second factor that was shown in the last "
        f"{context.settings.step_up_minutes:g} minutes.",
        hint=hint,
        ways=tuple(way.value for way in ways),
    )


async def _refusal(context: Context, actor: Actor, permission: Permission) -> TradedeckError:
    if not may(actor.role, permission):
        return TradedeckError(
            Code.FORBIDDEN, f"The role {actor.role} may not do this; it needs {permission}."
        )
    if actor.limited:
        return TradedeckError(
            Code.STEP_UP_REQUIRED,
            f"The role {actor.role} needs a second factor for this.",
            hint="Enrol a passkey or an authenticator app under Settings, or step up with one.",
            ways=tuple(way.value for way in await ways_of(context, actor)),
        )
    return TradedeckError(Code.FORBIDDEN, f"This token may not do this; it needs {permission}.")


def requires(permission: Permission, *, step_up: bool = False) -> Any:
    """The dependency for a handler's signature."""
    return Depends(Rule(permission, step_up=step_up))
