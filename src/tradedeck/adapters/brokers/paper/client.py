"""The line to the paper exchange: numbered requests, replies in order, pushes in between.

`post` sends without waiting; `settle` waits for everything posted. What is not answered in time, or
was in flight when the line broke, is unknown and said so: nothing here sends twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.venue.report import Report

HELLO_TIMEOUT_S = 0.5  # a venue that is frozen takes the connection and says nothing
WAIT_SLICE_S = 0.1
POSTED_MAX = 10_000  # far above any turn; a caller that never settles is a bug


class Posted:
    """A request on its way, with the client id it is about."""

    __slots__ = ("future", "op", "ref")

    def __init__(self, op: str, ref: str, future: asyncio.Future[dict[str, Any]]) -> None:
        self.op = op
        self.ref = ref
        self.future = future


class _Line(asyncio.Protocol):
    """The socket: whole messages in, bytes out. No task stands between it and who waits."""

    def __init__(
        self, take: Callable[[dict[str, Any]], None], broken: Callable[[_Line], None]
    ) -> None:
        self._take = take
        self._broken = broken
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._unpacker.feed(data)
        except TradedeckError:
            self.close()  # a line that talks nonsense ends like a broken one
            return
        for message in messages:
            self._take(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._broken(self)

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


class ExchangeClient:
    """One session with the exchange.

    Args:
        path: the exchange's socket.
        role: `runner` (feeds prices, one at a time) or `guard`.
        on_push: called with reports that another session caused.
        on_lost: called once when the line breaks.
        on_wait: called every 100 ms while an answer is waited for.
    """

    def __init__(
        self,
        path: Path,
        role: str,
        on_push: Callable[[list[Report]], None],
        on_lost: Callable[[], None],
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        self._on_wait = on_wait or (lambda: None)
        self._path = path
        self._role = role
        self._on_push = on_push
        self._on_lost = on_lost
        self._line: _Line | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next = 0
        self._out: list[bytes] = []
        self._posted: list[Posted] = []
        self.overdue = False

    @property
    def connected(self) -> bool:
        """Whether the line stands, as far as this side knows."""
        return self._line is not None

    async def connect(self) -> None:
        """Open the line and claim the role; raises UNAVAILABLE."""
        line = _Line(self._take, self._broken)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: line, str(self._path))
        except OSError as error:
            raise TradedeckError(
                Code.UNAVAILABLE,
                "the paper exchange does not answer",
                hint="See `tradedeck status`: the supervisor restarts it.",
            ) from error
        self._line = line
        await self.request("hello", HELLO_TIMEOUT_S, role=self._role)

    async def close(self) -> None:
        """End the session."""
        self._drop()

    async def request(self, op: str, timeout_s: float = 2.0, **fields: Any) -> dict[str, Any]:
        """Ask and wait; raises UNAVAILABLE, TIMEOUT, NOT_FOUND or REFUSED."""
        future = self._enqueue(op, fields)
        self.flush()
        await self._answered(future, timeout_s)
        if not future.done():
            raise TradedeckError(Code.TIMEOUT, f"the exchange did not answer {op}")
        reply = future.result()
        if "error" in reply:
            missing = reply.get("code") == Code.NOT_FOUND.value
            code = Code.NOT_FOUND if missing else Code.REFUSED
            raise TradedeckError(code, f"the exchange refused {op}: {reply['error']}")
        return reply

    def post(self, op: str, ref: str, **fields: Any) -> None:
        """Queue a request whose reply `settle` collects; on the wire at the next `flush`."""
        if len(self._posted) >= POSTED_MAX:
            raise TradedeckError(Code.TOO_MANY, "too many requests were posted without settling")
        self._posted.append(Posted(op, ref, self._enqueue(op, fields)))

    def flush(self) -> None:
        """Write everything queued at once."""
        if self._line is not None and self._out:
            self._line.write(b"".join(self._out))
        self._out.clear()

    async def settle(self, timeout_s: float) -> tuple[list[Report], list[str], list[str]]:
        """Wait for what was posted: reports in order, refs unknown, refusals' words."""
        self.flush()
        posted, self._posted = self._posted, []
        reports: list[Report] = []
        unknown: list[str] = []
        refused: list[str] = []
        if posted and not posted[-1].future.done():  # replies come in order
            await self._answered(posted[-1].future, timeout_s)
        for item in posted:
            future = item.future
            if not future.done():
                self.overdue = True
                future.add_done_callback(self._late)  # its reports must not be lost
                unknown.append(item.ref)
                continue
            if future.cancelled() or future.exception() is not None:
                unknown.append(item.ref)
                continue
            reply = future.result()
            if "error" in reply and item.op != "bar":  # no price at all: the engine left it out too
                refused.append(str(reply["error"]))
                unknown.append(item.ref)
            reports += [Report.from_body(body) for body in reply.get("reports", ())]
        return reports, unknown, refused

    async def _answered(self, asked: asyncio.Future[dict[str, Any]], timeout_s: float) -> None:
        """Wait until it is answered, or the time is over; in slices, so that it is seen."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not asked.done() and (left := deadline - loop.time()) > 0:
            waiter: asyncio.Future[None] = loop.create_future()
            release = partial(_release, waiter)
            timer = loop.call_later(min(left, WAIT_SLICE_S), release)
            asked.add_done_callback(release)
            try:
                await waiter
            finally:
                timer.cancel()
                asked.remove_done_callback(release)
            if not asked.done():
                self._on_wait()

    def _late(self, future: asyncio.Future[dict[str, Any]]) -> None:
        """An answer after its deadline: what it reports is true all the same."""
        if not future.cancelled() and future.exception() is None:
            reports = future.result().get("reports", ())
            self._on_push([Report.from_body(body) for body in reports])

    def _enqueue(self, op: str, fields: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if self._line is None:
            future.set_exception(TradedeckError(Code.UNAVAILABLE, "the exchange is not connected"))
            future.exception()  # looked at: whoever settles reads it as unknown
            return future
        self._next += 1
        self._waiting[self._next] = future
        self._out.append(pack({"op": op, "re": self._next, **fields}))
        return future

    def _broken(self, line: _Line) -> None:
        if self._line is line:
            self._drop()
            self._on_lost()

    def _take(self, message: dict[str, Any]) -> None:
        if "push" in message:
            self._on_push([Report.from_body(body) for body in message["push"]])
            return
        future = self._waiting.pop(message.get("re", 0), None)
        if future is not None and not future.done():
            future.set_result(message)

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(TradedeckError(Code.UNAVAILABLE, "the line broke"))
                future.exception()  # looked at: whoever settles reads it as unknown


def _release(waiter: asyncio.Future[None], _asked: object = None) -> None:
    if not waiter.done():
        waiter.set_result(None)
