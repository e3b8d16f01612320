"""Sessions and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.front import session_cookie
from tradedeck.api.idempotency import SecretRoute
from tradedeck.api.wire import (
    IssuedToken,
    NewToken,
    SessionView,
    SignIn,
    TokenList,
    TokenView,
)
from tradedeck.identity import service, store
from tradedeck.identity.permissions import GRANTS, Permission
from tradedeck.identity.types import Actor, Issued, Role, Via
from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.kernel.errors import Code, TradedeckError

router = APIRouter(tags=["identity"], route_class=SecretRoute)
Identifier = Annotated[str, Path(pattern="^[a-z]{3}_[0-9a-z]{26}$")]


def _view(actor: Actor) -> SessionView:
    return SessionView(
        id=actor.credential,
        actor=actor.name,
        role=actor.role,
        kind=actor.via,
        expires_at=format_ns(actor.expires_at_ns),
        permissions=sorted(GRANTS[actor.role]),
    )


@router.post("/sessions", status_code=201)
async def sign_in(body: SignIn, request: Request, response: Response, ctx: Ctx) -> SessionView:
    """Exchange a one-time link for a session; sets the cookie."""
    now = ctx.clock.now_ns()
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    ttl_ns = int(ctx.settings.session_hours * 3600 * NS_PER_S)
    issued = await ctx.store.write(
        lambda w: service.open_session(
            w, body.token, address=address, agent=agent, ttl_ns=ttl_ns, now_ns=now
        )
    )
    response.headers["set-cookie"] = session_cookie(
        issued.secret, seconds=ttl_ns // NS_PER_S, secure=request.url.scheme == "https"
    )
    actor = Actor(issued.name, issued.role, Via.SESSION, issued.id, address, issued.expires_at_ns)
    return _view(actor)


@router.get("/session")
async def session(actor: Annotated[Actor, requires(Permission.READ)]) -> SessionView:
    """Who is asking."""
    return _view(actor)


@router.delete("/session", status_code=204)
async def sign_out(actor: Annotated[Actor, requires(Permission.READ)], ctx: Ctx) -> Response:
    """End the session of the cookie."""
    if actor.via is not Via.SESSION:
        raise TradedeckError(
            Code.CONFLICT, "A token has no session.", hint="Revoke it under /tokens instead."
        )
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: service.close_session(w, actor.credential, who=actor.who(), now_ns=now)
    )
    ctx.authenticator.forget(actor.credential)
    response = Response(status_code=204)
    response.headers["set-cookie"] = session_cookie("", seconds=0, secure=False)
    return response


def _time(value: Any) -> str | None:
    return None if value is None else format_ns(int(value))


def _token(row: Mapping[str, Any]) -> TokenView:
    return TokenView(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_by=row["created_by"],
        created_at=format_ns(row["created_at_ns"]),
        expires_at=format_ns(row["expires_at_ns"]),
        seen_at=_time(row["seen_at_ns"]),
        revoked_at=_time(row["revoked_at_ns"]),
    )


@router.get("/tokens")
async def tokens(actor: Annotated[Actor, requires(Permission.TOKEN_MANAGE)], ctx: Ctx) -> TokenList:
    """Every token, without secrets."""
    rows = await ctx.store.read(store.list_tokens)
    return TokenList(items=[_token(row) for row in rows])


@router.post("/tokens", status_code=201)
async def create_token(
    body: NewToken, actor: Annotated[Actor, requires(Permission.TOKEN_MANAGE)], ctx: Ctx
) -> IssuedToken:
    """A new bearer token; its secret is in this answer and nowhere else."""
    issued = await new_token(ctx, body, service.HOST if actor.via is Via.HOST else actor.who())
    return issued_view(issued)


async def new_token(ctx: Context, body: NewToken, who: service.Who) -> Issued:
    """Make a token; shared with the acts of the host."""
    now = ctx.clock.now_ns()
    return await ctx.store.write(
        lambda w: service.create_token(
            w, name=body.name, role=body.role, days=body.days, who=who, now_ns=now
        )
    )


def issued_view(issued: Issued) -> IssuedToken:
    """What is shown once."""
    return IssuedToken(
        id=issued.id,
        token=issued.secret,
        name=issued.name,
        role=issued.role,
        expires_at=format_ns(issued.expires_at_ns),
    )


@router.delete("/tokens/{identifier}", status_code=204)
async def revoke_token(
    identifier: Identifier, actor: Annotated[Actor, requires(Permission.TOKEN_MANAGE)], ctx: Ctx
) -> Response:
    """Make a token useless at once."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: service.revoke_token(w, identifier, who=actor.who(), now_ns=now)
    )
    ctx.authenticator.forget(identifier)
    return Response(status_code=204)
