"""Writes docs/reference/metrics.md from the table in `tradedeck.api.metrics`.

Usage: python tools/gen_metrics.py
"""

from __future__ import annotations

from pathlib import Path

from tradedeck.api.metrics import table

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"

if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
    print(f"wrote {TARGET.name}")
