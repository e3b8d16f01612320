"""Ending a process for certain: by pidfd where the kernel has it, and its exit waited for.

A stopped process is not fenced, and a number alone is not a process: it is told apart by its start
time. Where there is no pidfd (not Linux), the number is signalled right after its start time was
compared, and its end is polled for; where there is no /proc either, the number is all there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import struct
import sys
from pathlib import Path

from tradedeck.guard.types import Process
from tradedeck.kernel.errors import Code, TradedeckError

POLL_S = 0.02
FENCE_S = 5.0  # a process in an uninterruptible call ends later; it is tried again
_STARTED = 19  # of the fields after the name in /proc/<pid>/stat: starttime
_DEAD = frozenset("ZX")
_DARWIN_LOCAL_PEERPID = 2


def started(pid: int) -> int | None:
    """When a living process began, in clock ticks since boot; None where it is not there (or a
    zombie), or the platform does not say.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in _DEAD else int(fields[_STARTED])


def peer(line: socket.socket) -> tuple[int | None, int | None]:
    """(pid, uid) of the other end of a unix socket, as the kernel knows them."""
    if sys.platform.startswith("linux"):
        data = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", data)
        return pid, uid
    if sys.platform == "darwin":
        return line.getsockopt(0, _DARWIN_LOCAL_PEERPID), None
    return None, None


class Handle:
    """A hold on one process that cannot come to mean another.

    Args:
        process: the number, and when it began (None: not known).

    Raises:
        TradedeckError: NOT_FOUND where that process is not there any more.

    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self._fd: int | None = None
        if hasattr(os, "pidfd_open"):
            try:
                self._fd = os.pidfd_open(process.pid)
            except ProcessLookupError:
                raise _gone(process) from None
        if self.ended or not self._same():
            self.close()
            raise _gone(process)

    @property
    def ended(self) -> bool:
        """Whether it is over: it runs no more, reaped or not."""
        if self._fd is not None:
            poll = select.poll()
            poll.register(self._fd, select.POLLIN)
            return bool(poll.poll(0))
        if Path("/proc/self/stat").exists():
            return not self._same()
        try:
            os.kill(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def _same(self) -> bool:
        if not Path("/proc/self/stat").exists():
            return True
        found = started(self.process.pid)
        return found is not None and self.process.started in (None, found)

    def kill(self) -> None:
        """SIGKILL; nothing where it is over."""
        with contextlib.suppress(ProcessLookupError):
            if self._fd is not None:
                signal.pidfd_send_signal(self._fd, signal.SIGKILL)
            elif self._same():
                os.kill(self.process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Until it is over."""
        while not self.ended:
            if self._fd is None:
                await asyncio.sleep(POLL_S)
                continue
            loop, over = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(self._fd, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(self._fd)

    async def fence(self, timeout_s: float = FENCE_S) -> bool:
        """Kill it and wait; True only when it is over."""
        self.kill()
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not self.ended:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_S / 10)
        return True

    def close(self) -> None:
        """Let go of it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _gone(process: Process) -> TradedeckError:
    return TradedeckError(Code.NOT_FOUND, f"process {process.pid} has ended")
