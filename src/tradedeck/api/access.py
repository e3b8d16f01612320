"""The access rule in a handler's signature: `actor: Annotated[Actor, requires(Permission.X)]`.

`front` has authenticated already and put the actor into the scope; here the permission is held
against the table. A scope without an actor is refused, so a route that `front` does not know of
fails closed.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from tradedeck.api.context import context_of
from tradedeck.audit.types import Act, Action, Result
from tradedeck.identity.permissions import Permission, may
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError

# Keys in the ASGI scope.
ACTOR = "tradedeck.actor"
SEND = "tradedeck.send"  # the server's own, below every layer: for the body of a stream


class Rule:
    """A callable dependency that bears its permission, for the test that walks all routes."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, connection: HTTPConnection) -> Actor:
        """The actor, or a refusal; refusals are recorded."""
        actor: Actor | None = connection.scope.get(ACTOR)
        if actor is None:
            raise TradedeckError(Code.UNAUTHENTICATED, "This needs a sign-in or a token.")
        if may(actor.role, self.permission):
            return actor
        method = connection.scope.get("method", "WS")
        await context_of(connection).audit(
            Act(
                Action.ACCESS_REFUSED,
                actor.who(),
                f"{method} {connection.url.path}",
                Result.REFUSED,
                Code.FORBIDDEN.value,
                f"the role {actor.role} does not hold {self.permission}",
            )
        )
        raise TradedeckError(
            Code.FORBIDDEN,
            f"The role {actor.role} may not do this; it needs {self.permission}.",
        )


def requires(permission: Permission) -> Any:
    """The dependency for a handler's signature."""
    return Depends(Rule(permission))
