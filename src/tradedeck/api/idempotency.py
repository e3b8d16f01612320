"""Control posts may be sent twice: the same key and body within a day replay the first answer.

A `route_class`, so that it sits outside validation and handler and inside identity. Answers of
refusals are not kept: a refused act may be tried again. Never used where an answer holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute

from tradedeck.api.access import ACTOR
from tradedeck.api.context import Context, context_of
from tradedeck.api.front import SAFE
from tradedeck.identity import store
from tradedeck.identity.types import Actor
from tradedeck.kernel.canonical import digest
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError

HEADER = "idempotency-key"
KEPT_NS = 24 * 3600 * NS_PER_S
INFLIGHT_MAX = 1_000
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Keyed:
    key: str
    body_hash: str
    now_ns: int


class ControlRoute(APIRoute):
    """A route whose posts accept an Idempotency-Key."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, wrapped."""
        original = super().get_route_handler()

        async def handler(request: Request) -> Response:
            given = request.headers.get(HEADER)
            actor: Actor | None = request.scope.get(ACTOR)
            if given is None or actor is None or request.method in SAFE:
                return await original(request)
            return await _once(request, actor, given, original)

        return handler


async def _once(request: Request, actor: Actor, given: str, original: Handler) -> Response:
    context = context_of(request)
    if not _KEY.match(given):
        raise TradedeckError(
            Code.INVALID, "The Idempotency-Key must be 1 to 200 visible ASCII characters."
        )
    named = f"{actor.via}|{actor.credential}|{request.method}|{request.url.path}|{given}"
    keyed = _Keyed(digest(named.encode()), digest(await request.body()), context.clock.now_ns())
    if keyed.key in context.inflight:
        raise TradedeckError(
            Code.CONFLICT, "The same request is being worked on.", hint="Ask for its result later."
        )
    if len(context.inflight) >= INFLIGHT_MAX:
        raise TradedeckError(Code.UNAVAILABLE, "Too many acts at once.")
    context.inflight.add(keyed.key)
    try:
        kept = await _kept(context, keyed)
        if kept is not None:
            return kept
        response = await original(request)
        if response.status_code < 400:
            await _keep(context, keyed, response)
        return response
    finally:
        context.inflight.discard(keyed.key)


async def _kept(context: Context, keyed: _Keyed) -> Response | None:
    try:
        row = await context.store.read(lambda read: store.answer(read, keyed.key))
    except TradedeckError as error:  # a store that fails must not keep anybody from stopping
        log.warning("an idempotency key was not looked up", code=error.code)
        return None
    if row is None or row["at_ns"] < keyed.now_ns - KEPT_NS:
        return None
    if row["body_hash"] != keyed.body_hash:
        raise TradedeckError(
            Code.INVALID,
            "This Idempotency-Key was used with another body.",
            hint="A new act takes a new key.",
        )
    return Response(
        str(row["response"]),
        int(row["status"]),
        media_type="application/json",
        headers={"idempotency-replayed": "true"},
    )


async def _keep(context: Context, keyed: _Keyed, response: Response) -> None:
    row = {
        "key": keyed.key,
        "body_hash": keyed.body_hash,
        "status": response.status_code,
        "response": bytes(response.body).decode(),
        "at_ns": keyed.now_ns,
    }
    oldest = keyed.now_ns - KEPT_NS
    try:
        await context.store.write(lambda write: store.keep_answer(write, row, oldest))
    except TradedeckError as error:  # the act is done; a repeat may be done again, and says so
        log.warning("an answer was not kept for its idempotency key", code=error.code)
