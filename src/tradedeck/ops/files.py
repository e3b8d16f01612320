"""Private files and folders of a home: created, replaced and checked.

Owns the modes (0700, 0600) and the temp → fsync → rename discipline. Never decides what is in
a file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, Any

import orjson

from tradedeck.kernel.errors import Code, TradedeckError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
HOME_FOLDERS = ("keys", "keys/nats", "store", "journals", "logs", "run", "strategies", "data")


def private_folder(path: Path) -> Path:
    """`path` as a folder only its owner may enter, made where it was missing."""
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if stat.S_IMODE(path.stat().st_mode) != FOLDER_MODE:
            path.chmod(FOLDER_MODE)
    except OSError as error:
        raise TradedeckError(
            Code.STORAGE,
            f"The folder {path} could not be prepared: {error.strerror}.",
            hint="Set TRADEDECK_HOME to a folder that you may write to.",
        ) from error
    return path


def prepare_home(home: Path) -> Path:
    """The home and its folders with safe modes; nothing that exists is changed but modes."""
    private_folder(home)
    for name in HOME_FOLDERS:
        private_folder(home / name)
    return home


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600: a reader sees the old bytes or the new, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first failure is the one to tell
            temporary.unlink()
        raise TradedeckError(
            Code.STORAGE,
            f"{path} could not be written: {error.strerror}.",
            hint="Look at free space and at who owns the folder.",
        ) from error


def write_json(path: Path, value: Any) -> None:
    """`write_private` of JSON that people can read."""
    write_private(path, orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def read_json(path: Path) -> Any:
    """The JSON in `path`, or None where there is no such file. Raises INVALID_DATA when broken."""
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise TradedeckError(
            Code.INVALID_DATA, f"{path} is not JSON.", hint="Remove it; it is written again."
        ) from error
    except OSError as error:
        raise TradedeckError(
            Code.STORAGE,
            f"{path} could not be read: {error.strerror}.",
            hint="It must belong to the user that runs Tradedeck.",
        ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
