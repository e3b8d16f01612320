"""Asks of this host to its guard, over `run/guard.sock` (mode 0600): no account, no signature."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.frames import Unpacker, pack

READ_BYTES = 64 * 1024


@contextmanager
def session(home: Path, timeout_s: float = 5.0) -> Generator[Session]:
    """A connection to the guard of `home`; UNAVAILABLE where none answers."""
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(timeout_s)
        line.connect(str(home / "run" / "guard.sock"))
        yield Session(line)
    except OSError as error:
        raise TradedeckError(
            Code.UNAVAILABLE,
            f"The guard of the home {home} does not answer.",
            hint="Start it with `tradedeck up`, or `python -m tradedeck.guard`.",
        ) from error
    finally:
        line.close()


class Session:
    """One connection; frames in order."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._unpacker = Unpacker()
        self._read: list[dict[str, Any]] = []

    def ask(self, act: str, **fields: Any) -> dict[str, Any]:
        """Ask, and take the answer; raises the guard's refusal. OSError when the line breaks."""
        self._line.sendall(pack({"op": "ask", "act": act, **fields}))
        answer = self.next()
        if not answer.get("ok"):
            code = str(answer.get("code", ""))
            raise TradedeckError(
                Code(code) if code in Code.__members__ else Code.REFUSED,
                str(answer.get("detail", "The guard refused.")),
            )
        return answer

    def next(self) -> dict[str, Any]:
        """The next frame; OSError (also a timeout) when none comes."""
        while not self._read:
            data = self._line.recv(READ_BYTES)
            if not data:
                raise ConnectionError("the guard closed the line")
            self._read += self._unpacker.feed(data)
        return self._read.pop(0)


def ask(home: Path, act: str, *, timeout_s: float = 5.0, **fields: Any) -> dict[str, Any]:
    """One ask; its answer. Blocking: call it from a thread when in an event loop."""
    with session(home, timeout_s) as line:
        return line.ask(act, **fields)
