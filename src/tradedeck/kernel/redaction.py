"""Takes secrets out of what is about to be written down.

One list of names and one list of shapes; used by logs, problem details, audit and exports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

HIDDEN = "[redacted]"

_NAME = re.compile(
    r"(pass(word|wd|phrase)?$|secret|token$|api[_-]?key|apikey|authorization|credential"
    r"|private[_-]?key|cookie|session[_-]?id|bearer|access[_-]?key|signing[_-]?key|otp$)",
    re.IGNORECASE,
)
_SHAPES = (
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL
    ),
    re.compile(r"\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"\btd[a-z]?_[A-Za-z0-9_-]{20,}"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abpr])[-_][A-Za-z0-9-_]{16,}"),
    re.compile(r"\b[0-9a-f]{32}-[0-9a-f]{32}\b"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
    re.compile(r"(?<=[?&]token=)[^&\s\"']+"),
    re.compile(r"(?<=[?&]key=)[^&\s\"']+"),
    re.compile(r"(?i)(?<=password=)\S+"),
)


def is_secret_name(name: str) -> bool:
    """Whether a key of this name must never carry its value into a log or a configuration."""
    return _NAME.search(name) is not None


def looks_secret(text: str) -> bool:
    """Whether a value has the shape of a credential."""
    return any(shape.search(text) for shape in _SHAPES)


def redact_text(text: str) -> str:
    """`text` with everything that has the shape of a credential replaced."""
    for shape in _SHAPES:
        text = shape.sub(HIDDEN, text)
    return text


def redact(value: Any, *, depth: int = 12) -> Any:
    """A copy of a JSON-able value without secrets, by name and by shape; bounded in depth."""
    if isinstance(value, str):
        return redact_text(value)
    if depth == 0:
        return HIDDEN
    if isinstance(value, Mapping):
        mapping = cast("Mapping[Any, Any]", value)
        return {
            key: HIDDEN if is_secret_name(str(key)) and item else redact(item, depth=depth - 1)
            for key, item in mapping.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, depth=depth - 1) for item in cast("list[Any]", value)]
    return value
