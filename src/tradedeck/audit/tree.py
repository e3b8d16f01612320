"""The log over the audit table: follows it record by record, signs checkpoints, proves.

The table is what an act commits to; the tree follows it and may lag behind by what was committed
since. It never signs what does not extend the checkpoint before. A crash at any step leaves files
that the next start writes again, byte for byte, or a disagreement that raises CHAIN_BROKEN.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tradedeck.audit import entries, merkle, notes
from tradedeck.audit.notes import Checkpoint, Note, Signer, Verifier
from tradedeck.audit.tiles import CHECKPOINT, ENTRIES, WIDTH, Tiles, broken, fold, named
from tradedeck.journal.atomic import write_atomic
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey

Rows = Sequence[Mapping[str, Any]]
BATCH = 2_048  # records per checkpoint while catching up: bounds memory and what a crash repeats


class Fetch(Protocol):
    """Records of the table in their order, after `after_seq`, at most `limit`."""

    def __call__(self, *, after_seq: int, limit: int) -> Rows: ...


@dataclass(frozen=True, slots=True)
class Proof:
    """A record's place in the tree, with all that another program needs to check it."""

    index: int
    entry: bytes
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: bytes


class View:
    """A log's files as they are now; changes nothing and needs no private key."""

    def __init__(self, folder: Path, verifier: Verifier) -> None:
        self.tiles = Tiles(folder)
        self.verifier = verifier

    def note(self) -> tuple[bytes, Checkpoint]:
        """The newest checkpoint, its signature checked."""
        try:
            data = (self.tiles.folder / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            raise broken("The checkpoint of the audit log is missing.") from None
        return data, notes.opened(data, self.verifier, self.verifier.name)[1]

    def entry(self, index: int, size: int) -> bytes:
        """The entry at `index` of the tree of `size`."""
        number, offset = divmod(index, WIDTH)
        width = min(WIDTH, size - number * WIDTH)
        try:
            return list(entries.unbundle(self.tiles.read(ENTRIES, number, width)))[offset]
        except (ValueError, IndexError):
            raise broken(f"The bundle of record {index + 1} was cut.") from None

    def prove(self, index: int) -> Proof:
        """A record's place (index = seq - 1). NOT_FOUND where the tree has none there."""
        data, checkpoint = self.note()
        if not 0 <= index < checkpoint.size:
            raise TradedeckError(
                Code.NOT_FOUND, f"The audit log has {checkpoint.size} records, no {index + 1}."
            )
        entry = self.entry(index, checkpoint.size)
        nodes = self.tiles.nodes(checkpoint.size)
        path = tuple(merkle.inclusion(index, checkpoint.size, nodes))
        leaf = merkle.leaf_hash(entry)
        if not merkle.included(leaf, index, checkpoint.size, path, checkpoint.root):
            raise broken(f"Record {index + 1} is not the one that the audit tree holds.")
        return Proof(index, entry, path, checkpoint, data)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """That the tree of `size` begins with that of `old`. INVALID beyond the checkpoint."""
        _, checkpoint = self.note()
        if not 0 <= old <= size <= checkpoint.size:
            raise TradedeckError(
                Code.INVALID,
                f"The sizes were not in order: {old}, {size}; the log has {checkpoint.size}.",
            )
        return merkle.consistency(old, size, self.tiles.nodes(checkpoint.size))


class Log(View):
    """The one writer of a log. Not for two threads at once: `follow` holds a lock."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        super().__init__(folder, signer.verifier)
        self._signer = signer
        self._lock = threading.Lock()
        self._closed = False
        self._last = b""  # the newest entry of the tree
        self._load()

    def _load(self) -> None:
        _, self.checkpoint = self.note()
        size = self.checkpoint.size
        self._edge = merkle.edge_of(size, self.tiles.nodes(size))
        if self._edge.root() != self.checkpoint.root:
            raise broken("The tiles of the audit tree do not give the root that was signed.")
        self._open: list[bytearray] = []
        count, level = size, 0
        while count:
            width = count % WIDTH
            data = self.tiles.hashes(level, count // WIDTH, width) if width else b""
            self._open.append(bytearray(data))
            count, level = count >> 8, level + 1
        width = size % WIDTH
        found = self.tiles.read(ENTRIES, size // WIDTH, width) if width else b""
        self._bundle = list(entries.unbundle(found))[:width]
        leaves = b"".join(map(merkle.leaf_hash, self._bundle))
        if leaves != (self._open[0] if self._open else b""):
            raise broken("The newest bundle of the audit tree holds other records than its tile.")
        self._last = self.entry(size - 1, size) if size else b""

    def follow(self, fetch: Fetch) -> bool:
        """Take one batch of the table into the tree; whether there may be more.

        Raises:
            TradedeckError: CHAIN_BROKEN: the table is not what the tree holds; STORAGE.
        """
        with self._lock:
            if self._closed:
                return False
            size = self._edge.size
            rows = fetch(after_seq=max(0, size - 1), limit=BATCH)
            if size:
                if not rows or entries.encode(rows[0])[0] != self._last:
                    raise broken(
                        f"Record {size} of the table is not the one that the audit tree holds: "
                        "the database was changed, or an older one was put in its place."
                    )
                rows = rows[1:]
            if rows:
                try:
                    self._extend(rows)
                except BaseException:
                    # What is in memory is ahead of the files: the next turn begins from them.
                    with contextlib.suppress(TradedeckError):  # the first failure is told
                        self._load()
                    raise
            return len(rows) >= BATCH - 1

    def _extend(self, rows: Rows) -> None:
        begun = self._edge.size
        for row in rows:
            if int(row["seq"]) != self._edge.size + 1:
                raise broken(f"Record {self._edge.size + 1} is missing from the audit table.")
            self._add(*entries.encode(row))
        size = self._edge.size
        for level, data in enumerate(self._open):
            if data:
                width = len(data) // merkle.HASH_BYTES
                self._put(level, size >> 8 * (level + 1), width, bytes(data))
        if self._bundle:
            self._put(ENTRIES, size // WIDTH, size % WIDTH, entries.bundle(self._bundle))
        checkpoint = Checkpoint(self.verifier.name, size, self._edge.root())
        text = checkpoint.text()
        self.tiles.write(CHECKPOINT, Note(text, (self._signer.sign(text),)).line().encode())
        self.checkpoint = checkpoint
        self._sweep(begun, size)

    def _add(self, entry: bytes, beside: list[bytes]) -> None:
        for text in beside:
            self.tiles.keep_text(text)
        leaf = merkle.leaf_hash(entry)
        self._edge.append(leaf)
        self._bundle.append(entry)
        self._last = entry
        if len(self._bundle) == WIDTH:
            self._put(ENTRIES, self._edge.size // WIDTH - 1, WIDTH, entries.bundle(self._bundle))
            self._bundle = []
        self._hash(0, leaf)

    def _hash(self, level: int, value: bytes) -> None:
        if level == len(self._open):
            self._open.append(bytearray())
        tile = self._open[level]
        tile += value
        if len(tile) == WIDTH * merkle.HASH_BYTES:
            data = bytes(tile)
            self._put(level, (self._edge.size >> 8 * (level + 1)) - 1, WIDTH, data)
            tile.clear()
            self._hash(level + 1, fold(data))

    def _put(self, level: int | str, number: int, width: int, data: bytes) -> None:
        """Write a tile. What a crash left of it says what was to be signed: it must be the same."""
        self.tiles.write(named(level, number, width), data, once=True)

    def _sweep(self, was: int, now: int) -> None:
        """Remove partial tiles that neither this checkpoint nor the one before needs."""
        self._sweep_level(ENTRIES, was, now)
        level = 0
        while was:
            self._sweep_level(level, was, now)
            level, was, now = level + 1, was >> 8, now >> 8

    def _sweep_level(self, level: int | str, was: int, now: int) -> None:
        number, width = divmod(was, WIDTH)
        if width:
            same = now // WIDTH == number
            self.tiles.drop(level, number, (width, now % WIDTH) if same else ())

    def close(self) -> None:
        """Wait for a `follow` that another thread is in; there is none after it."""
        with self._lock:
            self._closed = True


def open_log(folder: Path, key: Path) -> Log:
    """The log in `folder` whose signing key is `key`; both are made where neither was.

    Raises:
        TradedeckError: CHAIN_BROKEN: one is there without the other, or they disagree.
    """
    checkpoint = folder / CHECKPOINT
    if not key.exists() and (not checkpoint.exists() or _is_empty(checkpoint)):
        # First the checkpoint, then the key: a crash between them leaves an empty log without a
        # key, which is made anew. A key without a checkpoint was never left by us.
        seed = SigningKey.generate()
        made = Signer(f"tradedeck-audit-{os.urandom(6).hex()}", notes.LOG, seed)
        text = Checkpoint(made.name, 0, merkle.EMPTY).text()
        tiles = Tiles(folder)
        tiles.write(CHECKPOINT, Note(text, (made.sign(text),)).line().encode())
        write_atomic(key, f"{made.text()}\n".encode())
    return Log(folder, read_key(key))


def read_key(key: Path) -> Signer:
    """The signing key of a log. CHAIN_BROKEN where it is missing; INVALID_DATA."""
    try:
        return notes.parse_signer(key.read_text("ascii"))
    except FileNotFoundError:
        raise broken("The signing key of the audit log, keys/audit.key, is missing.") from None
    except UnicodeDecodeError:
        return notes.parse_signer("")


def _is_empty(checkpoint: Path) -> bool:
    return notes.parse_checkpoint(notes.parse(checkpoint.read_bytes()).text).size == 0
