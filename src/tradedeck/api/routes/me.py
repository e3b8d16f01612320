"""One's own account: profile, password, factors, sessions. No right is needed but to be somebody.

Whoever has a second factor must have shown it lately to change how they prove who they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Response

from tradedeck.api.access import is_fresh, requires, step_up_needed, ways_of
from tradedeck.api.context import Context, Ctx
from tradedeck.api.idempotency import SecretRoute
from tradedeck.api.routes.identity import Identifier
from tradedeck.api.signing import account_of, instant
from tradedeck.api.wire_people import (
    NewPassword,
    OwnSession,
    PasskeyView,
    Profile,
    ProfileChange,
    RecoveryCodes,
    SessionList,
    TotpAnswer,
    TotpOffer,
)
from tradedeck.identity import (
    challenges,
    factors,
    passwords,
    people,
    people_store,
    service,
    store,
    totp,
)
from tradedeck.identity.challenges import Purpose
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor, Method, Role
from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import ReadSession, WriteSession

router = APIRouter(tags=["me"], route_class=SecretRoute)
Self = Annotated[Actor, requires(Permission.SELF)]
ISSUER = "Tradedeck"


async def proven(ctx: Context, actor: Actor) -> Mapping[str, Any]:
    """The account, where the actor may change its factors. STEP_UP_REQUIRED."""
    row = await ctx.store.read(lambda read: account_of(read, actor))
    has_factor = await ctx.store.read(lambda read: people.enrolled(read, row))
    if has_factor and not is_fresh(ctx, actor):
        raise await step_up_needed(ctx, actor)
    return row


def needs_factor(ctx: Context, actor: Actor) -> bool:
    """Whether the actor's role demands a second factor."""
    return actor.role.value in ctx.settings.mfa_roles.split()


@router.get("/me")
async def profile(actor: Self, ctx: Ctx) -> Profile:
    """One's own account, and how one may prove who one is."""

    def work(read: ReadSession) -> tuple[Any, list[Any], int]:
        row = account_of(read, actor)
        keys = people_store.passkeys(read, actor.user)
        return row, keys, people_store.recovery_left(read, actor.user)

    row, keys, left = await ctx.store.read(work)
    return Profile(
        id=row["id"],
        name=row["name"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        tenant=row["tenant"],
        has_password=row["password_hash"] is not None,
        has_totp=row["totp"] is not None,
        has_oidc=row["oidc_subject"] is not None,
        passkeys=[passkey_view(key) for key in keys],
        recovery_codes_left=left,
        needs_mfa=actor.limited,
        step_up_ways=await ways_of(ctx, actor),
    )


def passkey_view(row: Mapping[str, Any]) -> PasskeyView:
    """A passkey without its key."""
    return PasskeyView(
        id=row["id"],
        name=row["name"],
        site=row["rp_id"],
        created_at=format_ns(row["created_at_ns"]),
        used_at=instant(row["used_at_ns"]),
    )


@router.patch("/me", status_code=204)
async def change_profile(body: ProfileChange, actor: Self, ctx: Ctx) -> Response:
    """Change how one is called on the page."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: people.rename(
            w, account_of(w, actor), body.display_name, who=actor.who(), now_ns=now
        )
    )
    return Response(status_code=204)


@router.put("/me/password", status_code=204)
async def set_password(body: NewPassword, actor: Self, ctx: Ctx) -> Response:
    """Set or change one's password; every other session of the account ends."""
    row = await proven(ctx, actor)
    kept = row["password_hash"]
    if kept is not None:
        await _old_password(ctx, actor, row, body.old)
    has_factor = await ctx.store.read(lambda read: people.enrolled(read, row))
    words = (str(row["name"]), str(row["display_name"]))
    passwords.check(body.new, alone=not has_factor, words=words)
    made = await ctx.passwords.hash(body.new)
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: people.set_password(
            w, row, made, keep=actor.credential, who=actor.who(), now_ns=now
        )
    )
    ctx.authenticator.forget_user(actor.user)
    return Response(status_code=204)


async def _old_password(
    ctx: Context, actor: Actor, row: Mapping[str, Any], old: str | None
) -> None:
    now = ctx.clock.now_ns()
    fits = await ctx.passwords.verify(row["password_hash"], old or "")
    if people.locked(row, now) or not fits:
        if old is not None and not people.locked(row, now):
            await ctx.store.write(lambda w: people.count_failure(w, account_of(w, actor), now))
        raise TradedeckError(Code.FORBIDDEN, "The old password was not valid.")


