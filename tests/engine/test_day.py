"""Where a trading day begins: before the first price of it, whichever instrument brings it."""

from __future__ import annotations

from tests.cases.kit import MINUTE, Rig, bar

from tradedeck.risk.limits import Limits

DAY = 24 * 60 * MINUTE


def next_day(now_ns: int) -> int:
    return (now_ns // DAY + 1) * DAY


def rig(limits: Limits | None = None) -> Rig:
    made = Rig(day_end=next_day, limits=limits)
    slot = made.trader("AAPL")
    made.trader("IBM")
    made.bar(bar(100, 1, step=DAY))
    made.bar(bar(50, 1, symbol="IBM", step=DAY))
    made.signal(slot, 1)
    return made


def today(made: Rig) -> float:
    return round(made.engine.equity - made.engine.watch.day_start, 6)


def test_the_first_instrument_of_a_day_counts_into_that_day() -> None:
    made = rig()
    made.bar(bar(100, 2, step=DAY))
    made.bar(bar(97, 3, step=DAY))
    made.bar(bar(50, 3, symbol="IBM", step=DAY))
    assert today(made) == -30.0
    slot = made.engine.by_symbol["AAPL"]
    assert round(slot.base + slot.pnl() - slot.watch.day_start, 6) == -30.0


def test_a_loss_of_the_first_instrument_reaches_the_limit_of_the_day() -> None:
    made = rig(Limits.from_document({"day_loss_max": {"bound": "25", "action": "pause"}}))
    made.bar(bar(100, 2, step=DAY))
    assert not made.halts.active
    made.bar(bar(97, 3, step=DAY))
    assert [*made.halts.active] == ["account/main"]


def test_a_replay_that_begins_again_begins_its_day() -> None:
    made = rig()
    made.bar(bar(100, 5, step=DAY))
    made.bar(bar(90, 6, step=DAY))
    assert today(made) == -100.0
    made.engine.close("AAPL", "test")
    made.bar(bar(90, 2, step=DAY))
    assert today(made) == 0.0
