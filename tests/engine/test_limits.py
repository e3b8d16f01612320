"""Running limits (RSK-2): actions, the day, restart, changed limits, lifted halts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases.kit import DAY, Rig, bar, limits

from tradedeck.engine.planner import utc_day_end
from tradedeck.execution.halt import Level
from tradedeck.risk.limits import Action as Does
from tradedeck.risk.limits import Limits, RunningLimit
from tradedeck.risk.running import EquityWatch


def holding(*, trader: bool = False, balance: object = 10_000, **bounds: Any) -> Rig:
    """Long 50 at 100 in an account of 10,000; `bounds` at the account or at its trader."""
    given_ = limits(**bounds)
    rig = Rig(limits=None if trader else given_, balance=balance, day_end=utc_day_end)
    slot = rig.trader(value=50, limits=given_ if trader else None)
    rig.bar(bar(100, 1, step=DAY))
    rig.signal(slot, 1.0)
    return rig


KINDS = {
    "drawdown_max": "0.05",  # of a peak of 10,000: 500, so at 90
    "day_loss_max": "500",
    "loss_max": "500",
}


@pytest.mark.parametrize("trader", [False, True], ids=["account", "trader"])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("action", list(Does))
def test_rsk_2_each_limit_acts_at_its_bound_and_not_before(
    name: str, action: Does, trader: bool
) -> None:
    rig = holding(trader=trader, **{name: {"bound": KINDS[name], "action": action.value}})
    slot = rig.engine.slots["on-AAPL"]
    rig.bar(bar(90.01, 2, step=DAY))
    assert rig.sink.breaches == []
    rig.bar(bar(90.00, 2, step=DAY))
    scope = "trader/on-AAPL" if trader else "account/main"
    [(where, breach)] = rig.sink.breaches
    assert (where, breach.limit, breach.action) == (scope, name, action)
    assert breach.value == breach.bound == Decimal(KINDS[name])
    level = {
        Does.ALARM: Level.NONE,
        Does.PAUSE: Level.PAUSE,
        Does.REDUCE_ONLY: Level.REDUCE_ONLY,
        Does.FLATTEN: Level.HALTED,
    }[action]
    assert rig.halts.of("main", "on-AAPL", "test", "AAPL") is level
    assert rig.flat() is (action is Does.FLATTEN)
    rig.signal(slot, -1.0)
    assert rig.book.held("AAPL") == (-50 if action is Does.ALARM else 0)
    rig.agree()


def test_rsk_2_a_breach_is_said_once_and_the_latch_stays_when_the_price_comes_back() -> None:
    rig = holding(loss_max={"bound": "500", "action": "pause"})
    for n, price in enumerate((89, 88, 120, 89), 2):
        rig.bar(bar(price, n, step=DAY))
    assert len(rig.sink.breaches) == 1
    assert rig.halts.of("main", "on-AAPL", "test", "AAPL") is Level.PAUSE


def test_rsk_2_the_days_loss_is_since_the_boundary_also_on_daily_bars() -> None:
    """Each daily bar ends a day: the day's loss is from close to close."""
    rig = holding(day_loss_max={"bound": "300", "action": "pause"})
    for n, price in enumerate((95, 90, 85, 80), 2):  # 250 a day, 1,000 in all
        rig.bar(bar(price, n, step=DAY))
    assert rig.sink.breaches == []
    rig.bar(bar(74, 6, step=DAY))  # 300 in one
    assert [b.limit for _, b in rig.sink.breaches] == ["day_loss_max"]


def test_rsk_2_a_gap_over_the_boundary_is_of_the_new_day() -> None:
    rig = holding(day_loss_max={"bound": "300", "action": "pause"})
    rig.bar(bar(100, 2, step=DAY))
    gap = bar(93, 1)
    gap.time_ns, gap.end_ns = bar(1, 2, step=DAY).end_ns, bar(1, 2, step=DAY).end_ns + 60 * 10**9
    rig.bar(gap)
    assert len(rig.sink.breaches) == 1


