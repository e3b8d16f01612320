"""What opens a session: a one-time link, a password with or without a second factor."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from tradedeck.api.context import Ctx
from tradedeck.api.signing import opened, visit_of
from tradedeck.api.wire_people import (
    InvitationAnswer,
    PasswordSignIn,
    SecondFactor,
    SecondNeeded,
    SessionView,
    SignIn,
    SignInWays,
)
from tradedeck.identity import invitations, passwords, people_store, service, sign_in

router = APIRouter(tags=["identity"])


@router.get("/sessions/ways")
async def ways(ctx: Ctx) -> SignInWays:
    """How people sign in here; answered to anybody, because the sign-in page asks."""
    return SignInWays(
        password=True, passkey=True, oidc=None if ctx.provider is None else ctx.settings.oidc_name
    )


@router.post("/sessions", status_code=201)
async def by_link(body: SignIn, request: Request, response: Response, ctx: Ctx) -> SessionView:
    """Exchange a one-time link for a session; sets the cookie."""
    now, visit = ctx.clock.now_ns(), visit_of(ctx, request)
    issued = await ctx.store.write(
        lambda w: service.open_session(w, body.token, visit=visit, now_ns=now)
    )
    return await opened(ctx, request, response, issued)


@router.post("/sessions/password", status_code=201, responses={202: {"model": SecondNeeded}})
async def by_password(
    body: PasswordSignIn, request: Request, response: Response, ctx: Ctx
) -> SessionView | SecondNeeded:
    """Sign in by password: 201 with the cookie, or 202 with what is needed too."""
    visit = visit_of(ctx, request)
    row = await ctx.store.read(lambda r: people_store.user_named(r, body.tenant, body.name))
    kept = None if row is None else row["password_hash"]
    verified = kept if await ctx.passwords.verify(kept, body.password) else None
    now = ctx.clock.now_ns()
    found = await ctx.store.write(
        lambda w: sign_in.by_password(
            w, ctx.sealer, tenant=body.tenant, name=body.name, verified=verified, visit=visit,
            now_ns=now,
        )
    )  # fmt: skip
    if found is None:
        raise sign_in.refused()
    if isinstance(found, sign_in.Asked):
        response.status_code = 202
        return SecondNeeded(challenge=found.challenge, ways=found.ways)
    return await opened(ctx, request, response, found)


@router.post("/sessions/second", status_code=201)
async def by_second(
    body: SecondFactor, request: Request, response: Response, ctx: Ctx
) -> SessionView:
    """Show the second factor that the password's answer asked for; sets the cookie."""
    now, visit = ctx.clock.now_ns(), visit_of(ctx, request)
    issued = await ctx.store.write(
        lambda w: sign_in.by_second(
            w, ctx.sealer, challenge=body.challenge, way=body.way, code=body.code, visit=visit,
            now_ns=now,
        )
    )  # fmt: skip
    if issued is None:
        raise sign_in.refused_code()
    return await opened(ctx, request, response, issued)


@router.post("/sessions/invitation", status_code=201)
async def by_invitation(
    body: InvitationAnswer, request: Request, response: Response, ctx: Ctx
) -> SessionView:
    """Accept an invitation: makes the account with its password; sets the cookie."""
    visit = visit_of(ctx, request)
    now = ctx.clock.now_ns()
    asked = await ctx.store.read(lambda r: invitations.find(r, body.token, now))
    words = (str(asked["name"]), body.display_name)
    passwords.check(body.password, alone=True, words=words)
    made = await ctx.passwords.hash(body.password)
    now = ctx.clock.now_ns()
    issued = await ctx.store.write(
        lambda w: invitations.accept(
            w, body.token, display_name=body.display_name, password_hash=made, visit=visit,
            now_ns=now,
        )
    )  # fmt: skip
    return await opened(ctx, request, response, issued)
