"""The clean parent that strategy hosts are forked from: strategies imported once, nothing open.

Owns spawning and reaping. Its own parent is the runner; it ends when the runner does.
"""

from __future__ import annotations

import array
import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tradedeck.host import child, sandbox
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.strategies import registry
from tradedeck.strategies.interface import Strategy

_FDS = array.array("i")


class Zygote:
    """Serves `spawn` requests from the runner over one socket."""

    def __init__(
        self,
        control: socket.socket,
        strategies: dict[str, type[Strategy]],
        fault: str,
        readable: Sequence[str] = (),
    ) -> None:
        self._control = control
        self._strategies = strategies
        self._fault = fault
        self._readable = readable
        self._unpacker = Unpacker()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)

    def run(self) -> None:
        """Until the runner is gone."""
        signal.signal(signal.SIGCHLD, _noticed)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._control.sendall(
            pack(
                {
                    "ready": True,
                    "fault": self._fault,
                    "strategies": [
                        registry.describe(cls, "host")
                        for name, cls in self._strategies.items()
                        if name not in registry.BUILTIN
                    ],
                }
            )
        )
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(self._wake_read, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._control:
                    if not self._receive():
                        return
                else:
                    os.read(self._wake_read, 4096)
                    self._reap()

    def _receive(self) -> bool:
        data, ancillary, _, _ = self._control.recvmsg(256 * 1024, socket.CMSG_SPACE(8))
        fds = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        _FDS.extend(fds)
        for request in self._unpacker.feed(data):
            self._spawn(request)
        return bool(data)

    def _spawn(self, request: dict[str, Any]) -> None:
        line, output = _FDS.pop(0), _FDS.pop(0)
        pid = os.fork()
        if pid == 0:
            self._become(line, output, request)
        os.close(line)
        os.close(output)
        self._control.sendall(pack({"spawned": request["trader"], "pid": pid}))

    def _become(self, line: int, output: int, request: dict[str, Any]) -> NoReturn:
        """In the child: keep the line, the output and nothing else."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.setsid()
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            kept = os.dup2(line, 3)
            os.closerange(4, 65_536)
            sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
            sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
            child.serve(socket.socket(fileno=kept), self._strategies, request, self._readable)
        except BaseException as error:  # noqa: BLE001 - the last frame of a forked child
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._control.sendall(pack({"exited": pid, "status": status}))


def _noticed(_number: int, _frame: object) -> None:
    """A child ended: the wake-up descriptor says so to the loop."""


def main() -> int:
    """`python -m tradedeck.host FD [FOLDER]`: started by the runner only."""
    control = socket.socket(fileno=int(sys.argv[1]))
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sandbox.die_with_parent()
    fault = ""
    try:
        strategies = registry.discover(folder)
    except TradedeckError as error:
        fault = str(error)
        strategies = {name: registry.builtin(name) for name in registry.BUILTIN}
    gc.collect()
    gc.freeze()  # what is shared with the children stays shared: no reference counts of old garbage
    Zygote(control, strategies, fault, () if folder is None else (str(folder),)).run()
    return 0
