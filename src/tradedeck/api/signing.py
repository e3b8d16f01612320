"""What every way of signing in shares: where the caller is, the cookie, the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from tradedeck.api.context import Context
from tradedeck.api.front import session_cookie
from tradedeck.api.wire_people import SessionView
from tradedeck.identity import people_store
from tradedeck.identity.permissions import permissions_of
from tradedeck.identity.service import Visit
from tradedeck.identity.types import Actor, Issued, Via
from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import ReadSession


def visit_of(context: Context, request: Request) -> Visit:
    """From where a request comes."""
    return Visit(
        request.client.host if request.client else "",
        request.headers.get("user-agent", ""),
        int(context.settings.session_hours * 3600 * NS_PER_S),
    )


async def opened(
    context: Context, request: Request, response: Response, issued: Issued
) -> SessionView:
    """The answer to a sign-in: the cookie, and who is signed in."""
    visit = visit_of(context, request)
    response.headers["set-cookie"] = session_cookie(
        issued.secret,
        seconds=visit.ttl_ns // NS_PER_S,
        secure=request.url.scheme == "https",
    )
    actor = await context.authenticator.verify(issued.secret, Via.SESSION, visit.address)
    if actor is None:
        raise TradedeckError(Code.UNAUTHENTICATED, "The account was disabled at this moment.")
    return session_view(context, actor)


def session_view(context: Context, actor: Actor) -> SessionView:
    """Who is asking."""
    now = context.clock.now_ns()
    until = actor.step_up_at_ns + int(context.settings.step_up_minutes * 60 * NS_PER_S)
    return SessionView(
        id=actor.credential,
        actor=actor.name,
        role=actor.role,
        kind=actor.via,
        expires_at=format_ns(actor.expires_at_ns),
        permissions=[permission.value for permission in permissions_of(actor)],
        tenant=actor.tenant,
        user=actor.user,
        mfa=actor.mfa,
        needs_mfa=actor.limited,
        stepped_up_until=format_ns(until) if actor.step_up_at_ns and until > now else None,
    )


def account_of(read: ReadSession, actor: Actor) -> Mapping[str, Any]:
    """The account of a session. FORBIDDEN for a token."""
    row = people_store.user(read, actor.user) if actor.via is Via.SESSION else None
    if row is None:
        raise TradedeckError(
            Code.FORBIDDEN,
            "A token has no profile.",
            hint="Sign in as a person, with `tradedeck login` or on the page.",
        )
    return row


def instant(value: Any) -> str | None:
    """A time or None, as it is written on the wire."""
    return None if value is None else format_ns(int(value))
