"""Durable replacement of small files: old or new, never half."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600, backup: bool = False) -> None:
    """Replace `path` by `data`: temporary file → fsync → rename → fsync of the folder.

    Args:
        path: target; its folder must exist.
        data: the whole content.
        mode: permission bits of the new file.
        backup: keep the old content beside it as `<name>.bak`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(temporary, data, mode)
        if backup and path.exists():
            _keep(path, path.with_name(f"{path.name}.bak"))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # on a full disk its space is wanted back
        raise
    sync_folder(path.parent)


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(path: Path, saved: Path) -> None:
    staged = saved.with_name(f".{saved.name}.{os.getpid()}.tmp")
    staged.unlink(missing_ok=True)
    os.link(path, staged)
    staged.replace(saved)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
