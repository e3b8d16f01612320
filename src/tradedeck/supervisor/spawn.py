"""Starting one process: own session, closed environment, dead when the supervisor is dead."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tradedeck.ops.child import PARENT_FD, READY_FD
from tradedeck.supervisor.types import Spec

_PR_SET_PDEATHSIG = 1
_LIBC: ctypes.CDLL | None = ctypes.CDLL(None) if sys.platform.startswith("linux") else None


@dataclass(slots=True)
class Running:
    """A started process and our ends of its pipes."""

    process: subprocess.Popen[bytes]
    ready_fd: int | None
    output_fd: int

    def close(self) -> None:
        """Let go of the pipes."""
        for descriptor in (self.ready_fd, self.output_fd):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process; SIGKILL reaches everything it started too."""
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self.process.pid, number)  # its own session, hence its own group
            else:
                self.process.send_signal(number)


def spawn(spec: Spec, parent_fd: int) -> Running:
    """Start `spec`. Raises OSError when the program cannot be run."""
    ready_read, ready_write = os.pipe()
    output_read, output_write = os.pipe()
    environment = spec.environment | {READY_FD: str(ready_write)}
    passed = [ready_write]
    if _LIBC is None:
        environment[PARENT_FD] = str(parent_fd)
        passed.append(parent_fd)
    try:
        process = subprocess.Popen(
            spec.argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output_write,
            stderr=output_write,
            pass_fds=passed,
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 - one thread, no locks
        )
    except OSError:
        os.close(ready_read)
        os.close(output_read)
        raise
    finally:
        os.close(ready_write)
        os.close(output_write)
    os.set_blocking(ready_read, False)
    os.set_blocking(output_read, False)
    return Running(process, ready_read, output_read)


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    libc = _LIBC

    def prepare() -> None:
        # SIGKILL: two runners on one home must be impossible, and every process of ours is
        # built to be killed. The signal comes when the thread that forked ends: the main one.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    return prepare
