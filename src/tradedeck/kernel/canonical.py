"""Canonical JSON and its hash: the bytes that are chained, signed and compared.

Keys sorted, no spaces, Decimals as plain strings. Floats are allowed only as observations
(indicator inputs); NaN and infinities are refused because JSON has no word for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, cast

import orjson

# What holds no float, as most of a body is.
_NO_FLOAT = frozenset({str, int, bool, type(None), Decimal})
_COLLECTIONS = (list, tuple, set, frozenset)
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def _default(value: object) -> object:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, frozenset | set):
        return sorted(cast("set[Any]", value))
    raise TypeError(type(value).__name__)


def decimal_text(value: Decimal) -> str:
    """A Decimal without exponent, as people and JSON read it; refuses NaN and infinity."""
    if not value.is_finite():
        msg = "a money value was not finite"
        raise ValueError(msg)
    return format(value, "f")


def encode(value: Any) -> bytes:
    """Canonical bytes of a JSON-able value (dict, list, str, int, float, bool, None, Decimal).

    Raises:
        ValueError: a number that is not finite.
        TypeError: a value that JSON has no word for.
    """
    data = orjson.dumps(value, default=_default, option=_OPTIONS)
    if b"null" in data and not _finite(value):  # orjson writes NaN and infinities as null
        msg = "a number was not finite"
        raise ValueError(msg)
    return data


def encode_ordered(body: Mapping[str, str | int | None]) -> bytes:
    """`encode`, for a flat body whose keys are in order already and that holds no float."""
    return orjson.dumps(body)


def _finite(value: Any) -> bool:
    """Whether no float within is NaN or infinite. Most bodies hold a null: it has to be quick."""
    rest: list[Any] = [value]
    for item in rest:  # grows while it is walked
        kind = item.__class__
        if kind in _NO_FLOAT:
            continue
        if kind is dict:
            rest += item.values()
        elif isinstance(item, float):
            if not isfinite(item):
                return False
        elif isinstance(item, dict):
            rest += cast("dict[Any, Any]", item).values()
        elif isinstance(item, _COLLECTIONS):
            rest += cast("Collection[Any]", item)
    return True


def decode(data: bytes | str) -> Any:
    """The inverse of `encode`, but Decimals stay strings. Raises ValueError on bad JSON."""
    return orjson.loads(data)


def digest(data: bytes) -> str:
    """SHA-256 as lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()
