"""The first thing a request meets: identity, origin, size; and the headers of every answer.

A plain ASGI callable around the application, because each layer of middleware costs more than
the whole check. Fail closed: what is not on the short public list needs an actor, whether a
route exists or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradedeck.api import problems
from tradedeck.api.access import SEND
from tradedeck.api.context import ACTOR
from tradedeck.api.limits import Limits
from tradedeck.identity.authenticate import Authenticator
from tradedeck.identity.permissions import Permission, holds
from tradedeck.identity.service import SESSION_PREFIX
from tradedeck.identity.types import Actor, Via
from tradedeck.kernel.errors import Code, TradedeckError

COOKIE = "tradedeck_session"
GUARD_HEADER = "x-tradedeck-request"
BODY_BYTES_MAX = 256 * 1024
COOKIE_CHARS_MAX = 4096
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECURITY = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
_NO_STORE = (b"cache-control", b"no-store")
_SECURITY_NO_STORE = (*_SECURITY, _NO_STORE)

# Answered to anybody: the probe, the sign-in page with its assets, and what opens a session.
PUBLIC_GET = frozenset(
    {
        "/health",
        "/api/v1/sessions/ways",
        "/api/v1/sessions/oidc/callback",
        "/sign-in",
        "/boot.js",
        "/favicon.ico",
        "/icon.svg",
        "/icon-192.png",
        "/icon-512.png",
        "/manifest.webmanifest",
    }
)
PUBLIC_GET_PREFIX = "/assets/"
# Each counts as an attempt to sign in.
PUBLIC_POST = frozenset(
    f"/api/v1/sessions{way}"
    for way in (
        "",
        "/password",
        "/second",
        "/passkey",
        "/passkey/start",
        "/invitation",
        "/oidc/start",
    )
)

# Posts that change nothing: they count as reads.
LOOKS = frozenset(
    f"/api/v1/{path}"
    for path in ("kills/preview", "traders/preview", "config/validate", "config/diff")
)


def is_public(method: str, path: str) -> bool:
    """Whether `path` is on the list that is answered without a credential."""
    if method in {"GET", "HEAD"}:
        return path in PUBLIC_GET or path.startswith(PUBLIC_GET_PREFIX)
    return method == "POST" and path in PUBLIC_POST


class Front:
    """Wraps the application; `sign_in_page` is what an anonymous browser is shown."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        limits: Limits,
        *,
        sign_in_page: Callable[[], bytes],
        hot: Mapping[tuple[str, str], Callable[[], bytes | None]],
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._limits = limits
        self._sign_in_page = sign_in_page
        self._hot = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, socket or lifespan."""
        kind = scope["type"]
        if kind == "http":
            scope[SEND] = send
            await self._http(scope, receive, _with_headers(send))
        elif kind == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        method: str = scope["method"]
        try:
            if not is_public(method, scope["path"]):
                actor = await self._actor(scope)
                if actor is None:
                    await self._anonymous(scope, headers, send)
                    return
                if actor.via is Via.SESSION and method not in SAFE:
                    _same_origin(headers, guard=True)
                hot = self._hot.get((actor.tenant, scope["path"]))
                if hot is not None and method == "GET" and holds(actor, Permission.READ):
                    content = hot()
                    if content is not None:  # else the route makes it, and may wait
                        await _send(send, 200, b"application/json", content)
                        return
                if method in SAFE or scope["path"] in LOOKS:
                    self._limits.read(actor.credential)
                scope[ACTOR] = actor
            elif method not in SAFE:
                _same_origin(headers, guard=False)
                await self._attempt(scope, _limited(headers, receive), send)
                return
            if method not in SAFE:
                receive = _limited(headers, receive)
            await self._app(scope, receive, send)
        except TradedeckError as error:
            await problems.respond(error)(scope, receive, send)

    async def _attempt(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A sign-in: counted before it is looked at, given back where it was a good one."""
        client = scope.get("client")
        who = await self._limits.attempt(str(client[0]) if client else "")
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            status = int(message.get("status", status))
            await send(message)

        await self._app(scope, receive, seen)
        if status < 400:
            await self._limits.succeeded(who)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        error: TradedeckError | None = None
        try:
            actor = await self._actor(scope)
            if actor is None:
                error = TradedeckError(Code.UNAUTHENTICATED, "This needs a sign-in or a token.")
            elif actor.via is Via.SESSION:
                _same_origin(headers, guard=False, demand=True)
            scope[ACTOR] = actor
        except TradedeckError as refused:
            error = refused
        if error is None:
            await self._app(scope, receive, send)
            return
        await receive()  # the handshake's `websocket.connect`
        if "websocket.http.response" in scope.get("extensions", {}):
            await problems.respond(error)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": error.code.value})

    async def _actor(self, scope: Scope) -> Actor | None:
        client = scope.get("client")
        address = str(client[0]) if client else ""
        cookie: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"authorization":  # it wins over a cookie: a program says who it is
                kind, _, secret = value.decode("latin-1").partition(" ")
                if kind.lower() != "bearer":
                    return None
                secret = secret.strip()
                # The command line of a person who signed in sends its session so.
                via = Via.SESSION if secret.startswith(SESSION_PREFIX) else Via.TOKEN
                return await self._authenticator.verify(secret, via, address)
            if name == b"cookie":
                cookie = value
        secret = _session_of(cookie)
        if secret is None:
            return None
        return await self._authenticator.verify(secret, Via.SESSION, address)

    async def _anonymous(self, scope: Scope, headers: Headers, send: Send) -> None:
        """401: for a browser that navigates, with the sign-in page as its body."""
        is_page = (
            scope["method"] == "GET"
            and not scope["path"].startswith("/api/")
            and "text/html" in headers.get("accept", "")
        )
        content = (
            self._sign_in_page()
            if is_page
            else problems.body(
                401,
                Code.UNAUTHENTICATED,
                "This needs a sign-in or a token.",
                hint="Open the link that `tradedeck up` printed, or send a bearer token.",
            )
        )
        media = b"text/html; charset=utf-8" if is_page else problems.MEDIA_TYPE.encode()
        await _send(send, 401, media, content, (b"www-authenticate", b"Bearer"))


