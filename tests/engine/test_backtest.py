"""A backtest is an account of its bars, computed here a second time without gate, book or venue."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from tests.cases.kit import AAPL, DAY, bar, d, limits

from tradedeck.engine.actions import FILL_ROUNDS_MAX
from tradedeck.engine.backtest import Backtest, BacktestSpec, run_backtest
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.kernel.errors import TradedeckError
from tradedeck.strategies.interface import Meta, Strategy
from tradedeck.trading.fill import Fill
from tradedeck.trading.market import Bar
from tradedeck.trading.order import BUY
from tradedeck.trading.signal import OrderRequest
from tradedeck.venue.model import ExchangeModel


class Flip(Strategy):
    """Long where the bar number divided by `every` is even, else short; a stop when asked."""

    meta = Meta(name="flip", title="Flip", description="For tests.")

    @dataclass(slots=True)
    class Params:
        every: int = 7
        stop: float = 0.0

    @dataclass(slots=True)
    class Memory:
        bars: int = 0

    def on_bar(self, bar: Bar) -> Any:
        self.memory.bars += 1
        target = 1.0 if (self.memory.bars // self.params.every) % 2 == 0 else -1.0
        stop = bar.close * (1 - target * self.params.stop) if self.params.stop else None
        return self.want(target, stop=stop)


def curve(count: int = 500) -> list[Bar]:
    closes = [round(100 + 30 * math.sin(n / 17) + 9 * math.cos(n / 3.1), 2) for n in range(count)]
    return [bar(close, n + 1, open=closes[max(0, n - 1)], step=DAY)
            for n, close in enumerate(closes)]  # fmt: skip


def spec(**more: Any) -> BacktestSpec:
    params = more.pop("params", Flip.Params())
    sizing = more.pop("sizing", Sizing(SizingKind.UNITS, d(100)))
    return BacktestSpec(Flip, params, AAPL, sizing=sizing, **more)


def naive(bars: list[Bar], every: int, units: int, bps: str, slip: str) -> tuple[Decimal, int]:
    """Cash and units, nothing else: what it paid and received, and the last price."""
    cash, held, fills = Decimal(100_000), 0, 0
    for n, each in enumerate(bars, 1):
        target = units if (n // every) % 2 == 0 else -units
        if (target > 0) == (held > 0) and held:
            continue
        close = Decimal(f"{each.close:.2f}")
        side = 1 if target > 0 else -1
        paid = (close * (1 + side * Decimal(slip) / 10_000)).quantize(
            Decimal("0.01"), ROUND_HALF_EVEN
        )
        for part in filter(None, (-held, target)):
            fee = (abs(part) * paid * Decimal(bps) / 10_000).quantize(Decimal("0.00000001"))
            cash -= part * paid + fee
            fills += 1
        held = target
    return cash + held * Decimal(f"{bars[-1].close:.2f}"), fills


@pytest.mark.parametrize(("bps", "slip"), [("0", "0"), ("1.5", "0"), ("2", "3")])
@pytest.mark.parametrize("every", [1, 7, 60])
def test_backtest_equals_the_naive_computation_to_the_cent(every: int, bps: str, slip: str) -> None:
    model = ExchangeModel(slippage_bps=d(slip), fee_bps=d(bps))
    result = run_backtest(spec(params=Flip.Params(every), model=model), curve())
    equity, fills = naive(curve(), every, 100, bps, slip)
    assert result.final_equity == equity
    assert len(result.fills) == fills
    assert result.denied == 0
    assert result.final_balance - result.opening_balance == result.realised - result.fees
    assert result.postings["cash"] == result.final_balance - result.opening_balance
    assert sum(result.postings.values()) == 0
    assert result.pnl == result.final_equity - 100_000


def test_backtest_two_runs_are_equal() -> None:
    def once() -> dict[str, Any]:
        model = ExchangeModel(d(2), d(1), d(1), d("0.5"), d("0.5"))
        params = Flip.Params(5, 0.02)
        result = run_backtest(spec(params=params, model=model), curve())
        return {
            "fills": [f.to_body() for f in result.fills],
            "equity": result.final_equity,
            "curve": result.curve,
            "denials": result.denials,
        }

    first = once()
    assert first == once()
    assert len(first["fills"]) > 50


def test_backtest_a_limit_that_is_hit_halts_entries() -> None:
    bound = {"bound": "0.02", "action": "flatten"}
    result = run_backtest(spec(limits=limits(drawdown_max=bound)), curve())
    assert [h["limit"] for h in result.halts] == ["drawdown_max"]
    assert set(result.denials) == {"HALT_HALTED"}
    assert result.final_balance == result.final_equity  # flat since
    free = run_backtest(spec(), curve())
    assert len(free.fills) > len(result.fills)
    assert result.max_drawdown < free.max_drawdown


def test_backtest_the_days_loss_is_a_days() -> None:
    worst = max(abs(b.close - a.close) for a, b in zip(curve(), curve()[1:], strict=False)) * 100
    calm = {"bound": str(int(worst) + 1), "action": "pause"}
    assert run_backtest(spec(limits=limits(day_loss_max=calm)), curve()).halts == []
    tight = {"bound": "200", "action": "pause"}
    assert run_backtest(spec(limits=limits(day_loss_max=tight)), curve()).halts


def test_backtest_the_session_gate_denies_entries_only() -> None:
    result = run_backtest(spec(session_open=lambda _now: False), curve())
    assert result.fills == []
    assert set(result.denials) == {"SESSION_CLOSED"}


def test_backtest_stops_bound_what_a_trade_loses() -> None:
    result = run_backtest(spec(params=Flip.Params(60, 0.05)), curve())
    assert any(f.price is not None for f in result.fills)
    free = run_backtest(spec(params=Flip.Params(60)), curve())
    assert len(result.fills) > len(free.fills)


def test_backtest_can_be_cancelled_and_says_so() -> None:
    asked: list[int] = []

    def no(done: int) -> bool:
        asked.append(done)
        return False

    bars = [bar(100, n + 1) for n in range(25_000)]
    result = Backtest(spec()).run(iter(bars), no)
    assert result.cancelled
    assert asked == [20_000]
    assert result.bars == 20_000


class Answers(Strategy):
    """Buys once, and answers `times` fills with one more unit each."""

    meta = Meta(name="answers", title="Answers", description="For tests.")

    @dataclass(slots=True)
    class Params:
        times: int = 3

    @dataclass(slots=True)
    class Memory:
        held: list[float] = field(default_factory=list[float])

    def on_bar(self, bar: Bar) -> Any:
        del bar
        return None if self.memory.held else OrderRequest(BUY, d(1))

    def on_fill(self, fill: Fill) -> Any:
        del fill
        held = self.memory.held
        held.append(self.context.position)
        return OrderRequest(BUY, d(1)) if len(held) <= self.params.times else None


def test_backtest_a_strategy_is_told_its_fills_on_the_bar_that_made_them() -> None:
    run = Backtest(BacktestSpec(Answers, Answers.Params(3), AAPL))
    result = run.run([bar(100, 1), bar(100, 2)])
    assert run._strategy.memory.held == [1, 2, 3, 4]
    assert {fill.time_ns for fill in result.fills} == {bar(100, 1).end_ns}


def test_backtest_a_strategy_that_answers_every_fill_is_ended_with_a_word() -> None:
    """As many rounds as the runner grants, then an error; it recursed once."""
    last = run_backtest(BacktestSpec(Answers, Answers.Params(FILL_ROUNDS_MAX - 1), AAPL), [bar(1)])
    assert len(last.fills) == FILL_ROUNDS_MAX
    with pytest.raises(TradedeckError, match="answered its own fills 8 times on one bar"):
        run_backtest(BacktestSpec(Answers, Answers.Params(10**9), AAPL), [bar(1)])


def test_backtest_of_nothing() -> None:
    result = run_backtest(spec(), [])
    assert (result.bars, result.orders, result.exposure) == (0, 0, 0)
    assert result.final_equity == result.opening_balance


def test_backtest_memory_of_the_curve_is_bounded() -> None:
    result = run_backtest(
        spec(params=Flip.Params(10_000)), (bar(100, n + 1) for n in range(20_000))
    )
    assert len(result.curve) <= 4_001
    assert result.curve[-1][0] == bar(100, 20_000).end_ns
