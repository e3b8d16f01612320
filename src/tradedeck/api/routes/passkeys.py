"""Passkeys: adding and removing one's own, signing in with one, stepping up with one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from tradedeck.api.access import requires
from tradedeck.api.context import Ctx
from tradedeck.api.idempotency import SecretRoute
from tradedeck.api.routes.identity import Identifier, fresh
from tradedeck.api.routes.me import needs_factor, passkey_view, proven
from tradedeck.api.signing import account_of, opened, session_view, visit_of
from tradedeck.api.site import site_of
from tradedeck.api.wire_people import (
    PasskeyAdded,
    PasskeyAnswer,
    PasskeyName,
    PasskeyNew,
    PasskeyOffer,
    PasskeyStart,
    SessionView,
)
from tradedeck.identity import factors, passkeys, people_store, sign_in
from tradedeck.identity.passkeys import Offer
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor, Issued, Way
from tradedeck.store.sessions import WriteSession

Self = Annotated[Actor, requires(Permission.SELF)]


async def _loaded() -> None:
    await asyncio.to_thread(passkeys.load)


router = APIRouter(tags=["me"], route_class=SecretRoute, dependencies=[Depends(_loaded)])
public = APIRouter(tags=["identity"], dependencies=[Depends(_loaded)])


def _wire(offer: Offer) -> PasskeyOffer:
    return PasskeyOffer(challenge=offer.challenge, options=offer.options)


@router.post("/me/passkeys/start")
async def start_add(request: Request, actor: Self, ctx: Ctx) -> PasskeyOffer:
    """Begin to add a passkey: what `navigator.credentials.create` is given, in JSON."""
    row, site, now = await proven(ctx, actor), site_of(ctx, request), ctx.clock.now_ns()
    return _wire(
        await ctx.store.write(lambda w: passkeys.start_add(w, ctx.sealer, row, site, now_ns=now))
    )


@router.post("/me/passkeys", status_code=201)
async def finish_add(body: PasskeyNew, actor: Self, ctx: Ctx) -> PasskeyAdded:
    """Keep the passkey that the browser made; the first factor brings recovery codes."""
    await proven(ctx, actor)
    now = ctx.clock.now_ns()

    def work(write: WriteSession) -> tuple[Any, list[str]]:
        made, codes = passkeys.finish_add(
            write, ctx.sealer, account_of(write, actor), challenge=body.challenge,
            credential=body.credential, name=body.name, actor=actor, now_ns=now,
        )  # fmt: skip
        rows = people_store.passkeys(write, actor.user)
        return next(row for row in rows if row["id"] == made), codes

    row, codes = await ctx.store.write(work)
    ctx.authenticator.forget_user(actor.user)
    return PasskeyAdded(passkey=passkey_view(row), recovery_codes=codes)


@router.patch("/me/passkeys/{identifier}", status_code=204)
async def rename(identifier: Identifier, body: PasskeyName, actor: Self, ctx: Ctx) -> Response:
    """Call a passkey otherwise."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: passkeys.rename(
            w, account_of(w, actor), identifier, body.name, who=actor.who(), now_ns=now
        )
    )
    return Response(status_code=204)


@router.delete("/me/passkeys/{identifier}", status_code=204)
async def remove(identifier: Identifier, actor: Self, ctx: Ctx) -> Response:
    """Forget a passkey."""
    await proven(ctx, actor)
    now, last_stays = ctx.clock.now_ns(), needs_factor(ctx, actor)
    await ctx.store.write(
        lambda w: passkeys.remove(
            w, account_of(w, actor), identifier, last_stays=last_stays, who=actor.who(),
            now_ns=now,
        )
    )  # fmt: skip
    return Response(status_code=204)


@router.post("/session/step-up/passkey/start")
async def start_step_up(request: Request, actor: Self, ctx: Ctx) -> PasskeyOffer:
    """Begin to step up with a passkey: what `navigator.credentials.get` is given, in JSON."""
    site, now = site_of(ctx, request), ctx.clock.now_ns()
    return _wire(
        await ctx.store.write(
            lambda w: passkeys.start_use(
                w, ctx.sealer, account_of(w, actor), site, tenant=actor.tenant, now_ns=now
            )
        )
    )


@router.post("/session/step-up/passkey")
async def step_up(body: PasskeyAnswer, actor: Self, ctx: Ctx) -> SessionView:
    """Step up with the passkey's answer."""
    now = ctx.clock.now_ns()

    def work(write: WriteSession) -> bool:
        row = passkeys.prove(
            write, ctx.sealer, challenge=body.challenge, credential=body.credential,
            user=account_of(write, actor)["id"], now_ns=now,
        )  # fmt: skip
        if row is None:
            factors.refused_step_up(write, actor, Way.PASSKEY, now_ns=now)
            return False
        factors.stepped_up(write, actor, Way.PASSKEY, now_ns=now)
        return True

    if not await ctx.store.write(work):
        raise sign_in.refused_passkey()
    return session_view(ctx, await fresh(ctx, actor))


@public.post("/sessions/passkey/start")
async def start_sign_in(body: PasskeyStart, request: Request, ctx: Ctx) -> PasskeyOffer:
    """Begin to sign in with a passkey; no name is asked for, so none is told."""
    site, now = site_of(ctx, request), ctx.clock.now_ns()
    return _wire(
        await ctx.store.write(
            lambda w: passkeys.start_use(w, ctx.sealer, None, site, tenant=body.tenant, now_ns=now)
        )
    )


@public.post("/sessions/passkey", status_code=201)
async def finish_sign_in(
    body: PasskeyAnswer, request: Request, response: Response, ctx: Ctx
) -> SessionView:
    """Sign in with the passkey's answer; sets the cookie."""
    now, visit = ctx.clock.now_ns(), visit_of(ctx, request)

    def work(write: WriteSession) -> Issued | None:
        row = passkeys.prove(
            write, ctx.sealer, challenge=body.challenge, credential=body.credential, user="",
            now_ns=now,
        )  # fmt: skip
        return sign_in.by_passkey(write, row, visit=visit, now_ns=now)

    issued = await ctx.store.write(work)
    if issued is None:
        raise sign_in.refused_passkey(at_sign_in=True)
    return await opened(ctx, request, response, issued)
