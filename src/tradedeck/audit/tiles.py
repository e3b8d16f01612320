"""The tree's files, laid out as C2SP tlog-tiles: hashes 256 wide, bundles of entries, whole texts.

Invariant: a full tile or bundle is written once; a narrower one lies under `.p/` until it is full.
Every file is old or new, never half.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from tradedeck.audit.merkle import HASH_BYTES, Nodes, node_hash
from tradedeck.journal.atomic import sync_folder, write_atomic
from tradedeck.kernel.errors import Code, TradedeckError

WIDTH = 256
HEIGHT = 8
CHECKPOINT = "checkpoint"
ENTRIES = "entries"
TEXTS = "text"
COSIGNED = "witness"
CACHED = 64  # tiles of 8 KiB: a proof asks for the same few again and again
KEEP_AS_EVIDENCE = "Keep the folder and the store as evidence; `tradedeck audit verify` says more."


def numbered(number: int) -> str:
    """A tile's number as the layout writes it: 1234067 → x001/x234/067."""
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.append(f"x{number % 1000:03d}")
    return "/".join(reversed(parts))


def named(level: int | str, number: int, width: int = WIDTH) -> str:
    """The path of a tile (or of a bundle, where the level is `entries`)."""
    part = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{numbered(number)}{part}"


def shapes(size: int) -> Iterator[tuple[int, int, int]]:
    """Level, number and width of every tile of a tree of `size`."""
    level, count = 0, size
    while count:
        yield from ((level, number, WIDTH) for number in range(count // WIDTH))
        if count % WIDTH:
            yield level, count // WIDTH, count % WIDTH
        level, count = level + 1, count >> HEIGHT


class Tiles:
    """The folder of a log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cache: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def read(self, level: int | str, number: int, width: int) -> bytes:
        """A tile or bundle that holds at least its first `width`.

        Raises:
            TradedeckError: CHAIN_BROKEN: it is not there.
        """
        try:
            return (self.folder / named(level, number, width)).read_bytes()
        except FileNotFoundError:
            pass
        for path in self._wider(level, number, width):
            try:
                return path.read_bytes()
            except FileNotFoundError:  # it became a full one meanwhile, which is the last tried
                continue
        name = named(level, number, width)
        raise broken(f"The file {name} of the audit tree is missing.")

    def _wider(self, level: int | str, number: int, width: int) -> Iterator[Path]:
        full = self.folder / named(level, number)
        parts = full.with_name(f"{full.name}.p")
        found = parts.iterdir() if parts.is_dir() else iter(())
        widths = sorted(int(path.name) for path in found if path.name.isdigit())
        yield from (parts / str(each) for each in widths if each > width)
        yield full

    def hashes(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile, each of 32 bytes."""
        data = self._cache.get((level, number))
        if data is None or len(data) < width * HASH_BYTES:
            data = self.read(level, number, width)
            if len(data) % HASH_BYTES or len(data) < width * HASH_BYTES:
                raise broken(f"The file {named(level, number, width)} of the audit tree was cut.")
            self._cache[level, number] = data
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return data[: width * HASH_BYTES]

    def nodes(self, size: int) -> Nodes:
        """The hashes of complete subtrees of the tree of `size`."""

        def node(level: int, index: int) -> bytes:
            tile, depth = divmod(level, HEIGHT)
            first = index << depth
            number, offset = divmod(first, WIDTH)
            width = min(WIDTH, (size >> tile * HEIGHT) - number * WIDTH)
            data = self.hashes(tile, number, width)
            at = offset * HASH_BYTES
            return fold(data[at : at + (HASH_BYTES << depth)])

        return node

    def write(self, name: str, data: bytes, *, once: bool = False) -> None:
        """Make a file durable. With `once`, one that is there must hold the same.

        Raises:
            TradedeckError: CHAIN_BROKEN: it holds something else; STORAGE.
        """
        path = self.folder / name
        try:
            if once and path.exists():
                if path.read_bytes() != data:
                    raise broken(f"The file {name} of the audit tree holds other records.")
                return
            make_folder(path.parent)
            write_atomic(path, data)
        except OSError as error:
            raise TradedeckError(
                Code.STORAGE,
                f"{path} could not be written: {error.strerror}.",
                hint="Look at free space and at who owns the folder.",
            ) from error

    def drop(self, level: int | str, number: int, keep: tuple[int, ...]) -> None:
        """Remove the partial tiles of one place but those of widths `keep`."""
        full = self.folder / named(level, number)
        parts = full.with_name(f"{full.name}.p")
        if not parts.is_dir():
            return
        for path in parts.iterdir():
            if path.name not in map(str, keep):
                path.unlink(missing_ok=True)
        if not keep:
            parts.rmdir()

    def text(self, digest: str) -> Path:
        """Where a text lies that is too long for an entry."""
        return self.folder / TEXTS / digest

    def keep_text(self, data: bytes) -> None:
        """Put a long text beside the tree, under its SHA-256."""
        self.write(f"{TEXTS}/{hashlib.sha256(data).hexdigest()}", data, once=True)


def fold(data: bytes) -> bytes:
    """The root of 2^n hashes that stand beside each other."""
    level = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def make_folder(folder: Path) -> None:
    """`folder` and what is missing above it, each 0700 and durable."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        sync_folder(each.parent)


def broken(detail: str) -> TradedeckError:
    """The error of a log that does not hold together."""
    return TradedeckError(Code.CHAIN_BROKEN, detail, hint=KEEP_AS_EVIDENCE)
