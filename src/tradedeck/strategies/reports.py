"""The checked-in performance report of each built-in preset.

Owns finding a report. Never: computes one; `tools/gen_preset_reports.py` does, on real prices,
and a test holds what is checked in against the code.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from tradedeck.strategies.registry import BUILTIN


def report(strategy: str, preset: str) -> dict[str, Any] | None:
    """The report of a preset of a built-in strategy; None where there is none.

    Figures are fractions (0.12 is 12 %); `instruments` holds one run each, with buy-and-hold of
    the same instrument beside it.
    """
    if strategy not in BUILTIN:
        return None
    file = files("tradedeck.strategies").joinpath("preset_reports", f"{strategy}.json")
    if not file.is_file():
        return None
    return json.loads(file.read_text("utf-8"))["presets"].get(preset)
