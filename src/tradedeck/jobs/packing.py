"""A job's result on the bus: compressed JSON, bounded at both ends."""

from __future__ import annotations

import base64
import zlib
from typing import Any, Final

import orjson

PACKED_BYTES_MAX: Final = 900_000  # the bus carries 1 MB


def pack(result: dict[str, Any]) -> str:
    """A result small enough for the bus: compressed; the oldest trades go first if it is not."""
    while True:
        packed = base64.b64encode(zlib.compress(orjson.dumps(result), 6)).decode()
        trades: list[Any] = result.get("trades") or []
        if len(packed) <= PACKED_BYTES_MAX or not trades:
            return packed
        result = {**result, "trades": trades[len(trades) // 4 + 1 :], "trades_cut": True}


def unpack(packed: str, bytes_max: int) -> str:
    """The JSON text of a packed result.

    Raises:
        ValueError: it is none, or larger than `bytes_max` once unpacked.
    """
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(base64.b64decode(packed, validate=True), bytes_max)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if stream.unconsumed_tail or not stream.eof:
        msg = "the result was larger than it may be, or cut"
        raise ValueError(msg)
    orjson.loads(data)
    return data.decode()
