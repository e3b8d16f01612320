"""Writes docs/reference/openapi.json from the application, without starting anything.

Usage: python tools/gen_openapi.py
"""

from __future__ import annotations

from pathlib import Path

import orjson

from tradedeck.api.app import build
from tradedeck.api.openapi import document

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "openapi.json"


def render() -> bytes:
    """The document as it is checked in: indented, keys in a fixed order."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document(build()), option=options)


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(render())
    print(f"wrote {TARGET.name}")