async def _send(
    send: Send, status: int, media: bytes, content: bytes, *more: tuple[bytes, bytes]
) -> None:
    headers = [(b"content-type", media), (b"content-length", str(len(content)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _session_of(cookie: bytes | None) -> str | None:
    if cookie is None or len(cookie) > COOKIE_CHARS_MAX:
        return None
    for part in cookie.decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return None


def _same_origin(headers: Headers, *, guard: bool, demand: bool = False) -> None:
    """Refuse what another site's page could have made the browser send.

    Args:
        headers: of the request.
        guard: demand the header that only our own page's script can set.
        demand: an absent Origin is refused too (sockets, which always send one).
    """
    origin = headers.get("origin")
    if origin is not None or demand:
        if origin is None or urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise TradedeckError(
                Code.FORBIDDEN,
                "The request came from another site's page.",
                hint="Open the cockpit under the address that the api is reached by.",
            )
    elif headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise TradedeckError(Code.FORBIDDEN, "The request came from another site's page.")
    if guard and headers.get(GUARD_HEADER) != "1":
        raise TradedeckError(
            Code.FORBIDDEN,
            "The header X-Tradedeck-Request: 1 was missing.",
            hint="A signed-in page sends it with each act; a program uses a bearer token.",
        )


def _limited(headers: Headers, receive: Receive) -> Receive:
    """A `receive` that ends with TOO_LARGE beyond the limit, also without a Content-Length."""
    declared = headers.get("content-length", "0")
    reason = f"The body was larger than {BODY_BYTES_MAX // 1024} KiB."
    if not declared.isdigit() or int(declared) > BODY_BYTES_MAX:
        raise TradedeckError(Code.TOO_LARGE, reason)
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES_MAX:
            # This error of Starlette's, because FastAPI turns any other into a 400 here.
            raise HTTPException(413, reason)
        return message

    return bounded


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            given: list[tuple[bytes, bytes]] = message.get("headers", [])
            cached = any(name == b"cache-control" for name, _ in given)
            message["headers"] = [*given, *(_SECURITY if cached else _SECURITY_NO_STORE)]
        await send(message)

    return wrapped


def session_cookie(secret: str, *, seconds: int, secure: bool) -> str:
    """The Set-Cookie value of a session; an empty secret removes it."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = secret
    morsel = cookie[COOKIE]
    morsel["path"] = "/"
    morsel["max-age"] = seconds
    morsel["httponly"] = True
    morsel["samesite"] = "Strict"
    if secure:
        morsel["secure"] = True
    return morsel.OutputString()
