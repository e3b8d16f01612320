from __future__ import annotations

import statistics
from decimal import Decimal
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.engine.performance import (
    ANNUAL_DAYS_MIN,
    RoundTrip,
    daily_returns,
    drawdown,
    measure,
    round_trips,
)
from tradedeck.trading.fill import Fill
from tradedeck.trading.order import Side

DAY = 86_400 * 10**9


def fill(n: int, signed: float, price: float, fee: float = 0.0) -> Fill:
    side = Side.BUY if signed > 0 else Side.SELL
    amounts = (Decimal(str(abs(signed))), Decimal(str(price)), Decimal(str(fee)))
    return Fill(f"o{n}", f"o{n}", "a", "t", "X", side, *amounts, "USD", n * DAY, n)


def trip(pnl: float, r: float | None = None) -> RoundTrip:
    return RoundTrip(0, 1, 1.0, 1.0, 1.0, pnl, r)


def test_figures_of_a_year_by_hand() -> None:
    """A curve of 366 days, against the library's own statistics."""
    equities = [100.0 * (1.01 if n % 2 else 1.0) * 1.0005**n for n in range(366)]
    curve = [(n * DAY, value) for n, value in enumerate(equities)]
    returns = [0.0] + [b / a - 1 for a, b in pairwise(equities)]
    figures = measure(curve, [])
    per_year = 366 / (365 / 365.25)
    assert figures.total_return == pytest.approx(equities[-1] / 100 - 1)
    assert figures.annual_return == pytest.approx((equities[-1] / 100) ** (365.25 / 365) - 1)
    assert figures.volatility == pytest.approx(statistics.stdev(returns) * sqrt(per_year))
    sharpe = statistics.mean(returns) / statistics.stdev(returns) * sqrt(per_year)
    assert figures.sharpe == pytest.approx(sharpe)
    assert figures.days == 366


def test_too_little_is_none_and_not_zero() -> None:
    short = measure([(n * DAY, 100.0 + n) for n in range(ANNUAL_DAYS_MIN - 1)], [])
    assert (short.annual_return, short.volatility, short.sharpe) == (None, None, None)
    assert short.total_return == pytest.approx(0.28)
    assert (short.trades, short.win_rate, short.profit_factor) == (0, None, None)
    flat = measure([(n * DAY, 100.0) for n in range(50)], [])
    assert (flat.volatility, flat.sharpe) == (0.0, None)
    empty = measure([], [])
    assert (empty.total_return, empty.max_drawdown) == (None, 0.0)


def test_figures_of_trades() -> None:
    figures = measure([], [trip(300.0), trip(-100.0), trip(-50.0), trip(0.0)])
    assert figures.win_rate == 0.25
    assert figures.profit_factor == pytest.approx(2.0)
    assert figures.expectancy == pytest.approx(37.5)
    # No stops were planned: R is the average loss, 75.
    assert figures.expectancy_r == pytest.approx(0.5)


def test_planned_risk_is_r_where_there_was_a_stop() -> None:
    assert measure([], [trip(300.0, 3.0), trip(-100.0, -1.0)]).expectancy_r == pytest.approx(1.0)
    assert measure([], [trip(300.0)]).expectancy_r is None
    assert measure([], [trip(300.0)]).profit_factor is None


def test_the_opening_counts_as_the_first_day_before() -> None:
    assert daily_returns([(0, 110.0), (1, 99.0), (DAY, 108.9)], 100.0) == pytest.approx(
        [-0.01, 0.1]
    )


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60))
def test_drawdown_is_the_worst_pair(values: list[float]) -> None:
    worst = max(
        (1 - low / high for n, high in enumerate(values) for low in values[n:]), default=0.0
    )
    assert drawdown(list(enumerate(values))) == pytest.approx(worst, abs=1e-12)


def test_a_drawdown_that_was_followed_closer_wins() -> None:
    assert measure([(0, 100.0), (1, 90.0)], [], max_drawdown=0.3).max_drawdown == 0.3


def test_a_round_trip() -> None:
    made = round_trips([fill(1, 10, 100, fee=1), fill(2, -10, 110, fee=1)], stops={"o1": 95.0})
    assert [(t.quantity, t.entry_price, t.exit_price, t.pnl) for t in made] == [
        (10.0, 100.0, 110.0, 98.0)
    ]
    assert made[0].r == pytest.approx(98 / 50)
    assert (made[0].opened_ns, made[0].closed_ns) == (DAY, 2 * DAY)


def test_through_zero_ends_one_and_begins_the_next() -> None:
    made = round_trips([fill(1, 10, 100), fill(2, -15, 110, fee=3), fill(3, 5, 100)])
    assert [(t.quantity, t.pnl) for t in made] == [(10.0, 98.0), (-5.0, 49.0)]


def test_parts_are_averaged() -> None:
    made = round_trips([fill(1, 10, 100), fill(2, 30, 104), fill(3, -20, 110), fill(4, -20, 90)])
    assert len(made) == 1
    assert made[0].entry_price == pytest.approx(103.0)
    assert made[0].exit_price == pytest.approx(100.0)
    assert made[0].pnl == pytest.approx(-120.0)


def test_an_open_position_is_no_trade() -> None:
    assert round_trips([fill(1, 10, 100), fill(2, -9, 110)]) == []


@given(
    st.lists(st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(50, 150)), max_size=40)
)
def test_what_trips_earn_is_what_cash_says(steps: list[tuple[int, int]]) -> None:
    """Over flat-to-flat, the sum of the trips is the cash that flowed."""
    held = sum(signed for signed, _ in steps)
    fills = [fill(n, signed, price, fee=0.5) for n, (signed, price) in enumerate(steps)]
    if held:
        fills.append(fill(len(steps), -held, 100, fee=0.5))
    cash = sum(-float(f.signed * f.price) - float(f.fee) for f in fills)
    assert sum(t.pnl for t in round_trips(fills)) == pytest.approx(cash, abs=1e-6)


def test_json_is_rounded() -> None:
    figures = measure([(0, 100.0), (1, 133.333333333)], []).to_json()
    assert figures["total_return"] == 0.333333
    assert figures["sharpe"] is None