@router.post("/me/totp/start")
async def start_totp(actor: Self, ctx: Ctx) -> TotpOffer:
    """Begin to enrol an authenticator app: its secret, shown this once."""
    row = await proven(ctx, actor)
    secret, now = totp.new_secret(), ctx.clock.now_ns()
    challenge = await ctx.store.write(
        lambda w: challenges.ask(
            w, ctx.sealer, Purpose.TOTP, tenant=actor.tenant, user=actor.user,
            data={"secret": secret}, now_ns=now,
        )
    )  # fmt: skip
    uri = totp.uri(secret, name=str(row["name"]), issuer=ISSUER)
    return TotpOffer(challenge=challenge, secret=secret, uri=uri)


@router.post("/me/totp/finish")
async def finish_totp(body: TotpAnswer, actor: Self, ctx: Ctx) -> RecoveryCodes:
    """Enrol the app by a code that it shows; the first factor brings recovery codes."""
    await proven(ctx, actor)
    now = ctx.clock.now_ns()

    def work(write: WriteSession) -> list[str]:
        asked = challenges.find(write, ctx.sealer, body.challenge, Purpose.TOTP, now_ns=now)
        if asked.user != actor.user:
            raise challenges.expired()
        row = account_of(write, actor)
        codes = factors.enrol_totp(
            write, ctx.sealer, row, str(asked.data["secret"]), body.code, actor=actor, now_ns=now
        )
        challenges.close(write, asked, now_ns=now)
        return codes

    codes = await ctx.store.write(work)
    ctx.authenticator.forget_user(actor.user)
    return RecoveryCodes(recovery_codes=codes)


@router.delete("/me/totp", status_code=204)
async def remove_totp(actor: Self, ctx: Ctx) -> Response:
    """Forget the authenticator app."""
    await proven(ctx, actor)
    now = ctx.clock.now_ns()
    last_stays = needs_factor(ctx, actor)
    await ctx.store.write(
        lambda w: factors.remove_totp(
            w, account_of(w, actor), last_stays=last_stays, who=actor.who(), now_ns=now
        )
    )
    return Response(status_code=204)


@router.post("/me/recovery-codes")
async def new_recovery_codes(actor: Self, ctx: Ctx) -> RecoveryCodes:
    """Ten new codes; those from before stop working."""
    row, now = await proven(ctx, actor), ctx.clock.now_ns()
    if row["enrolled_at_ns"] is None:
        raise TradedeckError(
            Code.CONFLICT,
            "Recovery codes stand in for a second factor, and there is none yet.",
            hint="Enrol a passkey or an authenticator app first; the codes come with it.",
        )
    codes = await ctx.store.write(
        lambda w: factors.new_recovery(w, row, who=actor.who(), now_ns=now)
    )
    return RecoveryCodes(recovery_codes=codes)


@router.get("/me/sessions")
async def own_sessions(actor: Self, ctx: Ctx) -> SessionList:
    """One's own open sessions."""
    return await open_sessions(ctx, actor, user=actor.user)


async def open_sessions(ctx: Context, actor: Actor, *, user: str | None) -> SessionList:
    """Open sessions of the actor's tenant, or of one account in it."""
    return await session_list(ctx, actor.tenant, user=user, current=actor.credential)


async def session_list(
    ctx: Context, tenant: str, *, user: str | None = None, current: str = ""
) -> SessionList:
    """Open sessions of a tenant; `current` is the one that asks."""
    idle_ns = int(ctx.settings.session_idle_minutes * 60 * NS_PER_S)
    now = ctx.clock.now_ns()
    rows = await ctx.store.read(
        lambda r: store.list_sessions(r, tenant, now_ns=now, idle_ns=idle_ns, user=user)
    )
    return SessionList(items=[_session(row, current) for row in rows])


def _session(row: Mapping[str, Any], current: str) -> OwnSession:
    return OwnSession(
        id=row["id"],
        user=row["user"],
        actor=row["user_name"] or row["actor"],
        role=Role(row["user_role"] or row["role"]),
        method=Method(row["method"]),
        mfa=bool(row["mfa"]),
        address=row["address"],
        agent=row["agent"],
        created_at=format_ns(row["created_at_ns"]),
        seen_at=format_ns(row["seen_at_ns"]),
        expires_at=format_ns(row["expires_at_ns"]),
        current=row["id"] == current,
    )


@router.delete("/me/sessions", status_code=204)
async def end_other_sessions(actor: Self, ctx: Ctx) -> Response:
    """End every session of one's own but this one."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: service.close_sessions_of(
            w, account_of(w, actor), but=actor.credential, who=actor.who(), now_ns=now
        )
    )
    ctx.authenticator.forget_user(actor.user)
    return Response(status_code=204)


@router.delete("/me/sessions/{identifier}", status_code=204)
async def end_own_session(identifier: Identifier, actor: Self, ctx: Ctx) -> Response:
    """End one session of one's own."""
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: service.close_session(
            w, identifier, user=actor.user, tenant=actor.tenant, who=actor.who(), now_ns=now
        )
    )
    ctx.authenticator.forget(identifier)
    return Response(status_code=204)
