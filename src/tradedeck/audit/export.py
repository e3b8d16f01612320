"""The log as one tar file, for a verifier elsewhere: exactly what the checkpoint commits to."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from typing import IO, Final

from tradedeck.audit import entries
from tradedeck.audit.tiles import CHECKPOINT, COSIGNED, ENTRIES, TEXTS, WIDTH, named, shapes
from tradedeck.audit.tree import View

KEY: Final = "key"
# In an entry a reference is an object; inside a text its quotes would be escaped.
_REFERENCE = re.compile(rb'":\{"bytes":\d+,"sha256":"([0-9a-f]{64})"\}')


def write(view: View, file: IO[bytes]) -> int:
    """Write the tar; returns how many records it holds. CHAIN_BROKEN where a file is missing."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        note, checkpoint = view.note()
        for name, data in _files(view, note, checkpoint.size):
            member = tarfile.TarInfo(f"audit/{name}")
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    return checkpoint.size


def _files(view: View, note: bytes, size: int) -> Iterator[tuple[str, bytes]]:
    tiles = view.tiles
    yield CHECKPOINT, note
    yield KEY, f"{view.verifier.text()}\n".encode()
    cosigned = tiles.folder / COSIGNED
    for path in sorted(cosigned.iterdir()) if cosigned.is_dir() else ():
        yield f"{COSIGNED}/{path.name}", path.read_bytes()
    texts: set[str] = set()
    for level, number, width in shapes(size):
        yield named(level, number, width), tiles.hashes(level, number, width)
        if level == 0:
            whole = list(entries.unbundle(tiles.read(ENTRIES, number, width)))[:width]
            assert len(whole) == width <= WIDTH
            yield named(ENTRIES, number, width), entries.bundle(whole)
            texts.update(digest.decode() for each in whole for digest in _REFERENCE.findall(each))
    for digest in sorted(texts):
        yield f"{TEXTS}/{digest}", tiles.text(digest).read_bytes()
