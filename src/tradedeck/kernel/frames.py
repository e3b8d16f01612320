"""Messages between processes of one host: four bytes of length, then canonical JSON. Pure."""

from __future__ import annotations

from typing import Any

from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError

FRAME_BYTES_MAX = 8 * 1024 * 1024  # a strategy's memory or a page of reports is far smaller
_HEAD = 4


def pack(message: Any) -> bytes:
    """One frame."""
    data = canonical.encode(message)
    if len(data) > FRAME_BYTES_MAX:
        raise TradedeckError(Code.TOO_LARGE, f"a message of {len(data)} bytes was too large")
    return len(data).to_bytes(_HEAD, "big") + data


class Unpacker:
    """Collects bytes and gives back whole messages."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Every message completed by `data`.

        Raises:
            TradedeckError: TOO_LARGE or INVALID; the connection cannot be used any more.
        """
        buffer = self._buffer
        buffer += data
        messages: list[Any] = []
        start = 0
        while len(buffer) - start >= _HEAD:
            size = int.from_bytes(buffer[start : start + _HEAD], "big")
            if size > FRAME_BYTES_MAX:
                raise TradedeckError(Code.TOO_LARGE, f"a frame of {size} bytes was announced")
            end = start + _HEAD + size
            if len(buffer) < end:
                break
            messages.append(_decode(bytes(buffer[start + _HEAD : end])))
            start = end
        del buffer[:start]
        return messages


def _decode(data: bytes) -> Any:
    try:
        return canonical.decode(data)
    except ValueError as error:
        raise TradedeckError(Code.INVALID, "a frame was not JSON") from error
