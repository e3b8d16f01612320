"""The other end of the guard's line, played by the test: what a runner says, and what it is told.

The guard as a process, with its own journal and its own hands, is in `tests/guard`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

from tests.runner.harness import Rig, until
from tradedeck.kernel.frames import Unpacker, pack


class GuardPeer:
    """Listens at `run/guard.sock`; one runner at a time.

    Args:
        home: of the runner.
        halts, kills: what the latch holds.
        deaf: takes the connection and reads nothing, like a guard that is stopped.
    """

    def __init__(
        self,
        home: Path,
        halts: dict[str, Any] | None = None,
        kills: list[dict[str, Any]] | None = None,
        *,
        deaf: bool = False,
    ) -> None:
        self.halts, self.kills = halts or {}, kills or []
        self.dumb = False  # True: reads on, and answers no beat
        self.heard: list[tuple[float, dict[str, Any]]] = []
        self._deaf = deaf
        self._line: socket.socket | None = None
        path = home / "run" / "guard.sock"
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._path = path
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                self._line, _ = self._listener.accept()
                if not self._deaf:
                    threading.Thread(target=self._read, args=(self._line,), daemon=True).start()

    def _read(self, line: socket.socket) -> None:
        unpacker = Unpacker()
        with contextlib.suppress(OSError):  # the runner is gone
            while data := line.recv(65536):
                for frame in unpacker.feed(data):
                    self.heard.append((time.monotonic(), frame))
                    if frame["op"] == "hello":
                        self.say({"op": "latch", "halts": self.halts, "kills": self.kills})
                    elif frame["op"] == "beat" and not self.dumb:
                        self.say({"op": "heard", "n": frame["n"]})

    def say(self, frame: dict[str, Any]) -> None:
        """To the runner."""
        assert self._line is not None
        self._line.sendall(pack(frame))

    def told(self, op: str, **fields: Any) -> list[dict[str, Any]]:
        """Frames of that kind with these fields."""
        return [
            frame
            for _, frame in list(self.heard)
            if frame["op"] == op and all(frame.get(k) == v for k, v in fields.items())
        ]

    def wait(self, op: str, **fields: Any) -> dict[str, Any]:
        """The first of them."""
        return until(lambda: self.told(op, **fields), f"the runner to say {op} {fields}")[0]

    def close(self) -> None:
        """As a guard that ended."""
        for line in (self._listener, self._line):
            if line is not None:
                with contextlib.suppress(OSError):  # it broke before
                    line.shutdown(socket.SHUT_RDWR)
                line.close()
        self._path.unlink(missing_ok=True)


def lift(r: Rig, scope: str) -> None:
    """As a guard that a person on the host started beside a runner, and asked to lift."""
    with contextlib.closing(GuardPeer(r.home)) as peer:
        peer.wait("hello")
        peer.say({"op": "lift", "scope": scope, "reason": "calm", "by": "host", "id": "lift_1"})
        peer.wait("lifted", scope=scope)
