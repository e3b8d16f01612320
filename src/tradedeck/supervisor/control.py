"""The supervisor's socket: the acts that a person or a process of this home may ask for."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, Protocol

import orjson

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.child import SOCKET_PATH_BYTES_MAX

QUESTION_BYTES_MAX = 4096
PATIENCE_S = 0.5  # whoever connects and says nothing may not hold the loop longer


class Acts(Protocol):
    """What can be asked of the supervisor."""

    children: dict[str, Any]

    def start(self, name: str) -> str: ...
    def restart(self, name: str) -> str: ...
    def stop(self) -> None: ...
    def snapshot(self) -> dict[str, Any]: ...


def listen(path: Path) -> socket.socket:
    """The socket in the home, for its owner only."""
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise TradedeckError(
            Code.INVALID_SETTING,
            f"The home's path is too long for sockets: {path} has {len(str(path))} characters, "
            f"{SOCKET_PATH_BYTES_MAX} are possible.",
            hint="Set TRADEDECK_HOME to a shorter path.",
        )
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    old = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(old)
    listener.listen(16)
    listener.setblocking(False)
    return listener


def answer(acts: Acts, connection: socket.socket) -> None:
    """Read one line, do it, answer one line. Raises OSError when the asker went away."""
    connection.settimeout(PATIENCE_S)
    data = b""
    while not data.endswith(b"\n") and len(data) < QUESTION_BYTES_MAX:
        piece = connection.recv(QUESTION_BYTES_MAX)
        if not piece:
            break
        data += piece
    connection.sendall(orjson.dumps(_act(acts, data)) + b"\n")


def _act(acts: Acts, data: bytes) -> dict[str, Any]:
    try:
        asked = orjson.loads(data)
        act, process = str(asked["act"]), str(asked.get("process", ""))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return {"ok": False, "detail": "The question was not understood."}
    if act == "status":
        return {"ok": True} | acts.snapshot()
    if act == "stop":
        acts.stop()
        return {"ok": True, "detail": "Tradedeck is stopping."}
    if act in ("start", "restart"):
        if process not in acts.children:
            return {"ok": False, "detail": f"There is no process {process!r} here."}
        done = acts.start(process) if act == "start" else acts.restart(process)
        return {"ok": True, "detail": done}
    return {"ok": False, "detail": f"There is no act {act!r}."}
