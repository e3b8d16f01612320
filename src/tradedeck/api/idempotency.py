"""Control posts may be sent twice: the same key and body within a day replay the first answer.

A `route_class`, so that it sits outside validation and handler and inside identity. What is begun
is durable before the handler runs; what is refused frees its key; what ended without a word whether
it took effect is not done again under its key (`identity.repeats`). The key follows the IETF draft
`Idempotency-Key` header field, as a quoted string or bare.

What only stops takes a key where one is given and is never refused for its absence, for a rate, or
because the store is away: it is idempotent by its nature.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

import orjson
import structlog
from fastapi import Request, Response
from fastapi.exceptions import ValidationException
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException

from tradedeck.api.context import ACTOR, Context, context_of
from tradedeck.api.front import SAFE
from tradedeck.identity import rates, repeats
from tradedeck.identity.repeats import Claim, Kept, State
from tradedeck.identity.types import Actor
from tradedeck.kernel.canonical import digest
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.database import Store
from tradedeck.store.scope import Door
from tradedeck.store.sessions import WriteSession

HEADER: Final = "idempotency-key"
DEMANDED: Final = frozenset({"POST", "PATCH"})  # the others are idempotent by HTTP itself
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")
_REPEATED: Final = frozenset({"etag", "location", "content-type"})
# Refusals that do not say "not done".
_UNKNOWN: Final = frozenset({Code.TIMEOUT, Code.INTERNAL, Code.STORAGE})
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
log = structlog.get_logger(__name__)


class ControlRoute(APIRoute):
    """A route whose POST and PATCH demand an Idempotency-Key and count as acts of their sender."""

    stops: ClassVar = False
    secret: ClassVar = False

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, wrapped."""
        original = super().get_route_handler()

        async def handler(request: Request) -> Response:
            actor: Actor | None = request.scope.get(ACTOR)
            if actor is None or request.method in SAFE:  # front let it pass, or it changes nothing
                return await original(request)
            given = request.headers.get(HEADER)
            if given is None:
                if not self.stops:
                    await _counted(request, actor)
                return await original(request)
            act = _Act(request, actor, given, stops=self.stops, secret=self.secret)
            return await act.once(original)

        return handler


class StopRoute(ControlRoute):
    """A route that only stops: its key is welcome, nothing of it is demanded or counted."""

    stops = True


class SecretRoute(ControlRoute):
    """A control route whose answer may hold a secret: it is done once, and not answered twice."""

    secret = True


async def _counted(request: Request, actor: Actor) -> None:
    """Of an act without a key: refused where it needs one, else counted."""
    if request.method in DEMANDED:
        raise _missing()
    context, who = context_of(request), f"{actor.via}:{actor.credential}"
    rule, now = context.limits.control, context.clock.now_ns()

    def work(write: WriteSession) -> None:
        rates.take(write, rule, who, tenant=actor.tenant, now_ns=now)

    await context.store.write(work)


def _missing() -> TradedeckError:
    return TradedeckError(
        Code.KEY_REQUIRED,
        "This act needs an Idempotency-Key header, so that a lost answer does not do it twice.",
        hint="Send any new word of your own with each act, a UUID for instance, and the same one "
        "when you repeat it.",
    )


class _Act:
    def __init__(
        self, request: Request, actor: Actor, given: str, *, stops: bool, secret: bool
    ) -> None:
        self._request = request
        self._actor = actor
        self._given = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
        self._stops = stops
        self._secret = secret
        self._context: Context = context_of(request)
        if not _KEY.match(self._given):
            raise TradedeckError(
                Code.INVALID, "The Idempotency-Key must be 1 to 200 visible ASCII characters."
            )

    async def once(self, original: Handler) -> Response:
        claim = await self._claim()
        try:
            kept = await self._begin(claim)
        except TradedeckError as error:
            if not self._stops or error.code not in (Code.STORAGE, Code.UNAVAILABLE):
                raise
            log.warning("a key was not looked up", path=self._request.url.path, code=error.code)
            return await original(self._request)
        if kept is not None:
            return _replayed(kept)
        try:
            response = await original(self._request)
        except TradedeckError as error:
            is_unknown = error.code in _UNKNOWN
            await self._end(lambda w: (repeats.lose if is_unknown else repeats.free)(w, claim))
            raise
        except (ValidationException, HTTPException):  # of the request's form: nothing was done
            await self._end(lambda w: repeats.free(w, claim))
            raise
        except Exception:  # a fault of ours: raised again, and its key says that nobody knows
            await self._end(lambda w: repeats.lose(w, claim))
            raise
        await self._end(lambda w: self._finish(w, claim, response))
        return response

    async def _claim(self) -> Claim:
        url, owner = self._request.url, f"{self._actor.via}:{self._actor.credential}"
        named = f"{owner}|{self._request.method}|{url.path}|{self._given}"
        content = url.query.encode() + b"\n" + await self._request.body()
        now = self._context.clock.now_ns()
        return Claim(digest(named.encode()), self._actor.tenant, owner, digest(content), now)

    async def _begin(self, claim: Claim) -> Kept | None:
        limits = self._context.limits

        def work(write: WriteSession) -> Kept | None:
            if not self._stops:
                who, now = claim.session, claim.now_ns
                rates.take(write, limits.control, who, tenant=claim.tenant, now_ns=now)
            return repeats.begin(write, claim, again=self._stops)

        try:
            return await self._context.store.write(work)
        except IntegrityError:  # another api was first with this very key
            raise repeats.in_flight() from None

    def _finish(self, write: WriteSession, claim: Claim, response: Response) -> None:
        if response.status_code >= 400:
            repeats.free(write, claim)
            return
        body = bytes(response.body).decode()
        if self._secret and body:
            repeats.finish(write, claim, State.SHOWN, Kept(response.status_code, "{}", ""))
            return
        said = {name: value for name, value in response.headers.items() if name in _REPEATED}
        kept = Kept(response.status_code, orjson.dumps(said).decode(), body)
        repeats.finish(write, claim, State.DONE, kept)

    async def _end(self, work: Callable[[WriteSession], None]) -> None:
        try:
            await self._context.store.write(work)
        except (
            TradedeckError
        ) as error:  # its key stays begun: refused until the next start resolves
            path = self._request.url.path
            log.warning("how an act ended was not kept for its key", path=path, code=error.code)


def _replayed(kept: Kept) -> Response:
    headers = {**orjson.loads(kept.headers), "idempotency-replayed": "true"}
    return Response(kept.response, kept.status, headers=headers)


def resolve(store: Store) -> None:
    """At the start of the api, before it serves: what an earlier one was cut off in."""
    freed, lost = store.beyond(Door.CONTROL).write_now(repeats.resolve)
    if freed or lost:
        log.warning("acts were cut off by the last end of the api", free=freed, unknown=lost)
