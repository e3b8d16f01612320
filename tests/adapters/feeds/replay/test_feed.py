from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.adapters.calendars import tables
from tradedeck.adapters.feeds.replay.feed import DEBT_NS_MAX, NS_PER_S, Replay
from tradedeck.kernel.clock import parse_ns
from tradedeck.kernel.errors import TradedeckError
from tradedeck.marketdata.ports import FeedState
from tradedeck.marketdata.series import BarSeries
from tradedeck.marketdata.sources import load
from tradedeck.trading.market import Bar


def series_of(name: str, ends: list[int]) -> BarSeries:
    series = BarSeries(name, 10)
    for end in ends:
        series.append(Bar(name, end - 10, end, 1.0, 1.0, 1.0, 1.0))
    return series


def replay(ends: Mapping[str, list[int]], **options: object) -> Replay:
    made = {name: series_of(name, values) for name, values in ends.items()}
    return Replay("r", made, **{"speed": 0.0, **options})  # type: ignore[arg-type] # options vary


def drain(feed: Replay, most: int = 1000) -> list[tuple[int, list[str]]]:
    steps: list[tuple[int, list[str]]] = []
    while feed.next_due(0) is not None and len(steps) < most:
        bars = feed.pop(0)
        assert len({bar.end_ns for bar in bars}) == 1
        steps.append((bars[0].end_ns, [bar.instrument for bar in bars]))
    return steps


def test_bars_of_one_instant_come_together() -> None:
    feed = replay({"B": [10, 20, 40], "A": [20, 30]})
    assert drain(feed) == [(10, ["B"]), (20, ["A", "B"]), (30, ["A"]), (40, ["B"])]
    assert feed.status(0).state is FeedState.ENDED
    assert feed.pop(0) == ()


@given(
    st.dictionaries(
        st.sampled_from("ABCD"),
        st.lists(st.integers(1, 60), min_size=1, unique=True),
        min_size=1,
    )
)
def test_every_bar_comes_once_in_order(steps: dict[str, list[int]]) -> None:
    ends = {name: sorted(10 * step for step in values) for name, values in steps.items()}
    given_out = drain(replay(ends))
    assert [end for end, _ in given_out] == sorted({end for vs in ends.values() for end in vs})
    got = sorted((end, name) for end, names in given_out for name in names)
    assert got == sorted((end, name) for name, values in ends.items() for end in values)


def test_pace() -> None:
    feed = replay({"A": [10, 20, 30, 40]}, speed=4.0)
    assert feed.next_due(1_000) == 1_000
    assert len(feed.pop(1_000)) == 1
    assert feed.next_due(1_000) == 1_000 + NS_PER_S // 4
    assert feed.pop(1_000 + NS_PER_S // 4 - 1) == ()
    assert len(feed.pop(1_000 + NS_PER_S // 4)) == 1


def test_a_stall_is_not_made_up_for() -> None:
    feed = replay({"A": [10 * n for n in range(1, 500)]}, speed=100.0)
    feed.pop(0)
    late = 60 * NS_PER_S
    popped = 0
    while (due := feed.next_due(late)) is not None and due <= late:
        feed.pop(late)
        popped += 1
    assert popped <= DEBT_NS_MAX // (NS_PER_S // 100) + 2


def test_pause_step_resume() -> None:
    feed = replay({"A": [10, 20, 30, 40, 50]}, speed=1.0)
    feed.pause()
    assert feed.next_due(5) is None
    assert feed.pop(5) == ()
    assert feed.status(5).state is FeedState.PAUSED
    feed.step(2)
    assert [bar.end_ns for _ in range(3) for bar in feed.pop(5)] == [10, 20]
    assert feed.next_due(5) is None
    feed.resume(7)
    assert feed.next_due(7) == 7
    assert feed.pop(7)[0].end_ns == 30
    assert feed.status(7).state is FeedState.RUNNING


def test_a_new_speed_holds_at_once() -> None:
    feed = replay({"A": [10, 20, 30]}, speed=0.001)
    feed.pop(0)
    assert feed.next_due(0) == 1_000 * NS_PER_S
    feed.set_speed(2.0, 50)
    assert feed.next_due(50) == 50
    for speed in (-1.0, float("nan"), 1e9):
        with pytest.raises(TradedeckError, match="speed was"):
            feed.set_speed(speed, 50)


def test_seek() -> None:
    feed = replay({"A": [10, 20, 30], "B": [15, 25]}, start_ns=12)
    feed.seek(21)
    assert feed.pop(0)[0].end_ns == 25
    feed.seek(0)
    assert feed.pop(0)[0].end_ns == 15
    with pytest.raises(TradedeckError, match="no bar at or after"):
        feed.seek(31)
    assert feed.pop(0)[0].end_ns == 20


def test_start_end_and_loop() -> None:
    feed = replay({"A": [10, 20, 30, 40]}, start_ns=20, end_ns=30, loop=True)
    assert [end for end, _ in drain(feed, most=5)] == [20, 30, 20, 30, 20]
    status = feed.status(0)
    assert (status.lap, status.start_ns, status.end_ns) == (2, 20, 30)
    with pytest.raises(TradedeckError, match="no bars between"):
        replay({"A": [10]}, start_ns=11)


@given(st.integers(0, 12))
def test_a_restart_goes_on_where_it_was(taken: int) -> None:
    ends = {"A": [10, 20, 30, 40, 50, 60], "B": [15, 20, 45, 60]}
    whole = drain(replay(ends))
    first = replay(ends)
    before = [(feed_bars[0].end_ns) for _ in range(taken) if (feed_bars := first.pop(0))]
    second = replay(ends)
    if first.cursor_ns is not None:
        second.restore(first.cursor_ns, first.lap)
    assert before + [end for end, _ in drain(second)] == [end for end, _ in whole]


def test_the_demo_begins_with_four_on_its_first_day() -> None:
    names = ["AAPL", "GOOG", "IBM", "MSFT"]
    bars = load("bundled:us-daily", names, lambda _name: tables.load("XNYS"))
    feed = Replay("r", bars, speed=0.0, start_ns=parse_ns("2004-08-19T00:00:00Z"))
    first = feed.pop(0)
    assert [bar.instrument for bar in first] == names
    assert first[0].end_ns == parse_ns("2004-08-19T20:00:00Z")
