"""A word in the home that all of it is being stopped, for the runner's good-bye to its guard.

Whoever stops everything says so first: `tradedeck up` when it ends, a unit of systemd that is
stopped before the others. A runner forgets at its start what an earlier stop had said.
"""

from __future__ import annotations

import contextlib
from pathlib import Path


def say(home: Path) -> None:
    """All of this home is being stopped. On a disk without room it stays unsaid, and the guard
    looks after positions as it does when the runner alone is stopped.
    """
    with contextlib.suppress(OSError):
        _path(home).touch(mode=0o600)


def forget(home: Path) -> None:
    """What was said was of an earlier stop."""
    _path(home).unlink(missing_ok=True)


def said(home: Path) -> bool:
    """Whether all of it is being stopped."""
    return _path(home).exists()


def _path(home: Path) -> Path:
    return home / "run" / "leaving"
