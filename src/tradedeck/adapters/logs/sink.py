"""Lines to files, by a thread of its own behind a bounded queue.

Owns rotation and modes. Never blocks the caller: when the disk is slower than the process talks,
the oldest waiting lines are dropped and counted. Logs are for people; facts are in journals.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pathlib import Path

LINES_WAITING_MAX = 10_000
FILE_BYTES_MAX = 10_000_000
FILES_KEPT = 5  # beside the one being written: 60 MB per process at most
FLUSH_WAIT_S = 2.0


class RotatingFile:
    """Whole lines appended to one file, by any number of processes.

    Rotation is decided under a lock on the folder's lock file, so that two processes that share
    one file (LOG_FILE_PATH) rotate it once.
    """

    def __init__(
        self, path: Path, *, bytes_max: int = FILE_BYTES_MAX, kept: int = FILES_KEPT
    ) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._kept = kept
        self._descriptor: int | None = None
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append `data` (whole lines). Raises OSError."""
        if self._descriptor is None or self._moved():
            self._open()
        if self._size and self._size + len(data) > self._bytes_max:
            self._rotate()
        if self._descriptor is not None:
            self._size += os.write(self._descriptor, data)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        self.close()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        os.fchmod(self._descriptor, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _moved(self) -> bool:
        if self._descriptor is None:
            return True
        mine = os.fstat(self._descriptor)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        self._size = there.st_size
        return (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino)

    def _rotate(self) -> None:
        lock = os.open(
            self._path.with_name(f".{self._path.name}.lock"),
            os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC,
            0o600,
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._moved() and self._size:  # else another process was first
                for number in range(self._kept, 0, -1):
                    older = self._numbered(number)
                    newer = self._numbered(number - 1) if number > 1 else self._path
                    if newer.exists():
                        newer.replace(older)
            self._open()
        finally:
            os.close(lock)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class Sink:
    """The queue and its thread. The thread starts with the first line and dies with the process."""

    def __init__(self, files: list[RotatingFile], *, waiting_max: int = LINES_WAITING_MAX) -> None:
        self._files = files
        self._lines: deque[bytes] = deque(maxlen=waiting_max)
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._complained = False
        self.dropped = 0
        self.failed = 0
        atexit.register(self.flush)
        os.register_at_fork(after_in_child=self._forked)

    def put(self, line: bytes) -> None:
        """Queue one line; returns at once."""
        if len(self._lines) == self._lines.maxlen:
            self.dropped += 1
        self._lines.append(line)
        self._idle.clear()
        if self._thread is None:
            self._start()
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, timeout_s: float = FLUSH_WAIT_S) -> bool:
        """Wait until everything queued is in the files. False when it took too long."""
        return self._thread is None or self._idle.wait(timeout_s)

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
                self._thread.start()

    def _forked(self) -> None:
        # A thread does not survive fork, and the parent writes what was queued.
        self._lines.clear()
        self._thread = None
        self._start_lock = threading.Lock()
        self._wake, self._idle = threading.Event(), threading.Event()
        self._idle.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._lines:
                self._write(self._take())
            self._idle.set()
            if self._lines:  # a line came between the last look and the set
                self._idle.clear()
                self._wake.set()

    def _take(self) -> bytes:
        batch: list[bytes] = []
        while self._lines and len(batch) < 256:
            batch.append(self._lines.popleft())
        if self.dropped:
            count, self.dropped = self.dropped, 0
            batch.append(
                orjson.dumps({"level": "warning", "event": "log lines dropped", "lines": count})
                + b"\n"
            )
        return b"".join(batch)

    def _write(self, data: bytes) -> None:
        for file in self._files:
            try:
                file.write(data)
            except OSError as error:
                self.failed += 1
                file.close()
                if not self._complained:  # once: a full disk must not fill the terminal too
                    self._complained = True
                    sys.stderr.write(f"tradedeck: the log cannot be written: {error.strerror}\n")
