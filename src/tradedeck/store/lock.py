"""A lock file that only one process can hold; the kernel frees it when the holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tradedeck.kernel.errors import Code, TradedeckError


class FileLock:
    """Exclusive, non-blocking. The pid in the file is for people; only the flock counts."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            TradedeckError: CONFLICT, when another process holds it.

        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise TradedeckError(
                Code.CONFLICT,
                f"Another process (pid {holder or 'unknown'}) has the store open.",
                hint="Only one api may run on a home; stop the other one first.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, because removing it would race with the next."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
