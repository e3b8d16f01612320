"""Signing in at a provider (OpenID Connect, authorization code with PKCE), and linking it.

The state names a question of ours, and a cookie holds the browser to it: an address that somebody
else was given opens nothing. The answer is a page that moves on by itself, because a cookie that is
SameSite=Strict is not sent along a redirect from another site.
"""

from __future__ import annotations

import secrets
from http.cookies import SimpleCookie
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tradedeck.adapters.oidc.types import Asked
from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.idempotency import SecretRoute
from tradedeck.api.routes.me import proven
from tradedeck.api.signing import account_of, opened, visit_of
from tradedeck.api.site import site_of
from tradedeck.api.wire_people import OidcStart, PasskeyStart
from tradedeck.identity import challenges, oidc, people_store, sign_in
from tradedeck.identity.challenges import TTL_NS, Purpose, Question
from tradedeck.identity.permissions import Permission
from tradedeck.identity.service import hashed
from tradedeck.identity.types import Actor, Issued
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import WriteSession

router = APIRouter(tags=["me"], route_class=SecretRoute)
public = APIRouter(tags=["identity"])
Self = Annotated[Actor, requires(Permission.SELF)]
CALLBACK = "/api/v1/sessions/oidc/callback"
COOKIE = "tradedeck_oidc"


@public.post("/sessions/oidc/start")
async def start(body: PasskeyStart, request: Request, response: Response, ctx: Ctx) -> OidcStart:
    """Begin to sign in at the provider: where the browser goes now."""
    return await _begin(ctx, request, response, tenant=body.tenant, user="")


@router.post("/me/oidc/start")
async def start_link(actor: Self, request: Request, response: Response, ctx: Ctx) -> OidcStart:
    """Begin to link the provider's sign-in to one's own account."""
    await proven(ctx, actor)
    return await _begin(ctx, request, response, tenant=actor.tenant, user=actor.user)


@router.delete("/me/oidc", status_code=204)
async def unlink(actor: Self, ctx: Ctx) -> Response:
    """The provider's sign-in opens one's account no more."""
    await proven(ctx, actor)
    now = ctx.clock.now_ns()
    await ctx.store.write(
        lambda w: oidc.unlink(w, account_of(w, actor), who=actor.who(), now_ns=now)
    )
    return Response(status_code=204)


async def _begin(
    ctx: Context, request: Request, response: Response, *, tenant: str, user: str
) -> OidcStart:
    if ctx.provider is None:
        raise TradedeckError(
            Code.NOT_FOUND,
            "There is no provider to sign in at.",
            hint="TRADEDECK_OIDC_ISSUER names one.",
        )
    now, site = ctx.clock.now_ns(), site_of(ctx, request)
    binding = secrets.token_urlsafe(32)
    verifier = secrets.token_urlsafe(48)
    asked = Asked(secrets.token_urlsafe(32), verifier, site.origin + CALLBACK)
    data = {
        "nonce": asked.nonce, "verifier": verifier, "redirect_uri": asked.redirect_uri,
        "browser": hashed(binding),
    }  # fmt: skip
    state = await ctx.store.write(
        lambda w: challenges.ask(
            w, ctx.sealer, Purpose.OIDC, tenant=tenant, user=user, data=data, now_ns=now
        )
    )
    address = await ctx.provider.address(asked, state, now_ns=now)
    response.headers["set-cookie"] = _cookie(
        binding, seconds=TTL_NS // NS_PER_S, secure=request.url.scheme == "https"
    )
    return OidcStart(url=address)


@public.get("/sessions/oidc/callback", include_in_schema=False)
async def callback(
    request: Request,
    response: Response,
    ctx: Ctx,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Where the provider sends the browser back to."""
    visit, now = visit_of(ctx, request), ctx.clock.now_ns()
    try:
        asked = await _question(ctx, request, state, now)
        issued = await _answered(ctx, request, asked, code)
        if issued is not None:
            await opened(ctx, request, response, issued)
    except TradedeckError as error:
        reason = error.detail
        await ctx.store.write(lambda w: sign_in.record(w, None, reason, visit, now, how="oidc"))
        return _moving_on("/sign-in?refused=oidc", None)
    target = "/" if asked.user == "" else "/settings"
    return _moving_on(target, response.headers.get("set-cookie"))


async def _question(ctx: Context, request: Request, state: str, now_ns: int) -> Question:
    """The open question of that state, asked by this very browser; it is closed by this."""
    bound = SimpleCookie(request.headers.get("cookie", ""))
    given = bound[COOKIE].value if COOKIE in bound else ""

    def work(write: WriteSession) -> Question:
        asked = challenges.find(write, ctx.sealer, state, Purpose.OIDC, now_ns=now_ns)
        if not secrets.compare_digest(hashed(given), str(asked.data["browser"])):
            raise TradedeckError(Code.UNAUTHENTICATED, "The sign-in was begun in another browser.")
        challenges.close(write, asked, now_ns=now_ns)
        return asked

    return await ctx.store.write(work)


async def _answered(ctx: Context, request: Request, question: Question, code: str) -> Issued | None:
    """The new session; None where the account was linked."""
    if ctx.provider is None or not code:
        raise TradedeckError(Code.UNAUTHENTICATED, "The provider did not sign anybody in.")
    data = question.data
    asked = Asked(data["nonce"], data["verifier"], data["redirect_uri"])
    person = await ctx.provider.finish(code, asked, now_ns=ctx.clock.now_ns())
    visit, now = visit_of(ctx, request), ctx.clock.now_ns()

    def work(write: WriteSession) -> tuple[bool, Issued | None]:
        own = write.of(question.tenant)
        if not question.user:
            made = oidc.open_session(
                own, question.tenant, person.subject, mfa=person.mfa, visit=visit, now_ns=now
            )
            return made is not None, made
        row: Any = people_store.user(own, question.user)
        if row is None or row["disabled_at_ns"] is not None:
            return False, None
        oidc.link(own, row, person.subject, who=oidc.owner(row, visit), now_ns=now)
        return True, None

    fits, issued = await ctx.store.write(work)
    if not fits:
        raise TradedeckError(Code.UNAUTHENTICATED, "No account is linked to this sign-in.")
    return issued


def _moving_on(target: str, cookie: str | None) -> Response:
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tradedeck</title>'
        f'<meta http-equiv="refresh" content="0;url={target}"></head>'
        f'<body><a href="{target}">Go on</a></body></html>'
    )
    response = Response(page, media_type="text/html; charset=utf-8")
    response.headers.append("set-cookie", _cookie("", seconds=0, secure=False))
    if cookie is not None:
        response.headers.append("set-cookie", cookie)
    return response


def _cookie(value: str, *, seconds: int, secure: bool) -> str:
    """Lax, because the provider's page sends the browser here; for this one path."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = value
    morsel = cookie[COOKIE]
    morsel["path"] = CALLBACK
    morsel["max-age"] = seconds
    morsel["httponly"] = True
    morsel["samesite"] = "Lax"
    if secure:
        morsel["secure"] = True
    return morsel.OutputString()
