"""The example of docs/concepts/writing-a-strategy.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tradedeck.adapters.calendars import tables
from tradedeck.engine.backtest import BacktestSpec, run_backtest
from tradedeck.marketdata.sources import load
from tradedeck.strategies import memory, registry
from tradedeck.strategies.interface import build_params
from tradedeck.trading.instrument import CATALOGUE

PAGE = Path(__file__).resolve().parents[2] / "docs/concepts/writing-a-strategy.md"


def example() -> str:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_example_is_found_and_trades(tmp_path: Path) -> None:
    (tmp_path / "above_mean.py").write_text(example())
    cls = registry.discover(tmp_path)["above-mean"]
    series = load("bundled:us-daily", ["AAPL"], lambda _name: tables.load("XNYS"))["AAPL"]
    spec = BacktestSpec(cls, build_params(cls, {"period": 100}), CATALOGUE["AAPL"])
    result = run_backtest(spec, series)
    assert result.bars == len(series)
    assert len(result.fills) > 10
    assert result.denied == 0


def test_its_memory_survives_a_restart(tmp_path: Path) -> None:
    (tmp_path / "above_mean.py").write_text(example())
    cls: Any = registry.discover(tmp_path)["above-mean"]
    params = build_params(cls, {})
    strategy = cls(params)
    series = load("bundled:us-daily", ["IBM"], lambda _name: tables.load("XNYS"))["IBM"]
    for bar in list(series)[:200]:
        strategy.on_bar(bar)
    again = memory.load(cls, memory.dump(strategy.memory), params)
    assert again == strategy.memory
    assert again.mean > 0


def test_it_is_ten_lines_of_its_own() -> None:
    lines = [line for line in example().splitlines() if line.strip()]
    body = [line for line in lines if not line.startswith(("from", "import", "class"))]
    boilerplate = [
        line for line in body if "@dataclass" in line or line.strip().startswith("class")
    ]
    assert len(body) - len(boilerplate) <= 10
