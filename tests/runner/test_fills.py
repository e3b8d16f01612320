"""Replayed on paper, the same fills as in a backtest."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path

import pytest

from tests.runner.harness import (
    check_books,
    document,
    entries,
    rig,
    state,
    trader,
    wave,
    write_bars,
)
from tradedeck.adapters.calendars import tables
from tradedeck.engine.actions import FILL_ROUNDS_MAX
from tradedeck.engine.backtest import BacktestSpec, run_backtest
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.marketdata.files import read_bars
from tradedeck.risk.limits import Limits
from tradedeck.strategies.interface import build_params
from tradedeck.strategies.registry import builtin
from tradedeck.trading.instrument import Instrument
from tradedeck.venue.model import ExchangeModel

pytestmark = pytest.mark.processes

EMA = {"fast": 3, "slow": 5, "short": True}
CROSS = trader("one", "AAA", "ema-cross", params=EMA)


def test_exe_2_paper_gives_the_fills_of_the_backtest(tmp_path: Path) -> None:
    """Acceptance 9: same strategy, data, frictions: the same fills, replayed live on paper."""
    frictions = {"spread_bps": "4", "slippage_bps": "2", "fee_bps": "1", "fee_min": "0.5"}
    limits = {"gross_exposure_max": "0.9", "order_value_max": "60000"}
    closes = {"AAA": [round(p * (1 + n / 3000), 2) for n, p in enumerate(wave(300, period=26))]}
    wanted = document([CROSS], speed=0, loop=False, limits=limits, exchange=frictions)
    wanted["traders"][0]["sizing"] = {"kind": "equity_fraction", "value": "0.5"}
    write_bars(tmp_path / "bars.csv", closes)
    spec = Instrument("AAA", "USD", Decimal("0.01"), Decimal(1), "24x7", margin_rate=Decimal("0.1"))
    bars = read_bars(tmp_path / "bars.csv", ["AAA"], lambda _n: tables.load("24x7"), "1m")["AAA"]
    strategy = builtin("ema-cross")
    result = run_backtest(
        BacktestSpec(
            strategy, build_params(strategy, EMA), spec, Decimal(100_000),
            Sizing(SizingKind.EQUITY_FRACTION, Decimal("0.5")),
            Limits.from_document(limits), ExchangeModel.from_body(frictions),
        ),
        bars,
    )  # fmt: skip
    with rig(tmp_path, wanted, closes=closes) as r:
        r.wait("decision", count=300, wait_s=40)
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)
        paper = [e.body["fill"] for e in entries(r.journal, "order.filled")]
    assert len(paper) > 10
    assert [(f["time_ns"], f["side"], f["quantity"], f["price"], f["fee"]) for f in paper] == [
        (b["time_ns"], b["side"], b["quantity"], b["price"], b["fee"])
        for b in (fill.to_body() for fill in result.fills)
    ]
    assert Decimal(state(r.journal)["book/main"]["balance"]) == result.final_balance


ENDLESS = """
from tradedeck.strategies.interface import Meta, Strategy
from tradedeck.trading.signal import Signal


class Endless(Strategy):
    meta = Meta("endless", "Endless", "Turns around at each of its own fills.")

    def on_bar(self, bar):
        return Signal(1.0) if self.context.position == 0 else None

    def on_fill(self, fill):
        return Signal(-1.0 if fill.side.value == "BUY" else 1.0)
"""


def test_inv_11_a_strategy_that_answers_its_fills_without_an_end_is_alarmed_and_the_bars_go_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "endless.py").write_text(ENDLESS)
    other = trader("other", "BBB", "ema-cross", params=EMA)
    wanted = document([trader("loops", "AAA", "endless"), other], speed=20)
    with rig(tmp_path, wanted, closes={"AAA": wave(200), "BBB": wave(200)}) as r:
        alarm = r.wait("alarm", lambda b: b["code"] == "FILL_LOOP")[0]
        assert "loops" in alarm.body["detail"]
        assert alarm.body["severity"] == "critical"
        r.wait("decision", lambda b: b["trader"] == "other", after=alarm.seq, count=5)
        fills = [e for e in r.entries("order.filled") if e.seq < alarm.seq]
        assert len(fills) >= FILL_ROUNDS_MAX
