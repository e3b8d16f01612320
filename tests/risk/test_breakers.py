"""The breakers' own rules (RSK-3): when one opens, how it closes, what a restart keeps."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradedeck.kernel.clock import NS_PER_S
from tradedeck.risk.breakers import Breaker, Breakers, Rule
from tradedeck.risk.limits import Action

SCOPE = "account/main"
LATCHES = Rule(Decimal(3), Action.PAUSE, window_s=60)
COOLS = Rule(Decimal(30), Action.PAUSE, cooldown_s=10)


def rejects(breakers: Breakers, *seconds: float) -> list[bool]:
    found = (
        breakers.count(SCOPE, Breaker.REJECTS, LATCHES, int(s * NS_PER_S), int(s * NS_PER_S))
        for s in seconds
    )
    return [item is not None for item in found]


def test_the_bound_within_the_window_opens_it() -> None:
    assert rejects(Breakers(), 0, 10, 20) == [False, False, True]
    assert rejects(Breakers(), 0, 40, 80, 120, 160) == [False] * 5


def test_a_clock_that_went_back_begins_the_window_anew() -> None:
    """A replay began again: what happened years later on its clock does not count now."""
    assert rejects(Breakers(), 1_000_000, 1_000_001, 5, 6) == [False] * 4


def test_an_open_one_does_not_open_again_until_it_was_closed() -> None:
    breakers = Breakers()
    assert rejects(breakers, 0, 1, 2, 3, 4, 5) == [False, False, True, False, False, False]
    assert breakers.cooled(10**18) == []  # a latch never cools down
    assert [item.breaker for item in breakers.lifted(SCOPE)] == [Breaker.REJECTS]
    assert rejects(breakers, 6, 7, 8) == [False, False, True]


def test_lifting_another_scope_closes_nothing() -> None:
    breakers = Breakers()
    rejects(breakers, 0, 1, 2)
    assert breakers.lifted("account/other") == []
    assert len(breakers.lifted("all")) == 1


def test_a_feeds_latch_is_lifted_with_the_halt_of_its_account() -> None:
    breakers = Breakers()
    rule = Rule(Decimal(30), Action.PAUSE)
    assert breakers.hold("feed/bars", Breaker.FEED_DISCONNECTED, rule, 31, 0, "") is not None
    assert breakers.lifted(SCOPE) == []
    assert len(breakers.lifted(SCOPE, "feed/bars")) == 1


def test_one_that_only_alarms_closes_by_itself_and_alarms_again() -> None:
    body = {"bound": "3", "action": "alarm", "resume": "person", "cooldown_s": 0, "window_s": 60}
    rule, breakers = Rule.from_document(body), Breakers()
    for start in (0, 100):
        for second in range(start, start + 3):
            now = second * NS_PER_S
            opened = breakers.count(SCOPE, Breaker.REJECTS, rule, now, now)
        assert opened is not None
        assert len(breakers.cooled(now + 1)) == 1


def test_what_counts_towards_the_bound_is_told() -> None:
    breakers = Breakers()
    rejects(breakers, 0, 50)
    for at_s, count in ((55, 2), (61, 1), (200, 0)):
        assert breakers.counted(SCOPE, Breaker.REJECTS, LATCHES, at_s * NS_PER_S) == count
    assert breakers.counted("account/other", Breaker.REJECTS, LATCHES, 0) == 0


def hold(breakers: Breakers, value: float, at_s: float) -> bool:
    now = int(at_s * NS_PER_S)
    opened = breakers.hold(SCOPE, Breaker.CLOCK_OFFSET, COOLS, value, now, "the clock moved")
    return opened is not None


def test_it_closes_after_the_cause_was_gone_for_the_cool_down() -> None:
    breakers = Breakers()
    assert not hold(breakers, 29.9, 0)
    assert hold(breakers, 30, 1)
    assert breakers.denying(SCOPE) is not None
    assert not hold(breakers, 31, 8)  # there again: the cool-down begins anew
    assert breakers.cooled(18 * NS_PER_S) == []
    assert [item.scope for item in breakers.cooled(18 * NS_PER_S + 1)] == [SCOPE]
    assert breakers.denying(SCOPE) is None


def test_what_only_alarms_denies_nothing_and_a_latch_denies_through_its_halt() -> None:
    breakers = Breakers()
    alarm = Rule(Decimal(1), Action.ALARM, cooldown_s=10)
    assert breakers.hold(SCOPE, Breaker.CLOCK_OFFSET, alarm, 5, 0, "") is not None
    rejects(breakers, 0, 1, 2)
    assert breakers.denying(SCOPE) is None


def test_a_restart_keeps_what_is_open() -> None:
    breakers = Breakers()
    hold(breakers, 40, 1)
    rejects(breakers, 0, 1, 2)
    again = Breakers(breakers.rows())
    assert again.open == breakers.open
    assert again.cooled(12 * NS_PER_S) != []


@given(st.lists(st.integers(0, 600), min_size=1, max_size=200))
def test_it_is_open_exactly_when_the_bound_fell_into_one_window(seconds: list[int]) -> None:
    seconds.sort()
    opened = any(rejects(Breakers(), *seconds))
    crowded = any(seconds[n + 2] - seconds[n] <= LATCHES.window_s for n in range(len(seconds) - 2))
    assert opened == crowded
