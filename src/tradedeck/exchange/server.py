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

DELAYED_MAX = 20_000  # twice what a runner may have posted; beyond it a session is out of order
_DELAYED = frozenset({"place", "cancel", "cancel_all", "replace", "close_all"})
_ROLES = frozenset({"runner", "guard"})
# What a guard may ask for; an order of its own must be reduce-only besides.
GUARD_OPS = drills.OPS | {
    "place", "cancel", "cancel_all", "snapshot", "since", "lookup", "arm_dead_man",
}  # fmt: skip
ONLY_GUARD = frozenset({"arm_dead_man"})  # a runner that renewed it would outlive its purpose
TIMERS_S = 0.1


class _Session(asyncio.Protocol):
    """One connection: what it is, and what of it waits for its account's latency.

    No task stands between the socket and the core: what was read is handled in the same call.
    """

    def __init__(self, server: ExchangeServer) -> None:
        self._server = server
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._full = False
        self.role: str | None = None
        self.fenced = False
        self.delayed: deque[tuple[int, dict[str, Any]]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.joined(self)

    def data_received(self, data: bytes) -> None:
        self._turn(data)

    def pause_writing(self) -> None:
        """Who does not read its answers is asked nothing more."""
        assert self._transport is not None
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        assert self._transport is not None
        self._full = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._server.left(self)

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        assert self._transport is not None
        self._stop()
        self._transport.close()

    def _turn(self, data: bytes = b"") -> None:
        """Take what came, and what is due."""
        try:
            requests = self._unpacker.feed(data) if data else []
            if not all(isinstance(request, dict) for request in requests):
                raise TradedeckError(Code.INVALID, "a request was not an object")
            self._server.turn(self, requests)
            self._wait()
        except TradedeckError as error:
            log.warning("exchange session ended", reason=str(error))
            self.close()
        except Exception as error:  # noqa: BLE001 - memory may be ahead of the journal: start anew
            self._server.fatal(error)
            self.close()

    def _wait(self) -> None:
        """Come back when the first delayed request is due, unless its answer has no room."""
        self._stop()
        if self.delayed and not self._full:
            wait_s = self._server.seconds_to(self.delayed[0][0])
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._turn)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


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
        self.fatal = on_fatal
        self._server: asyncio.Server | None = None
        self._runner: _Session | None = None
        self._sessions: set[_Session] = set()

    async def start(self) -> None:
        """Listen; a socket file left by a dead process is replaced."""
        self._path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        mask = os.umask(0o177)
        try:
            self._server = await loop.create_unix_server(lambda: _Session(self), str(self._path))
        finally:
            os.umask(mask)

    async def watch(self) -> None:
        """Until cancelled: what goes off by itself. A fault ends the exchange, as in a session."""
        while True:
            await asyncio.sleep(TIMERS_S)
            try:
                self._fire()
            except Exception as error:  # noqa: BLE001 - memory may be ahead of the journal
                self.fatal(error)
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
        for session in list(self._sessions):
            session.close()
        self._path.unlink(missing_ok=True)

    def joined(self, session: _Session) -> None:
        """A connection was made; what it is, it says itself."""
        self._sessions.add(session)

    def left(self, session: _Session) -> None:
        """A connection is gone."""
        self._sessions.discard(session)
        if self._runner is session:
            self._runner = None

    def seconds_to(self, due_ns: int) -> float:
        """Seconds until a request is due; 0 where it is."""
        return max(0, due_ns - self._now_ns()) / 1e9

    def turn(self, session: _Session, requests: list[dict[str, Any]]) -> None:
        """Handle what came and is due, commit once, then answer.

        Raises:
            TradedeckError: TOO_MANY; the session ends.
        """
        delayed = session.delayed
        if session.fenced:  # what it sent before it was replaced, and was not read yet
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
            replies.append(self._answer(session, delayed.popleft()[1]))
        if not replies:
            return
        head = self._core.commit()
        if self._rooms is not None:
            self._rooms.commit()
        session.write(b"".join([pack(reply) for reply in replies]))
        self._push(session, replies)
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

    def _answer(self, session: _Session, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if request.get("op") == "hello":
                self._claim(session, request)
                return {"re": request.get("re"), "ok": True}
            self._allow(session.role, request)
            if self._rooms is not None and request.get("op") in drills.OPS:
                return {"re": request.get("re"), **self._rooms.handle(request)}
            return {"re": request.get("re"), **self._of(request).handle(request)}
        except TradedeckError as error:
            return {"re": request.get("re"), "error": str(error), "code": error.code.value}

    def _claim(self, session: _Session, request: dict[str, Any]) -> None:
        """A session says once what it is; a guard that became a runner would be no guard."""
        role = str(request.get("role"))
        if role not in _ROLES or session.role not in (None, role):
            raise TradedeckError(Code.FORBIDDEN, f"this session cannot be {role!r}")
        session.role = role
        if role != "runner":
            return
        if self._runner is not None and self._runner is not session:
            log.warning("a new runner session replaced the old one")
            self._runner.fenced = True
            self._runner.close()
        self._runner = session

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

    def _push(self, origin: _Session, replies: list[dict[str, Any]]) -> None:
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
