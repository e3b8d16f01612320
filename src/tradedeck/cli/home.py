"""Which home a command is about, when nobody says."""

from __future__ import annotations

import functools
import os
from pathlib import Path


@functools.cache
def find() -> Path:
    """TRADEDECK_HOME; else the usual home; else the demo's, when only the demo is running.

    So that `tradedeck status` in a second terminal finds what `make up` started in the first.
    """
    from tradedeck import settings

    named = os.environ.get("TRADEDECK_HOME", "")
    if named:
        return settings.load().home
    home = settings.load().home
    demo = home / "demo"
    if not _running(home) and (_running(demo) or (demo.exists() and not _used(home))):
        return demo
    return home


def _running(home: Path) -> bool:
    return (home / "run" / "supervisor.sock").exists() or (home / "run" / "api.json").exists()


def _used(home: Path) -> bool:
    return (home / "store" / "tradedeck.db").exists()
