"""Structured logs of every process: the newest lines, and lines as they are written."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tradedeck.api.access import requires
from tradedeck.api.context import Context, Ctx
from tradedeck.api.hub import LAST_SEND_S, SEND_S, message
from tradedeck.api.reading import answer
from tradedeck.api.stream import HEADERS, HEARTBEAT_S, may_go_on
from tradedeck.api.views_operations import LogPage
from tradedeck.identity.permissions import Permission
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import logfiles

router = APIRouter(tags=["logs"])
Reader = Annotated[Actor, requires(Permission.READ)]
Process = Annotated[str | None, Query(pattern="^[a-z][a-z0-9_-]{0,40}$", max_length=41)]
Level = Annotated[str | None, Query(pattern=f"^({'|'.join(logfiles.LEVELS)})$")]
Search = Annotated[str | None, Query(min_length=1, max_length=200)]
FOLLOW_S: Final = 0.25
FOLLOWERS_MAX: Final = 20  # each reads files four times a second
LINES_MAX: Final = 500  # of one turn; a flood is said, not sent
_followers: set[int] = set()


@router.get("/logs", response_model=LogPage)
async def logs(
    actor: Reader,
    ctx: Ctx,
    process: Process = None,
    level: Level = None,
    q: Search = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> Response:
    """The newest lines, oldest first, redacted once more."""
    ctx.host_only("What processes log")
    wanted = logfiles.Filter(process, level, q)
    folder = ctx.settings.home / "logs"
    items, truncated = await asyncio.to_thread(logfiles.tail, folder, wanted, limit)
    return answer({"items": items, "truncated": truncated})


class _Following(Response):
    """Lines as they are written."""

    media_type = "text/event-stream"

    def __init__(
        self,
        context: Context | None = None,
        actor: Actor | None = None,
        wanted: logfiles.Filter | None = None,
        status_code: int = 200,
    ) -> None:
        super().__init__(status_code=status_code)
        self._parts = context, actor, wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the reader goes, the credential ends, or the process stops."""
        context, actor, wanted = self._parts
        assert context is not None
        assert actor is not None
        assert wanted is not None
        _followers.add(id(self))
        gone = asyncio.create_task(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            why = await self._follow(context, actor, wanted, send, gone)
            async with asyncio.timeout(LAST_SEND_S):
                farewell = message("closed", {"reason": why})
                await send({"type": "http.response.body", "body": farewell})
        except TimeoutError:
            return  # the server drops the connection of an unfinished answer
        finally:
            _followers.discard(id(self))
            gone.cancel()

    async def _follow(
        self,
        context: Context,
        actor: Actor,
        wanted: logfiles.Filter,
        send: Send,
        gone: asyncio.Task[None],
    ) -> str:
        folder = context.settings.home / "logs"
        follower = await asyncio.to_thread(logfiles.Follower, folder, wanted)
        await _put(send, message("hello", {}, retry_ms=1_000))
        loop = asyncio.get_running_loop()
        beat = loop.time() + HEARTBEAT_S
        while not gone.done():
            lines = await asyncio.to_thread(follower.turn)
            if lines or loop.time() >= beat:
                await _put(send, _encoded(lines) or b": still here\n\n")
                beat = loop.time() + HEARTBEAT_S
            why = await may_go_on(context, actor)
            if why is not None:
                return why
            await asyncio.wait([gone], timeout=FOLLOW_S)
        return "GONE"


def _encoded(lines: list[logfiles.Line]) -> bytes:
    skipped = max(0, len(lines) - LINES_MAX)
    parts = [message("gap", {"lines": skipped})] if skipped else []
    return b"".join([*parts, *(message("log", line) for line in lines[skipped:])])


async def _put(send: Send, data: bytes) -> None:
    async with asyncio.timeout(SEND_S):
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "`log` {at, process, level, event, fields}; `gap` {lines}; `closed`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/logs/stream", response_class=_Following, responses=_RESPONSES)
async def follow(
    actor: Reader, ctx: Ctx, process: Process = None, level: Level = None, q: Search = None
) -> Response:
    """Lines as they are written, across rotation."""
    ctx.host_only("What processes log")
    if len(_followers) >= FOLLOWERS_MAX:
        raise TradedeckError(
            Code.TOO_MANY, "Too many pages follow the logs.", hint="Close one of them."
        )
    return _Following(ctx, actor, logfiles.Filter(process, level, q))