def test_rsk_2_a_stop_that_fills_on_the_first_bar_of_the_day_is_of_that_day() -> None:
    rig = Rig(
        limits=limits(day_loss_max={"bound": "300", "action": "pause"}),
        balance=10_000,
        day_end=utc_day_end,
    )
    slot = rig.trader(value=50)
    rig.bar(bar(100, 1, step=DAY))
    rig.signal(slot, 1.0, 92.0)
    rig.bar(bar(92, 2, open=100, step=DAY))
    assert rig.flat()
    assert [b.value for _, b in rig.sink.breaches] == [Decimal(400)]


def test_rsk_2_the_days_limit_is_new_the_next_day() -> None:
    rig = holding(day_loss_max={"bound": "300", "action": "alarm"})
    for n, price in enumerate((94, 94, 88), 2):
        rig.bar(bar(price, n, step=DAY))
    assert len(rig.sink.breaches) == 2


def test_rsk_2_dump_and_restore_keep_peak_day_and_what_was_said() -> None:
    rig = holding(
        drawdown_max={"bound": "0.10", "action": "pause"},
        day_loss_max={"bound": "300", "action": "alarm"},
    )
    rig.bar(bar(120, 2, step=DAY))  # a peak of 11,000
    rig.bar(bar(110, 3, step=DAY))  # a day's loss of 500: said
    kept = rig.engine.dump()
    assert [b.limit for _, b in rig.sink.breaches] == ["day_loss_max"]
    again = Rig(limits=rig.engine.limits, balance=10_000, day_end=utc_day_end)
    again.book.positions, again.book.marks = rig.book.positions, dict(rig.book.marks)
    again.trader(value=50)
    again.engine.restore(kept)
    again.engine.refresh()
    assert again.engine.dump() == kept
    again.bar(bar(109.99, 3, step=DAY))
    assert again.sink.breaches == []  # the day's was said before
    again.bar(bar(98, 4, step=DAY))  # 11,000 → 9,900: the peak was not forgotten
    assert "drawdown_max" in [b.limit for _, b in again.sink.breaches]


def test_rsk_2_a_changed_limit_acts_anew() -> None:
    rig = holding(loss_max={"bound": "300", "action": "alarm"})
    rig.bar(bar(93, 2, step=DAY))
    assert rig.halts.of("main", "on-AAPL", "test", "AAPL") is Level.NONE
    rig.engine.set_limits(limits(loss_max={"bound": "300", "action": "flatten"}))
    rig.bar(bar(93, 3, step=DAY))
    assert rig.flat()


def test_rsk_2_after_a_halt_is_lifted_the_limit_acts_again() -> None:
    rig = holding(drawdown_max={"bound": "0.05", "action": "pause"})
    rig.bar(bar(89, 2, step=DAY))
    rig.halts.clear("account/main")
    rig.engine.rearm("account/main")
    rig.bar(bar(88, 3, step=DAY))
    assert rig.halts.of("main", "on-AAPL", "test", "AAPL") is Level.PAUSE


def test_rsk_2_lifting_one_trader_leaves_the_accounts_limits_said() -> None:
    rig = holding(drawdown_max={"bound": "0.05", "action": "alarm"})
    rig.bar(bar(89, 2, step=DAY))
    rig.engine.rearm("trader/on-AAPL")
    rig.bar(bar(88, 3, step=DAY))
    assert len(rig.sink.breaches) == 1


def test_rsk_2_flatten_of_a_trader_leaves_its_neighbour() -> None:
    rig = holding(trader=True, loss_max={"bound": "500", "action": "flatten"}, balance=100_000)
    other = rig.trader("IBM")
    rig.bar(bar(50, 1, symbol="IBM", step=DAY))
    rig.signal(other, 1.0)
    rig.bar(bar(80, 2, step=DAY))
    assert rig.book.held("AAPL") == 0
    assert rig.book.held("IBM") == 10
    assert rig.halts.of("main", "on-IBM", "test", "IBM") is Level.NONE


