"""The whole log held against itself: the table's chain, the tree over it, its files, its signature.

What a host says about itself is worth no more than the host: the verdict of another program is in
`tools/verify_audit.py`, and that nothing was regrown is for a witness to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tradedeck.audit import entries, merkle, store
from tradedeck.audit.tiles import ENTRIES, WIDTH, fold
from tradedeck.audit.tree import View
from tradedeck.audit.types import Verdict
from tradedeck.kernel.errors import TradedeckError
from tradedeck.store.sessions import ReadSession

BATCH = 2_048  # a multiple of a tile's width


class _Found(Exception):
    """Where the log breaks."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.seq = seq
        self.reason = reason


def verify(session: ReadSession, view: View | None = None) -> Verdict:
    """Walk every record; says at which one the log breaks, if it does.

    Args:
        session: of the store.
        view: the log's files; None checks the table alone.
    """
    checker = _Checker(view)
    try:
        checker.begin()
        after = 0
        while rows := store.walk(session, after_seq=after, limit=BATCH):
            checker.take(rows)
            after = checker.seq
        checker.end()
    except _Found as found:
        return checker.verdict(
            broken_at=found.seq, detail=f"The audit record breaks at {found.seq}: {found.reason}."
        )
    except TradedeckError as error:
        return checker.verdict(broken_at=checker.seq + 1, detail=error.detail)
    return checker.verdict()


class _Checker:
    def __init__(self, view: View | None) -> None:
        self.view = view
        self.seq = 0
        self.head: str = store.GENESIS
        self.size = 0  # of the signed tree
        self.root = merkle.EMPTY
        self._grown = 0  # leaves of the tree so far
        self._wide = merkle.Edge()  # of full tiles, each a subtree as wide as its level
        self._tiles: list[list[bytes]] = [[]]  # the tile that is being filled, by level
        self._bundle: list[bytes] = []

    def begin(self) -> None:
        if self.view is not None:
            _, checkpoint = self.view.note()
            self.size, self.root = checkpoint.size, checkpoint.root

    def take(self, rows: list[tuple[Any, ...]]) -> None:
        for tenant, *values in rows:
            row: dict[str, Any] = dict(zip(entries.FIELDS, values, strict=True))
            if row["seq"] != self.seq + 1:
                raise _Found(self.seq + 1, f"record {self.seq + 1} is missing")
            if row["previous"] != self.head:
                raise _Found(self.seq + 1, "it does not follow from the record before it")
            entry, beside = entries.encode_record(row)
            if not _links(row, entry, whole=not beside):
                raise _Found(self.seq + 1, "its content does not match its hash")
            if tenant != store.tenant_of(row["session"]):
                raise _Found(self.seq + 1, "it was given to another tenant")
            if self.seq < self.size:
                self._grow(entry, beside)
            self.seq, self.head = self.seq + 1, str(row["hash"])

    def _grow(self, entry: bytes, beside: list[bytes]) -> None:
        self._tiles[0].append(merkle.leaf_hash(entry))
        self._bundle.append(entry)
        self._grown += 1
        if len(self._bundle) == WIDTH or self._grown == self.size:
            self._tile(0)
            self._entries()
        for text in beside:
            self._text(text)

    def _entries(self) -> None:
        """The bundle on disk is made of the table's records."""
        assert self.view is not None
        number, data = (self._grown - 1) // WIDTH, entries.bundle(self._bundle)
        if not self.view.tiles.read(ENTRIES, number, len(self._bundle)).startswith(data):
            reason = "the bundle of entries that begins there holds another record"
            raise _Found(number * WIDTH + 1, reason)
        self._bundle = []

    def _tile(self, level: int) -> None:
        """The tile on disk is made of the table's records; a full one fills the level above."""
        assert self.view is not None
        tile = self._tiles[level]
        number = ((self._grown >> 8 * level) - 1) // WIDTH
        kept = self.view.tiles.hashes(level, number, len(tile))
        if kept != b"".join(tile):
            step = merkle.HASH_BYTES
            at = next(i for i, each in enumerate(tile) if each != kept[i * step : (i + 1) * step])
            first = (number * WIDTH + at) << 8 * level
            raise _Found(first + 1, "the audit tree holds another record there")
        if len(tile) == WIDTH:
            if level + 1 == len(self._tiles):
                self._tiles.append([])
            full = fold(kept)
            self._tiles[level + 1].append(full)
            self._tiles[level] = []
            if level == 0:
                self._wide.append(full)
            if len(self._tiles[level + 1]) == WIDTH:
                self._tile(level + 1)

    def _text(self, text: bytes) -> None:
        assert self.view is not None
        path = self.view.tiles.text(hashlib.sha256(text).hexdigest())
        if not path.is_file() or path.read_bytes() != text:
            raise _Found(self.seq + 1, "a long text of it does not lie beside the tree")

    def end(self) -> None:
        if self.view is None:
            return
        if self.seq < self.size:
            reason = f"the audit tree holds {self.size} records, the table {self.seq}"
            raise _Found(self.seq + 1, reason)
        if self._root() != self.root:
            raise _Found(self.seq, "the root of the tree is not the one that was signed")
        for level, tile in enumerate(self._tiles):
            if level and tile:
                self._tile(level)

    def _root(self) -> bytes:
        """Of the full tiles, and of the leaves that fill none."""
        rest = merkle.Edge()
        for leaf in self._tiles[0]:
            rest.append(leaf)
        return merkle.Edge(self._grown, self._wide.hashes + rest.hashes).root()

    def verdict(self, *, broken_at: int | None = None, detail: str = "") -> Verdict:
        return Verdict(
            ok=broken_at is None,
            records=self.seq,
            head=self.head,
            broken_at=broken_at,
            detail=detail,
            tree=self.size if self.view is not None else None,
            root=self.root.hex() if self.view is not None else "",
        )


def _links(row: Mapping[str, Any], entry: bytes, *, whole: bool) -> bool:
    """Whether the record's hash is of the rest of it."""
    if not whole:
        return row["hash"] == store.link(row)
    # The keys are in order, and inside a text every quote is escaped: this stands there once.
    rest = entry.replace(b',"hash":"%b"' % str(row["hash"]).encode(), b"", 1)
    return row["hash"] == hashlib.sha256(rest).hexdigest()
