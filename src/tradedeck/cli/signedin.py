"""Sessions of people who signed in at this terminal, per api, in keys/login.json (0600)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, cast

from tradedeck.cli import home
from tradedeck.kernel.clock import parse_ns
from tradedeck.ops.files import private_folder, read_json, write_json


def _path() -> Path:
    return home.find() / "keys" / "login.json"


def _all() -> dict[str, Any]:
    return cast("dict[str, Any]", read_json(_path()) or {})


def secret(base: str) -> str | None:
    """The session at the api `base`, unless its time is over."""
    kept = _all().get(base)
    if not kept or parse_ns(kept["expires_at"]) <= time.time_ns():
        return None
    return str(kept["secret"])


def keep(base: str, found: str, expires_at: str) -> None:
    """Use this session from now on."""
    private_folder(home.find())
    private_folder(_path().parent)
    write_json(_path(), _all() | {base: {"secret": found, "expires_at": expires_at}})


def forget(base: str) -> bool:
    """Stop using it; whether there was one."""
    if not os.path.lexists(_path()):
        return False
    kept = _all()
    was = kept.pop(base, None) is not None
    write_json(_path(), kept)
    return was