def test_rewind_windows_start_over_when_a_replay_begins_again() -> None:
    rig = Rig(limits=limits(orders_per_minute=1, duplicate_window_s=60), day_end=utc_day_end)
    slot = rig.trader()
    rig.bar(bar(100, 1_000_000))
    rig.signal(slot, 1.0)
    rig.signal(slot, 0.0)
    rig.bar(bar(100, 1))
    rig.signal(slot, 1.0)
    assert rig.sink.reasons == []
    assert rig.book.held("AAPL") == 10


@pytest.mark.parametrize("alone", [False, True], ids=["traded", "untraded"])
def test_rewind_windows_start_over_although_the_trader_was_replaced(*, alone: bool) -> None:
    """An instrument's clock is known while nobody trades it, and to who trades it next."""
    rig = Rig(limits=limits(orders_per_minute=1, duplicate_window_s=60))
    slot = rig.trader()
    rig.bar(bar(100, 1_000_000))
    rig.signal(slot, 1.0)
    rig.signal(slot, 0.0)
    rig.engine.remove_trader(slot.trader)
    if alone:
        rig.bar(bar(100, 1))
    slot = rig.trader()
    rig.bar(bar(100, 2))
    rig.signal(slot, 1.0)
    assert rig.sink.reasons == []
    assert rig.book.held("AAPL") == 10


def test_another_feeds_clock_does_not_rewind_this_ones_windows() -> None:
    """Two feeds on one account, one of them years behind: its bars must not reset the other."""
    rig = Rig(limits=limits(orders_per_minute=1))
    slot, _ = rig.trader(), rig.trader("IBM")
    rig.bar(bar(100, 1_000_000))
    rig.bar(bar(50, 1, symbol="IBM"))
    rig.bar(bar(100, 1_000_000))
    rig.signal(slot, 1.0)
    rig.bar(bar(50, 2, symbol="IBM"))
    rig.engine.now_ns = bar(100, 1_000_000).end_ns
    rig.signal(slot, -1.0)
    assert rig.sink.reasons == ["ORDER_RATE_LIMIT"]


@given(
    st.lists(st.floats(1, 1e6), min_size=1, max_size=40),
    st.sampled_from(["0.01", "0.1", "0.5"]),
    st.integers(1, 5_000),
)
def test_rsk_2_the_fast_floor_never_hides_a_breach(
    curve: list[float], share: str, amount: int
) -> None:
    """The float fast path against an exact computation of the same curve."""
    watch = EquityWatch(
        Limits(
            drawdown_max=RunningLimit(Decimal(share), Does.PAUSE),
            loss_max=RunningLimit(Decimal(amount), Does.PAUSE),
        ),
        curve[0],
    )
    peak = curve[0]
    for equity in curve:
        peak = max(peak, equity)
        exact = {
            name
            for name, crossed in (
                ("drawdown_max", (Decimal(repr(peak)) - Decimal(repr(equity)))
                 / Decimal(repr(peak)) >= Decimal(share)),
                ("loss_max", Decimal(repr(curve[0])) - Decimal(repr(equity)) >= amount),
            )
            if crossed
        }  # fmt: skip
        found = {b.limit for b in watch.breaches(equity)} if watch.mark(equity) else set()
        assert found == exact
    assert 0 <= watch.max_drawdown() <= 1


def test_limits_from_a_document_are_exact() -> None:
    made = limits(
        order_value_max="0.1", orders_per_minute="5", loss_max={"bound": 7, "action": "pause"},
        price_collar=None,
    )  # fmt: skip
    assert made.order_value_max == Decimal("0.1")
    assert made.orders_per_minute == 5
    assert made.loss_max == RunningLimit(Decimal(7), Does.PAUSE)
    assert made.price_collar is None
    assert made.watched
    assert not Limits().watched
