"""Serves the exchange on a unix socket of mode 0600, and its journal on the bus.

One runner session at a time: a new one closes the old, so that a runner which was replaced can
send nothing more. Requests of one read are one turn: handled, committed once, then answered.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import structlog

from tradedeck.exchange import drills
from tradedeck.exchange.core import ExchangeCore
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.frames import Unpacker, pack

log: Any = structlog.get_logger(__name__)

READ_BYTES = 256 * 1024
DELAYED_MAX = 20_000  # twice what a runner may have posted; beyond it a session is out of order
_DELAYED = frozenset({"place", "cancel", "cancel_all", "replace", "close_all"})
_ROLES = frozenset({"runner", "guard"})
# What a guard may ask for; an order of its own must be reduce-only besides.
GUARD_OPS = drills.OPS | {
    "place", "cancel", "cancel_all", "snapshot", "since", "lookup", "arm_dead_man",
}  # fmt: skip
ONLY_GUARD = frozenset({"arm_dead_man"})  # a runner that renewed it would outlive its purpose
TIMERS_S = 0.1


class ExchangeServer:
    """Accepts sessions and carries their requests to the core."""

    def __init__(
        self,
        core: ExchangeCore,
        path: Path,
        on_commit: Callable[[int], None],
        now_ns: Callable[[], int],
        on_fatal: Callable[[Exception], None],
        rooms: drills.Drills | None = None,
    ) -> None:
        self._core = core
        self._rooms = rooms
        self._path = path
        self._on_commit = on_commit
        self._now_ns = now_ns
        self._on_fatal = on_fatal
        self._server: asyncio.Server | None = None
        self._runner: asyncio.StreamWriter | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._roles: dict[asyncio.StreamWriter, str] = {}
        self._fenced: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; a socket file left by a dead process is replaced."""
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._session, str(self._path))
        finally:
            os.umask(mask)

    async def watch(self) -> None:
        """Until cancelled: what goes off by itself. A fault ends the exchange, as in a session."""
        while True:
            await asyncio.sleep(TIMERS_S)
            try:
                self._fire()
            except Exception as error:  # noqa: BLE001 - memory may be ahead of the journal
                self._on_fatal(error)
                return

    def _fire(self) -> None:
        due = bool(self._core.timers.due())
        reports = self._core.fire(self._now_ns())
        if not due:
            return
        head = self._core.commit()
        if self._runner is not None and reports:
            self._runner.write(pack({"push": reports}))
        self._on_commit(head)

    async def stop(self) -> None:
        """Close every session."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        self._path.unlink(missing_ok=True)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        unpacker = Unpacker()
        delayed: deque[tuple[int, dict[str, Any]]] = deque()
        try:
            while data := await self._read(reader, delayed):
                requests = [] if data is _DUE else unpacker.feed(data)
                if not all(isinstance(request, dict) for request in requests):
                    raise TradedeckError(Code.INVALID, "a request was not an object")
                self._turn(writer, requests, delayed)
                await writer.drain()
        except (ConnectionError, TradedeckError) as error:
            log.warning("exchange session ended", reason=str(error))
        except Exception as error:  # noqa: BLE001 - memory may be ahead of the journal: start anew
            self._on_fatal(error)
        finally:
            self._writers.discard(writer)
            self._roles.pop(writer, None)
            self._fenced.discard(writer)
            if self._runner is writer:
                self._runner = None
            writer.close()

    async def _read(
        self, reader: asyncio.StreamReader, delayed: deque[tuple[int, dict[str, Any]]]
    ) -> bytes:
        if not delayed:
            return await reader.read(READ_BYTES)
        wait_s = max(0, delayed[0][0] - self._now_ns()) / 1e9
        try:
            return await asyncio.wait_for(reader.read(READ_BYTES), wait_s)
        except TimeoutError:
            return _DUE

    def _turn(
        self,
        writer: asyncio.StreamWriter,
        requests: list[dict[str, Any]],
        delayed: deque[tuple[int, dict[str, Any]]],
    ) -> None:
        if writer in self._fenced:  # what it sent before it was replaced, and was not read yet
            delayed.clear()
            return
        if len(delayed) + len(requests) > DELAYED_MAX:
            # The session ends; whoever sent looks up what became of each order.
            raise TradedeckError(Code.TOO_MANY, f"more than {DELAYED_MAX} requests were waiting")
        now = self._now_ns()
        for request in requests:
            delayed.append((now + self._latency(request), request))
        replies: list[dict[str, Any]] = []
        while delayed and delayed[0][0] <= now:
            replies.append(self._answer(writer, delayed.popleft()[1]))
        if not replies:
            return
        head = self._core.commit()
        if self._rooms is not None:
            self._rooms.commit()
        writer.write(b"".join(pack(reply) for reply in replies))
        self._push(writer, replies)
        self._on_commit(head)

    def _latency(self, request: dict[str, Any]) -> int:
        if str(request.get("op")) not in _DELAYED:
            return 0
        order: Any = request.get("order")
        fields = cast("dict[str, Any]", order) if isinstance(order, dict) else request
        return self._of(request).latency_ns.get(str(fields.get("account")), 0)

    def _of(self, request: dict[str, Any]) -> ExchangeCore:
        """Whose matching a request is about: a drill's room, or the exchange's own."""
        room = None if self._rooms is None else self._rooms.of(request)
        return self._core if room is None else room

    def _answer(self, writer: asyncio.StreamWriter, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if request.get("op") == "hello":
                self._claim(writer, request)
                return {"re": request.get("re"), "ok": True}
            self._allow(self._roles.get(writer), request)
            if self._rooms is not None and request.get("op") in drills.OPS:
                return {"re": request.get("re"), **self._rooms.handle(request)}
            return {"re": request.get("re"), **self._of(request).handle(request)}
        except TradedeckError as error:
            return {"re": request.get("re"), "error": str(error), "code": error.code.value}

    def _claim(self, writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        """A session says once what it is; a guard that became a runner would be no guard."""
        role = str(request.get("role"))
        if role not in _ROLES or self._roles.setdefault(writer, role) != role:
            raise TradedeckError(Code.FORBIDDEN, f"this session cannot be {role!r}")
        if role != "runner":
            return
        if self._runner is not None and self._runner is not writer:
            log.warning("a new runner session replaced the old one")
            self._fenced.add(self._runner)
            self._runner.close()
        self._runner = writer

    @staticmethod
    def _allow(role: str | None, request: dict[str, Any]) -> None:
        """Refuse what the session's role does not do."""
        operation = str(request.get("op"))
        if role is None:
            raise TradedeckError(Code.FORBIDDEN, "a session says hello before it asks")
        if role == "runner":
            if operation in ONLY_GUARD:
                raise TradedeckError(Code.FORBIDDEN, f"a runner's session may not {operation}")
            return
        if operation not in GUARD_OPS:
            raise TradedeckError(Code.FORBIDDEN, f"a guard's session may not {operation}")
        order: Any = request.get("order")
        if operation == "place" and not (
            isinstance(order, dict) and cast("dict[str, Any]", order).get("reduce_only") is True
        ):
            raise TradedeckError(Code.FORBIDDEN, "a guard's order must be reduce-only")

    def _push(self, origin: asyncio.StreamWriter, replies: list[dict[str, Any]]) -> None:
        """What another session caused, the runner hears as well."""
        runner = self._runner
        if runner is None or runner is origin:
            return
        reports = [
            report
            for reply in replies
            if reply.get("re") is not None
            for report in reply.get("reports", ())
            if "head" not in reply and "known" not in reply
            if not report["account"].startswith(drills.PREFIX)
        ]
        if reports:
            runner.write(pack({"push": reports}))


_DUE = b"\x00due"
