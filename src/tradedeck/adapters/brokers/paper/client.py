"""The line to the paper exchange: numbered requests, replies in order, pushes in between.

`post` sends without waiting; `settle` waits for everything posted. What is not answered in time, or
was in flight when the line broke, is unknown and said so: nothing here sends twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.venue.report import Report

HELLO_TIMEOUT_S = 0.5  # a venue that is frozen takes the connection and says nothing
READ_BYTES = 256 * 1024
POSTED_MAX = 10_000  # far above any turn; a caller that never settles is a bug


class Posted:
    """A request on its way. `reply` is None until answered, or for ever when the line broke."""

    __slots__ = ("future", "ref")

    def __init__(self, ref: str, future: asyncio.Future[dict[str, Any]]) -> None:
        self.ref = ref
        self.future = future


class ExchangeClient:
    """One session with the exchange.

    Args:
        path: the exchange's socket.
        role: `runner` (feeds prices, one at a time) or `guard`.
        on_push: called with reports that another session caused.
        on_lost: called once when the line breaks.
    """

    def __init__(
        self,
        path: Path,
        role: str,
        on_push: Callable[[list[Report]], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._path = path
        self._role = role
        self._on_push = on_push
        self._on_lost = on_lost
        self._writer: asyncio.StreamWriter | None = None
        self._reader_task: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next = 0
        self._out: list[bytes] = []
        self._posted: list[Posted] = []
        self.overdue = False

    @property
    def connected(self) -> bool:
        """Whether the line stands, as far as this side knows."""
        return self._writer is not None

    async def connect(self) -> None:
        """Open the line and claim the role; raises UNAVAILABLE."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path))
        except OSError as error:
            raise TradedeckError(
                Code.UNAVAILABLE,
                "the paper exchange does not answer",
                hint="See `tradedeck status`: the supervisor restarts it.",
            ) from error
        self._writer = writer
        self._reader_task = asyncio.create_task(self._read(reader, writer), name="exchange")
        await self.request("hello", HELLO_TIMEOUT_S, role=self._role)

    async def close(self) -> None:
        """End the session."""
        if self._reader_task is not None:
            self._reader_task.cancel()
        self._drop()

    async def request(self, op: str, timeout_s: float = 2.0, **fields: Any) -> dict[str, Any]:
        """Ask and wait; raises UNAVAILABLE, TIMEOUT, NOT_FOUND or REFUSED."""
        future = self._enqueue(op, fields)
        self.flush()
        try:
            reply = await asyncio.wait_for(asyncio.shield(future), timeout_s)
        except TimeoutError as error:
            raise TradedeckError(Code.TIMEOUT, f"the exchange did not answer {op}") from error
        if "error" in reply:
            missing = reply.get("code") == Code.NOT_FOUND.value
            code = Code.NOT_FOUND if missing else Code.REFUSED
            raise TradedeckError(code, f"the exchange refused {op}: {reply['error']}")
        return reply

    def post(self, op: str, ref: str, **fields: Any) -> None:
        """Queue a request whose reply `settle` collects; on the wire at the next `flush`."""
        if len(self._posted) >= POSTED_MAX:
            raise TradedeckError(Code.TOO_MANY, "too many requests were posted without settling")
        self._posted.append(Posted(ref, self._enqueue(op, fields)))

    def flush(self) -> None:
        """Write everything queued at once."""
        if self._writer is not None and self._out:
            self._writer.write(b"".join(self._out))
        self._out.clear()

    async def settle(self, timeout_s: float) -> tuple[list[Report], list[str], list[str]]:
        """Wait for what was posted: reports in order, refs unknown, refusals' words."""
        self.flush()
        posted, self._posted = self._posted, []
        reports: list[Report] = []
        unknown: list[str] = []
        refused: list[str] = []
        pending = [item.future for item in posted if not item.future.done()]
        if pending:
            await asyncio.wait(pending, timeout=timeout_s)
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
            if "error" in reply:
                refused.append(str(reply["error"]))
                unknown.append(item.ref)
            reports += [Report.from_body(body) for body in reply.get("reports", ())]
        return reports, unknown, refused

    def _late(self, future: asyncio.Future[dict[str, Any]]) -> None:
        """An answer after its deadline: what it reports is true all the same."""
        if not future.cancelled() and future.exception() is None:
            reports = future.result().get("reports", ())
            self._on_push([Report.from_body(body) for body in reports])

    def _enqueue(self, op: str, fields: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if self._writer is None:
            future.set_exception(TradedeckError(Code.UNAVAILABLE, "the exchange is not connected"))
            future.exception()  # looked at: whoever settles reads it as unknown
            return future
        self._next += 1
        self._waiting[self._next] = future
        self._out.append(pack({"op": op, "re": self._next, **fields}))
        return future

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unpacker = Unpacker()
        try:
            while data := await reader.read(READ_BYTES):
                for message in unpacker.feed(data):
                    self._take(message)
        except (OSError, TradedeckError):
            pass  # a broken line ends like a closed one: below
        finally:
            if self._writer is writer:
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
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(TradedeckError(Code.UNAVAILABLE, "the line broke"))
                future.exception()  # looked at: whoever settles reads it as unknown
