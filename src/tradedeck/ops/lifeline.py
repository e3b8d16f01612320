"""A process's word to whoever supervises it: that it serves, and that its working loop turns.

The same two words reach our own supervisor (a pipe), systemd (`sd_notify(3)`: READY=1, WATCHDOG=1)
and a probe (the time of `run/alive/<process>`). A beat must come from the loop that does the work:
a thread would go on beating for a loop that stands still.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import socket
import time
from pathlib import Path

from tradedeck.ops.child import READY_FD

NOTIFY_SOCKET = "NOTIFY_SOCKET"
BEAT_S = 0.5


class Lifeline:
    """Held by the entry point of each process.

    Args:
        home: its home; `run/alive/<process>` is touched there, so that a probe can look.
        process: its name.
    """

    def __init__(self, home: Path, process: str) -> None:
        descriptor = os.environ.pop(READY_FD, "")
        self._pipe = int(descriptor) if descriptor.isdigit() else None
        self._notify = _Notify(os.environ.pop(NOTIFY_SOCKET, ""))
        folder = home / "run" / "alive"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / process
        self._next = math.inf  # nothing before it serves, nothing after it said it ends
        if self._pipe is not None:
            os.set_blocking(self._pipe, False)

    def ready(self) -> None:
        """It serves now; what it was built from stays, and no collection walks it again.

        A full collection of what the api imports holds its loop for a tenth of a second.
        """
        gc.freeze()
        self._say(b"READY\n")
        self._notify.send(b"READY=1")
        self._next = 0.0
        self.beat()

    def beat(self) -> None:
        """The working loop turns. Cheap to call at every turn: it speaks twice a second."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + BEAT_S
        self._say(b".")
        self._notify.send(b"WATCHDOG=1")
        with contextlib.suppress(OSError):  # a full disk is no reason to stop
            self._file.touch(mode=0o600)

    async def keep(self) -> None:
        """Beat for ever: for a process whose work is its event loop."""
        import asyncio  # here, so that a process without a loop does not pay for it

        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def close(self) -> None:
        """It is about to end: nobody need wait for the next beat."""
        self._next = math.inf
        self._notify.send(b"STOPPING=1")
        self._notify.close()
        with contextlib.suppress(OSError):
            self._file.unlink()

    def _say(self, word: bytes) -> None:
        if self._pipe is None:
            return
        try:
            os.write(self._pipe, word)
        except BlockingIOError:
            return  # a supervisor that reads late finds enough beats in the pipe
        except OSError:
            self._pipe = None  # the supervisor is gone


class _Notify:
    """The socket of `sd_notify(3)`, a path or a name beginning with @."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._line is not None:
            self._line.setblocking(False)

    def send(self, words: bytes) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):  # systemd restarts what it does not hear
                self._line.sendto(words, self._address)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def age_s(home: Path, process: str) -> float | None:
    """Seconds since that process last said that its loop turns; None when it says nothing."""
    try:
        return max(0.0, time.time() - (home / "run" / "alive" / process).stat().st_mtime)
    except OSError:
        return None
