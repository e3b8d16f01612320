"""Identifiers that sort by the time they were made.

A ULID-like id: 48 bits of milliseconds, then 80 random bits, in Crockford's base 32.
"""

from __future__ import annotations

import os
import re

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
_NAME = re.compile(NAME_PATTERN)  # `$` alone would let a line end pass: see `fullmatch`


def new_id(prefix: str, now_ns: int) -> str:
    """`prefix_` + 26 characters, rising with `now_ns`; unique by 80 random bits."""
    value = ((now_ns // 1_000_000) << 80) | int.from_bytes(os.urandom(10), "big")
    chars = [_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(chars)}"


def is_name(text: str) -> bool:
    """Whether `text` may name a trader, an account, a feed: lower case, 1 to 63 characters."""
    return _NAME.fullmatch(text) is not None
