"""The session that asks, stepping up in it, and tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.front import session_cookie
from tradedeck.api.idempotency import SecretRoute
from tradedeck.api.signing import account_of, instant, session_view
from tradedeck.api.wire_people import (
    IssuedToken,
    NewToken,
    SessionView,
    StepUp,
    TokenList,
    TokenView,
)
from tradedeck.identity import factors, people, people_store, service, sign_in, store
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor, Issued, Kind, Role, Via, Way
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import WriteSession

router = APIRouter(tags=["identity"], route_class=SecretRoute)
Identifier = Annotated[str, Path(pattern="^[a-z]{3}_[0-9a-z]{26}$")]
TokenAdmin = Annotated[Actor, requires(Permission.TOKEN_MANAGE)]


@router.get("/session")
async def session(actor: Annotated[Actor, requires(Permission.READ)], ctx: Ctx) -> SessionView:
    """Who is asking."""
    return session_view(ctx, actor)


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


@router.post("/session/step-up")
async def step_up(
    body: StepUp, actor: Annotated[Actor, requires(Permission.SELF)], ctx: Ctx
) -> SessionView:
    """Show a second factor again: a code of the app, a recovery code, or a code of the host."""
    now = ctx.clock.now_ns()

    def work(write: WriteSession) -> bool:
        row = account_of(write, actor)
        if body.way is Way.HOST:
            service.use_step_up(write, body.code, actor=actor, now_ns=now)
            store.step_up_session(write, actor.credential, now)
            return True
        if not factors.prove(write, ctx.sealer, row, body.way, body.code, now_ns=now):
            factors.refused_step_up(write, actor, body.way, now_ns=now)
            return False
        people.proved(write, row, now)
        factors.stepped_up(write, actor, body.way, now_ns=now)
        return True

    if not await ctx.store.write(work):
        raise sign_in.refused_code()
    return session_view(ctx, await fresh(ctx, actor))


async def fresh(ctx: Context, actor: Actor) -> Actor:
    """The actor as the store has it now, after its session changed."""
    ctx.authenticator.forget(actor.credential)
    found = await ctx.authenticator.again(actor)
    if found is None:
        raise TradedeckError(Code.UNAUTHENTICATED, "The session ended at this moment.")
    return found


def _token(row: Mapping[str, Any]) -> TokenView:
    scope = row["permissions"]
    return TokenView(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        permissions=None if scope is None else json.loads(scope),
        account=row["user_name"],
        created_by=row["created_by"],
        created_at=format_ns(row["created_at_ns"]),
        expires_at=format_ns(row["expires_at_ns"]),
        seen_at=instant(row["seen_at_ns"]),
        revoked_at=instant(row["revoked_at_ns"]),
    )


@router.get("/tokens")
async def tokens(actor: TokenAdmin, ctx: Ctx) -> TokenList:
    """Every token, without secrets."""
    rows = await ctx.store.read(lambda r: store.list_tokens(r, actor.tenant))
    return TokenList(items=[_token(row) for row in rows])


@router.post("/tokens", status_code=201)
async def create_token(
    body: NewToken,
    actor: Annotated[Actor, requires(Permission.TOKEN_MANAGE, step_up=True)],
    ctx: Ctx,
) -> IssuedToken:
    """A new bearer token; its secret is in this answer and nowhere else."""
    return issued_view(await new_token(ctx, body, actor))


async def new_token(ctx: Context, body: NewToken, actor: Actor | None) -> Issued:
    """Make a token; None is the host."""
    now = ctx.clock.now_ns()
    tenant = ctx.tenant

    def work(write: WriteSession) -> Issued:
        user = "" if actor is None else actor.user
        if body.account is not None:
            user = _service(write, tenant, body.account, body.role)
        return service.create_token(
            write,
            name=body.name,
            role=body.role,
            days=body.days,
            who=service.HOST if actor is None else actor.who(),
            now_ns=now,
            tenant=tenant,
            user=user,
            permissions=body.permissions,
        )

    return await ctx.store.write(work)


def _service(write: WriteSession, tenant: str, name: str, role: Role) -> str:
    row = people_store.user_named(write, tenant, name)
    if row is None or row["kind"] != Kind.SERVICE.value or row["disabled_at_ns"] is not None:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"There is no service account {name}.",
            hint="Make it under POST /api/v1/people with the kind service.",
        )
    if list(Role).index(role) > list(Role).index(Role(row["role"])):
        raise TradedeckError(
            Code.INVALID, f"The account {name} has the role {row['role']}, less than {role}."
        )
    return str(row["id"])


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
async def revoke_token(identifier: Identifier, actor: TokenAdmin, ctx: Ctx) -> Response:
    """Make a token useless at once."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: service.revoke_token(
            w, identifier, tenant=actor.tenant, who=actor.who(), now_ns=now
        )
    )
    ctx.authenticator.forget(identifier)
    return Response(status_code=204)
