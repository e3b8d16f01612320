"""Space kept back for the day the disk is full: a preallocated file that is given up once.

A journal that takes no write stops its process. Releasing the ballast lets it write what must be
written (a halt, a kill and its steps) until a person has made room. Owns its file and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

BYTES = 8 * 1024 * 1024  # some ten thousand entries: far more than a kill with all its steps


class Ballast:
    """One preallocated file.

    Args:
        path: the file; its folder must exist.
        size: bytes to hold back.

    """

    def __init__(self, path: Path, size: int = BYTES) -> None:
        self._path = path
        self._size = size

    @property
    def held(self) -> bool:
        """Whether there is something to release."""
        try:
            return self._path.stat().st_size >= self._size
        except FileNotFoundError:
            return False

    def fill(self) -> bool:
        """Hold the space back again; False (and nothing held) where there is not enough."""
        if self.held:
            return True
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            _allocate(descriptor, self._size)
            os.fsync(descriptor)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        return True

    def release(self) -> bool:
        """Give the space back to the file system; False where nothing was held."""
        held = self.held
        self._path.unlink(missing_ok=True)
        return held


def _allocate(descriptor: int, size: int) -> None:
    """Real blocks: a hole would give nothing back when it is removed."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    block = bytes(1024 * 1024)  # macOS has no posix_fallocate
    for _ in range(0, size, len(block)):
        os.write(descriptor, block[: min(len(block), size)])
