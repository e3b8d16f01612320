"""The guard's socket, `run/guard.sock` of mode 0600: the runner's session, and asks of this host.

Owns frames, who the peer is, and bounds. What a frame means is the guard's business.
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any, Protocol, cast

import structlog

from tradedeck.guard.fence import peer
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.frames import Unpacker, pack

READ_BYTES = 64 * 1024
SESSIONS_MAX = 64
UNSENT_BYTES_MAX = 1024 * 1024  # of a peer that reads nothing; a frozen runner needs a few frames
log: Any = structlog.get_logger(__name__)


class Session:
    """One connection. `pid` is the peer's by the kernel's word, None where it gives none."""

    def __init__(self, writer: asyncio.StreamWriter, pid: int | None) -> None:
        self._writer = writer
        self.pid = pid

    def send(self, frame: dict[str, Any]) -> None:
        """Queue a frame; a peer that takes nothing loses its session."""
        if self._writer.is_closing():
            return
        transport: Any = self._writer.transport
        if transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            transport.abort()
            return
        self._writer.write(pack(frame))

    def close(self) -> None:
        """End it."""
        self._writer.close()


class Acts(Protocol):
    """What the server hands frames to."""

    def runner(self, session: Session, frame: dict[str, Any]) -> None:
        """A frame of the runner's session (its first is `hello`). May raise INVALID, REFUSED."""
        ...

    def settled(self) -> None:
        """Every frame of one read was given."""
        ...

    async def ask(self, session: Session, frame: dict[str, Any]) -> dict[str, Any]:
        """An ask; the answer. May raise."""
        ...

    def gone(self, session: Session) -> None:
        """A session ended."""
        ...


class GuardServer:
    """Accepts sessions of this user (and root)."""

    def __init__(self, path: Path, acts: Acts) -> None:
        self._path = path
        self._acts = acts
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()

    async def start(self) -> None:
        """Listen; a socket file left by a dead guard is replaced (the journal's lock is held)."""
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        finally:
            os.umask(mask)

    async def stop(self) -> None:
        """Close every session."""
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = cast("socket.socket", writer.get_extra_info("socket"))
        pid, uid = peer(line)
        session = Session(writer, pid)
        if len(self._sessions) >= SESSIONS_MAX or uid not in (None, 0, os.geteuid()):
            log.warning("a session was refused", pid=pid, uid=uid, sessions=len(self._sessions))
            session.close()
            return
        self._sessions.add(session)
        unpacker = Unpacker()
        try:
            while data := await reader.read(READ_BYTES):
                try:
                    for frame in unpacker.feed(data):
                        await self._frame(session, frame)
                finally:
                    self._acts.settled()
                await writer.drain()
        except (ConnectionError, TradedeckError) as error:
            log.warning("session ended", pid=pid, reason=str(error))
        finally:
            self._sessions.discard(session)
            self._acts.gone(session)
            session.close()

    async def _frame(self, session: Session, frame: Any) -> None:
        if not isinstance(frame, dict):
            raise TradedeckError(Code.INVALID, "a frame was not an object")
        body = cast("dict[str, Any]", frame)
        if body.get("op") != "ask":
            self._acts.runner(session, body)
            return
        try:
            answer = await self._acts.ask(session, body)
        except TradedeckError as error:
            answer = {"ok": False, "code": error.code.value, "detail": str(error)}
        except (KeyError, TypeError, ValueError) as error:
            detail = f"the question was malformed: {type(error).__name__}: {error}"
            answer = {"ok": False, "code": Code.INVALID.value, "detail": detail}
        session.send(answer)
