"""What the tree commits to: the bytes of each record, and bundles of them.

An entry is the canonical JSON of every column. A text longer than `DETACHED_BYTES` stands in it as
its length and SHA-256 and lies beside the tree, because tlog-tiles counts an entry in 16 bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError

DETACHED_BYTES = 8 * 1024
ENTRY_BYTES_MAX = 0xFFFF
# What a record is, for ever: a column that is added later is no part of the entries.
# In order, as canonical JSON has them.
FIELDS = (
    "action", "actor", "address", "after", "at_ns", "before", "code", "correlation", "hash",
    "previous", "reason", "result", "role", "seq", "session", "target",
)  # fmt: skip


def encode(row: Mapping[str, Any]) -> tuple[bytes, list[bytes]]:
    """The entry of a row of the audit table, and the texts that lie beside it.

    Raises:
        TradedeckError: TOO_LARGE: more than an entry can hold.
    """
    return encode_record({name: row[name] for name in FIELDS})


def encode_record(record: Mapping[str, Any]) -> tuple[bytes, list[bytes]]:
    """`encode`, for the columns of `FIELDS` in their order and nothing else."""
    entry = canonical.encode_ordered(record)
    if len(entry) <= DETACHED_BYTES:  # no text in it can be longer
        return entry, []
    kept: dict[str, Any] = {}
    beside: list[bytes] = []
    for name, value in record.items():
        data = value.encode() if isinstance(value, str) else b""
        if len(data) > DETACHED_BYTES:
            beside.append(data)
            kept[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        else:
            kept[name] = value
    entry = canonical.encode(kept)
    if len(entry) > ENTRY_BYTES_MAX:
        raise TradedeckError(Code.TOO_LARGE, "The audit record is longer than the log can hold.")
    return entry, beside


def bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as tlog-tiles bundles them: each after its length in 16 bits."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unbundle(data: bytes) -> Iterator[bytes]:
    """The entries of a bundle. Raises ValueError where it ends within one."""
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            msg = "the bundle ends within an entry"
            raise ValueError(msg)
        yield data[at + 2 : end]
        at = end
