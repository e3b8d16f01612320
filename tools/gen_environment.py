"""Writes docs/reference/environment.md from `tradedeck.settings`.

Usage: python tools/gen_environment.py
"""

from __future__ import annotations

from pathlib import Path

from tradedeck.settings import table

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "environment.md"

if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(table(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
