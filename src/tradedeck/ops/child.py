"""A process's side of being supervised: dying with its supervisor (`lifeline` says that it serves).

And the way to ask the supervisor for something, through its socket in the home.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

import orjson

from tradedeck.kernel.errors import Code, TradedeckError

READY_FD = "TRADEDECK_READY_FD"
PARENT_FD = "TRADEDECK_PARENT_FD"
SOCKET_PATH_BYTES_MAX = 100  # 108 on Linux, 104 on macOS, with the closing zero


def watch_parent() -> None:
    """Where the kernel cannot (PR_SET_PDEATHSIG is Linux's), end when the supervisor is gone."""
    number = os.environ.pop(PARENT_FD, "")
    if not number.isdigit():
        return

    def wait() -> None:
        with contextlib.suppress(OSError):
            os.read(int(number), 1)  # returns only at the end of the other side
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def ask_supervisor(home: Path, act: str, process: str = "", *, timeout_s: float = 5) -> Any:
    """Ask for `status`, `start`, `restart` or `stop`; raises UNAVAILABLE when there is none.

    Blocking: call it from a thread when in an event loop.
    """
    path = home / "run" / "supervisor.sock"
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout_s)
            line.connect(str(path))
            line.sendall(orjson.dumps({"act": act, "process": process}) + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                piece = line.recv(65536)
                if not piece:
                    break
                data += piece
    except OSError as error:
        raise TradedeckError(
            Code.UNAVAILABLE,
            f"Tradedeck is not running on the home {home}.",
            hint="Start it with `tradedeck up`.",
        ) from error
    answer = orjson.loads(data or b"{}")
    if not answer.get("ok"):
        raise TradedeckError(Code.REFUSED, str(answer.get("detail", "The supervisor refused.")))
    return answer
