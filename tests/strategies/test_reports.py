from __future__ import annotations

import pytest

from tools import gen_preset_reports as generator
from tools import gen_refusals, gen_strategies
from tradedeck.strategies.registry import BUILTIN, builtin
from tradedeck.strategies.reports import report


def test_what_is_checked_in_is_what_the_code_gives() -> None:
    """All bundled reports, computed again; run `make docs` when this fails."""
    for path, text in generator.generate().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: make docs"


@pytest.mark.parametrize("name", BUILTIN)
def test_every_preset_has_its_report(name: str) -> None:
    for preset, params in builtin(name).meta.presets.items():
        found = report(name, preset)
        assert found is not None
        assert found["params"] == dict(params)
        assert "says nothing certain about the future" in found["disclaimer"]
        for entry in found["instruments"]:
            assert entry["bars"] > 2_000
            assert {"total_return", "volatility", "sharpe", "max_drawdown"} <= set(entry["figures"])


def test_there_is_none_of_others() -> None:
    assert report("mine", "balanced") is None
    assert report("momentum", "reckless") is None
    assert report("../momentum", "balanced") is None


def test_reference_pages_are_current() -> None:
    for module in (gen_strategies, gen_refusals):
        assert module.TARGET.read_text(encoding="utf-8") == module.text(), "run: make docs"
