"""The Merkle tree of RFC 6962, section 2.1: hashes, the right edge, proofs and their checks.

Pure. A tree is never held whole: `Edge` keeps the roots of its complete subtrees, and proofs ask a
`Nodes` function for the hash of a complete subtree by level (0 = leaves) and index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
EMPTY = hashlib.sha256(b"").digest()
Nodes = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Edge:
    """The right edge of a growing tree: one hash per 1-bit of its size, the widest first."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count():
            msg = f"a tree of {size} leaves has {size.bit_count()} hashes at its edge"
            raise ValueError(msg)
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash; O(1) on average."""
        hashes, full = self.hashes, self.size
        while full & 1:
            leaf = hashlib.sha256(b"\x01" + hashes.pop() + leaf).digest()
            full >>= 1
        hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The hash of the tree."""
        if not self.hashes:
            return EMPTY
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = node_hash(left, found)
        return found


def edge_of(size: int, nodes: Nodes) -> Edge:
    """The edge of the first `size` leaves."""
    hashes: list[bytes] = []
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(nodes(level, start >> level))
            start += 1 << level
    return Edge(size, hashes)


def inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size`, nearest first (PATH of the RFC)."""
    if not 0 <= index < size:
        msg = f"there is no leaf {index} in a tree of {size}"
        raise ValueError(msg)
    return _path(index, 0, size, nodes)


def _path(index: int, start: int, end: int, nodes: Nodes) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, nodes), _root(middle, end, nodes)]
    return [*_path(index, middle, end, nodes), _root(start, middle, nodes)]


def consistency(old: int, size: int, nodes: Nodes) -> list[bytes]:
    """That the tree of `size` begins with the tree of `old` (PROOF of the RFC); empty for 0."""
    if not 0 <= old <= size:
        msg = f"a tree of {size} does not begin with one of {old}"
        raise ValueError(msg)
    return [] if old in (0, size) else _proof(old, 0, size, nodes, whole=True)


def _proof(old: int, start: int, end: int, nodes: Nodes, *, whole: bool) -> list[bytes]:
    if old == end:
        return [] if whole else [_root(start, end, nodes)]
    middle = start + _split(end - start)
    if old <= middle:
        left = _proof(old, start, middle, nodes, whole=whole)
        return [*left, _root(middle, end, nodes)]
    return [*_proof(old, middle, end, nodes, whole=False), _root(start, middle, nodes)]


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def _root(start: int, end: int, nodes: Nodes) -> bytes:
    """The hash of leaves [start, end), where start is a multiple of the width rounded up."""
    width = end - start
    if width & width - 1 == 0:
        level = width.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(width)
    return node_hash(_root(start, middle, nodes), _root(middle, end, nodes))


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows `leaf` at `index` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` is shown to begin with that of `old` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    if old == 0:
        return not proof and old_root == EMPTY
    path = [old_root, *proof] if old & old - 1 == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == root
