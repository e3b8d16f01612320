"""Every built-in strategy: its metadata, its promises, and one market it must get right."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import TradedeckError
from tradedeck.strategies import memory
from tradedeck.strategies.interface import Strategy, build_params, params_schema
from tradedeck.strategies.registry import BUILTIN, builtin, describe
from tradedeck.trading.market import Bar
from tradedeck.trading.signal import Signal

HOUR = 3600 * NS_PER_S
PRESETS = ("conservative", "balanced", "aggressive")
CASES = [(name, preset) for name in BUILTIN for preset in PRESETS]


def made(name: str, **params: Any) -> Strategy:
    cls = builtin(name)
    checked = build_params(cls, params)
    strategy = cls(checked, memory.load(cls, None, checked))
    strategy.on_start()
    return strategy


def bars_of(closes: Sequence[float], *, reach: float = 0.1) -> list[Bar]:
    bars: list[Bar] = []
    before = closes[0]
    for n, close in enumerate(closes):
        high, low = max(before, close) + reach, min(before, close) - reach
        bars.append(Bar("X", n * HOUR, (n + 1) * HOUR, before, high, low, close, 100.0))
        before = close
    return bars


def walk(count: int, seed: int) -> list[float]:
    dice, price, closes = random.Random(seed), 100.0, []
    for _ in range(count):
        price *= 1 + dice.gauss(0, 0.01)
        closes.append(price)
    return closes


def play(strategy: Strategy, bars: Iterable[Bar]) -> list[tuple[int, Signal]]:
    """Feed bars; every signal is carried out at once, so that `position` follows it."""
    signals: list[tuple[int, Signal]] = []
    for n, bar in enumerate(bars):
        wish = strategy.on_bar(bar)
        if wish is None:
            continue
        assert isinstance(wish, Signal)
        signals.append((n, wish))
        strategy.context.position = wish.target * 10
    return signals


@pytest.mark.parametrize("name", BUILTIN)
def test_metadata_is_for_people(name: str) -> None:
    about = describe(builtin(name))
    assert about["name"] == name
    assert about["description"].count(".") >= 2
    assert tuple(about["presets"]) == PRESETS
    assert all(
        entry["description"] for entry in params_schema(builtin(name))["properties"].values()
    )
    json.dumps(about)


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_presets_are_valid_and_say_something(name: str, preset: str) -> None:
    cls = builtin(name)
    build_params(cls, cls.meta.presets[preset])
    signals = play(made(name, **cls.meta.presets[preset]), bars_of(walk(2_000, 7)))
    assert signals
    assert all(-1 <= signal.target <= 1 and signal.reason for _, signal in signals)


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_stops_are_on_the_losing_side(name: str, preset: str) -> None:
    bars = bars_of(walk(2_000, 11))
    for n, signal in play(made(name, **builtin(name).meta.presets[preset]), bars):
        if signal.stop is not None:
            assert math.isfinite(signal.stop)
            assert signal.stop > 0
            assert (bars[n].close - signal.stop) * signal.target > 0


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_memory_through_json_in_the_middle_changes_nothing(name: str, preset: str) -> None:
    """A restart after any bar: same signals as without one."""
    cls, bars = builtin(name), bars_of(walk(600, 3))
    params = build_params(cls, cls.meta.presets[preset])
    whole = play(made(name, **cls.meta.presets[preset]), bars)
    first = made(name, **cls.meta.presets[preset])
    before = play(first, bars[:400])
    kept = json.loads(json.dumps(memory.dump(first.memory)))
    second = cls(params, memory.load(cls, kept, params))
    second.context = copy.copy(first.context)
    second.on_start()
    after = play(second, bars[400:])
    assert [(n, s.target, s.stop) for n, s in whole] == [
        *((n, s.target, s.stop) for n, s in before),
        *((n + 400, s.target, s.stop) for n, s in after),
    ]


@pytest.mark.parametrize("name", BUILTIN)
def test_what_is_shown_under_why_is_numbers(name: str) -> None:
    strategy = made(name)
    play(strategy, bars_of(walk(300, 5)))
    assert all(math.isfinite(value) for value in strategy.inputs().values())


@pytest.mark.parametrize("name", sorted(set(BUILTIN) - {"buy-and-hold"}))
def test_a_market_that_stands_still_is_left_alone(name: str) -> None:
    strategy = made(name)
    wishes = [strategy.on_bar(bar) for bar in bars_of([100.0] * 500, reach=0.0)]
    assert [wish for wish in wishes if isinstance(wish, Signal) and wish.target > 0] == []


@pytest.mark.parametrize(
    ("name", "params", "reason"),
    [
        ("ema-cross", {"fast": 20, "slow": 20}, "below slow"),
        ("mean-reversion", {"width": 4.0, "stop_width": 4.0}, "above width"),
        ("donchian-breakout", {"entry": 10, "exit": 11}, "above entry"),
        ("gold-scalping", {"hour_from": 20, "hour_to": 20}, "before hour_to"),
        ("momentum", {"lookback": 1}, "least is 2"),
        ("buy-and-hold", {"share": 1.5}, "most is 1"),
        ("ema-cross", {"fast": 10.5}, "must be a int"),
        ("ema-cross", {"speed": 10}, "is not a parameter"),
    ],
)
def test_parameters_that_make_no_sense(name: str, params: dict[str, Any], reason: str) -> None:
    with pytest.raises(TradedeckError) as raised:
        build_params(builtin(name), params)
    assert reason in str(raised.value.faults)


def test_ema_cross_by_hand() -> None:
    """The averages as the formula gives them, and a cross at the bar where they cross."""
    closes = [100.0 + n for n in range(40)] + [140.0 - 2 * n for n in range(40)]
    fast = slow = closes[0]
    wanted: list[tuple[int, float]] = []
    side = 0.0
    for n, close in enumerate(closes[1:], 2):
        fast += 2 / 6 * (close - fast)
        slow += 2 / 21 * (close - slow)
        target = 1.0 if fast > slow else -1.0
        if n >= 20 and target != side:
            side = target
            wanted.append((n - 1, target))
    strategy = made("ema-cross", fast=5, slow=20)
    assert [(n, s.target) for n, s in play(strategy, bars_of(closes))] == wanted
    assert len(wanted) == 2
    assert strategy.memory.fast == pytest.approx(fast)
    assert strategy.memory.slow == pytest.approx(slow)


def test_ema_cross_without_short_goes_flat() -> None:
    closes = [100.0 + n for n in range(40)] + [140.0 - 2 * n for n in range(40)]
    signals = play(made("ema-cross", fast=5, slow=20, short=False), bars_of(closes))
    assert [signal.target for _, signal in signals] == [1.0, 0.0]


def test_momentum_by_hand() -> None:
    closes = [100.0] * 10 + [103.1] * 5 + [100.0] * 10
    signals = play(made("momentum", lookback=5, enter=0.03), bars_of(closes))
    # Up by 3.1 % within five bars: in at once, out when five bars ago is as high as now.
    assert [(n, s.target) for n, s in signals] == [(10, 1.0), (15, 0.0)]
    short = play(made("momentum", lookback=5, enter=0.03, short=True), bars_of(closes))
    assert [(n, s.target) for n, s in short] == [(10, 1.0), (15, -1.0), (20, 0.0)]


def test_mean_reversion_by_hand() -> None:
    swing = [100.0, 101.0] * 10
    signals = play(made("mean-reversion", period=10), bars_of([*swing, 98.0, 99.0, 101.0]))
    assert [(n, s.target) for n, s in signals] == [(20, 1.0), (22, 0.0)]
    window = [*swing, 98.0][-10:]
    mean = sum(window) / 10
    deviation = math.sqrt(sum((value - mean) ** 2 for value in window) / 10)
    assert signals[0][1].stop == pytest.approx(mean - 4 * deviation)


def test_mean_reversion_waits_after_a_stop() -> None:
    strategy = made("mean-reversion", period=10)
    bars = bars_of([*([100.0, 101.0] * 10), 98.0, 95.0, 92.0, 90.0, 93.0, 101.0])
    signals = play(strategy, bars[:21])
    assert [signal.target for _, signal in signals] == [1.0]
    strategy.context.position = 0.0  # the venue's stop was hit
    assert play(strategy, bars[21:25]) == []
    play(strategy, bars[25:])
    assert strategy.memory.pending == 0


def test_donchian_by_hand() -> None:
    flat = [100.0, 100.5] * 10
    bars = bars_of([*flat, 103.0, 104.0, 105.0, 104.5, 100.0])
    strategy = made("donchian-breakout", entry=10, exit=3)
    signals = play(strategy, bars)
    assert [(n, s.target) for n, s in signals] == [(20, 1.0), (24, 0.0)]
    # The channel is of the bars before: the breaking bar's own high does not count.
    assert bars[20].high > 103.0
    assert signals[0][1].stop is not None
    assert signals[0][1].stop < 103.0


def test_donchian_short_turns_around() -> None:
    flat = [100.0, 100.5] * 10
    signals = play(
        made("donchian-breakout", entry=10, exit=3, short=True), bars_of([*flat, 103.0, 90.0])
    )
    assert [signal.target for _, signal in signals] == [1.0, -1.0]


def gold(closes: Sequence[float], spread: float, first_hour: int = 0) -> list[Bar]:
    bars = bars_of(closes, reach=0.5)
    for n, bar in enumerate(bars):
        bar.time_ns, bar.end_ns = (first_hour + n) * HOUR, (first_hour + n + 1) * HOUR
        bar.bid, bar.ask = bar.close - spread / 2, bar.close + spread / 2
    return bars


RISING_DIP = [1000.0 + n for n in range(34)] + [1031.0, 1030.0]


def test_gold_buys_a_dip_in_a_rising_market_in_its_hours() -> None:
    # Bar 35 closes at 12:00 of the second day, within 7 to 20; there the RSI is 20.
    signals = play(made("gold-scalping", trend=20, dip=30.0), gold(RISING_DIP, 0.2))
    assert [(n, s.target) for n, s in signals] == [(35, 1.0)]
    at_night = gold(RISING_DIP, 0.2, first_hour=12)
    assert play(made("gold-scalping", trend=20, dip=30.0), at_night) == []


def test_gold_stays_out_of_a_wide_spread() -> None:
    # 4 bps of about 1,030 are 0.41.
    assert play(made("gold-scalping", trend=20, dip=30.0), gold(RISING_DIP, 0.5)) == []
    assert play(made("gold-scalping", trend=20, dip=30.0), gold(RISING_DIP, 0.4))


def test_gold_leaves_after_its_bars() -> None:
    closes = [*RISING_DIP, *(1029.5 - 0.1 * n for n in range(10))]
    signals = play(made("gold-scalping", trend=20, dip=30.0, bars_max=3), gold(closes, 0.2))
    assert [(n, s.target) for n, s in signals][:2] == [(35, 1.0), (38, 0.0)]
    assert signals[1][1].reason == "held long enough"


def test_buy_and_hold_buys_once() -> None:
    signals = play(made("buy-and-hold", share=0.25), bars_of(walk(50, 1)))
    assert [(n, s.target) for n, s in signals] == [(0, 0.25)]


def test_decimals_are_nowhere_in_signals() -> None:
    for name in BUILTIN:
        for _, signal in play(made(name), bars_of(walk(800, 2))):
            assert not isinstance(signal.stop, Decimal)
