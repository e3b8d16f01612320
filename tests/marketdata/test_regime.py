"""Regimes of a market: what each bar is called, and that none knows the future."""

from __future__ import annotations

from math import exp

import pytest

from tradedeck.marketdata.regime import (
    CONFIRM_BARS,
    TREND_BARS,
    Regime,
    classify,
    index_returns,
    spans,
)
from tradedeck.marketdata.series import BarSeries
from tradedeck.trading.market import Bar

DAY = 86_400_000_000_000


def series(symbol: str, closes: list[float], first: int = 0) -> BarSeries:
    made = BarSeries(symbol, DAY)
    for number, close in enumerate(closes, first):
        made.append(Bar(symbol, number * DAY, (number + 1) * DAY, close, close, close, close, 1.0))
    return made


def wobble(count: int, drift: float, size: float = 0.001) -> list[float]:
    return [drift + (size if number % 2 else -size) for number in range(count)]


def test_up_down_and_turbulent_are_told_apart() -> None:
    returns = wobble(300, 0.001) + wobble(300, -0.002) + wobble(60, -0.002, size=0.03)
    found = classify(returns)
    assert set(found[: TREND_BARS - 1]) == {Regime.UNKNOWN}
    assert set(found[TREND_BARS:300]) == {Regime.RISING}
    assert set(found[400:600]) == {Regime.FALLING}
    assert found[640] is Regime.TURBULENT


def test_a_bar_does_not_know_what_comes_after_it() -> None:
    returns = wobble(250, 0.001) + wobble(250, -0.003, size=0.01)
    whole = classify(returns)
    for length in (120, 260, 300, 420):
        assert classify(returns[:length]) == whole[:length]


def test_a_few_bars_are_no_regime() -> None:
    quiet = wobble(300, 0.001)
    dip = [*quiet, *[-0.03] * (CONFIRM_BARS - 1)]
    assert classify(dip)[-1] is Regime.RISING
    assert classify([*dip, -0.03])[-1] is not Regime.RISING


def test_the_index_is_the_mean_of_what_closed_at_the_same_time() -> None:
    one = series("AAA", [100.0, 100.0 * exp(0.02), 100.0 * exp(0.02)])
    two = series("BBB", [50.0, 50.0 * exp(0.04)])
    ends, returns = index_returns([(one, 99 * DAY), (two, 99 * DAY)], 10)
    assert ends == [2 * DAY, 3 * DAY]
    assert returns == pytest.approx([0.03, 0.0])


def test_bars_after_the_cursor_are_not_read() -> None:
    closes = [100.0]
    for change in wobble(400, 0.001):
        closes.append(closes[-1] * exp(change))
    bars = series("AAA", closes)
    found = spans([(bars, 250 * DAY)], 1_000)
    assert found[-1].end_ns == 250 * DAY
    assert found[0].start_ns == 2 * DAY
    assert [span.regime for span in found] == [Regime.UNKNOWN, Regime.RISING]
    assert spans([(bars, 250 * DAY)], 50)[0].start_ns == 201 * DAY
    assert spans([], 50) == []
