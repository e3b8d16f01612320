"""The page of refusals is what the gate's vocabulary says now."""

from __future__ import annotations

import runpy
from pathlib import Path

from tradedeck.execution.refusals import WORDS, Refusal

ROOT = Path(__file__).resolve().parents[2]


def test_doc_refusals_page_is_current() -> None:
    page = (ROOT / "docs/reference/refusals.md").read_text("utf-8")
    made = runpy.run_path(str(ROOT / "tools/gen_refusals.py"))["text"]()
    assert page == made, "run `make docs`"
    for refusal in Refusal:
        assert page.count(f"| `{refusal.value}` |") == 1
        assert WORDS[refusal][0] in page
