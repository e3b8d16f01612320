"""A wire between runner and venue that a test can listen to, and cut on one side."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradedeck.kernel.frames import Unpacker


class Wire:
    """On the venue's own address; carries all, until `lost` is set: then no answer arrives.

    Args:
        path: the venue's socket; the venue goes on listening behind it.
        passing: called with each request before it is carried on.
    """

    def __init__(
        self, path: Path, passing: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        self._behind = path.with_name("behind.sock")
        path.rename(self._behind)
        self._passing = passing
        self.lost = threading.Event()
        self.lines: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self._behind))
                self.lines += [near, far]
                for work, source, target in (
                    (self._requests, near, far),
                    (self._answers, far, near),
                ):
                    threading.Thread(target=work, args=(source, target), daemon=True).start()

    def _requests(self, source: socket.socket, target: socket.socket) -> None:
        unpacker = Unpacker()
        with contextlib.suppress(OSError):  # either side is gone: so is the line
            while data := source.recv(65536):
                for request in unpacker.feed(data):
                    self._passing(request)
                target.sendall(data)

    def _answers(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either side is gone: so is the line
            while data := source.recv(65536):
                if not self.lost.is_set():
                    target.sendall(data)

    def close(self) -> None:
        """Break every line."""
        for line in (self._listener, *self.lines):
            with contextlib.suppress(OSError):  # it broke before
                line.shutdown(socket.SHUT_RDWR)
            line.close()
