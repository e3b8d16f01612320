from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.marketdata.series import BarSeries
from tradedeck.trading.market import Bar


def series_of(closes: list[int], *, sided: bool = False) -> BarSeries:
    series = BarSeries("X", 10, sided=sided)
    for n, end in enumerate(closes):
        sides = (1.0, 2.0) if sided else (None, None)
        series.append(Bar("X", end - 10, end, 1.0 + n, 2.0 + n, 0.5 + n, 1.5 + n, 7.0, *sides))
    return series


def test_bars_come_back_as_they_went_in() -> None:
    for sided in (False, True):
        series = series_of([10, 20, 30], sided=sided)
        assert [bar.to_list() for bar in series] == [series[n].to_list() for n in range(3)]
        assert series[1].bid == (1.0 if sided else None)


def test_time_does_not_go_back() -> None:
    series = series_of([10, 20])
    with pytest.raises(AssertionError):
        series.append(Bar("X", 5, 15, 1.0, 1.0, 1.0, 1.0))


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=30, unique=True),
    st.integers(0, 600),
    st.integers(0, 600),
)
def test_between_is_what_a_filter_would_keep(steps: list[int], start: int, end: int) -> None:
    series = series_of([10 * step for step in sorted(steps)])
    kept = [b.to_list() for b in series if b.time_ns >= start and b.end_ns <= end]
    assert [bar.to_list() for bar in series.between(start, end)] == kept
    index = series.index_at(start)
    assert all(value < start for value in series.end[:index])
    assert all(value >= start for value in series.end[index:])
