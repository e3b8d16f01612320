"""CTL-18: what a document asks for is held under the host's ceiling before it is in force."""

from __future__ import annotations

from decimal import Decimal

from tests.runner.harness import document, trader
from tradedeck.authority.ceiling import parse
from tradedeck.risk.breakers import Breaker, Rule
from tradedeck.risk.limits import Action
from tradedeck.runner.plan import plan_of

CROSS = trader("one", "AAA", "ema-cross", params={"fast": 3, "slow": 5})


def test_ctl_18_a_breaker_is_never_looser_than_the_hosts_own() -> None:
    wanted = document([CROSS])
    wanted["accounts"][0]["breakers"] = {
        "rejects": {"bound": 9_000, "window_s": 1, "action": "alarm", "resume": "auto"},
        "clock_offset": {"bound": "0.5", "action": "flatten", "resume": "person"},
    }
    least = {"bound": 5, "window_s": 60, "action": "pause", "resume": "person"}
    ceiling = parse({"breakers": {"rejects": least, "clock_offset": {"bound": 1, "window_s": 9}}})
    rules = plan_of(wanted, ceiling).accounts["main"].breakers
    assert rules[Breaker.REJECTS] == Rule(Decimal(5), Action.PAUSE, 60.0, None)
    assert rules[Breaker.CLOCK_OFFSET] == Rule(Decimal("0.5"), Action.FLATTEN, 0.0, None)
    free = plan_of(wanted, parse(None)).accounts["main"].breakers
    assert free[Breaker.REJECTS].bound == 9_000
