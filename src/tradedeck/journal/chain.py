"""The hash chain: what each entry's hash covers, and how a reader checks a stretch of it.

hash(n) = SHA-256(hash(n-1) || canonical JSON of [seq, at_ns, kind, body]). The first entry follows
64 zeros with the epoch's name, so that entries of two journals never chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from tradedeck.kernel.errors import Code, TradedeckError


class Entry(NamedTuple):
    """One committed fact. `body` is the canonical JSON text that was hashed."""

    seq: int
    at_ns: int
    kind: str
    body: str
    hash: str


def genesis(epoch: str) -> str:
    """The hash that the first entry of an epoch follows."""
    return hashlib.sha256(b"tradedeck journal " + epoch.encode()).hexdigest()


def link(previous: str, seq: int, at_ns: int, kind: str, body: str) -> str:
    """The hash of an entry that follows `previous`."""
    text = f'{previous}[{seq},{at_ns},"{kind}",{body}]'
    return hashlib.sha256(text.encode()).hexdigest()


def verify(entries: Iterable[Entry], after: int, previous: str) -> str:
    """Check that `entries` continue the chain from `(after, previous)`; returns the last hash.

    Raises:
        TradedeckError: CHAIN_BROKEN, naming the first entry that does not fit.
    """
    for entry in entries:
        after += 1
        if entry.seq != after:
            raise TradedeckError(
                Code.CHAIN_BROKEN, f"entry {after} was missing: {entry.seq} came in its place"
            )
        if '"' in entry.kind:  # a quote could move the border between kind and body unseen
            raise TradedeckError(Code.CHAIN_BROKEN, f"entry {entry.seq} was altered")
        previous = link(previous, entry.seq, entry.at_ns, entry.kind, entry.body)
        if previous != entry.hash:
            raise TradedeckError(Code.CHAIN_BROKEN, f"entry {entry.seq} was altered")
    return previous
