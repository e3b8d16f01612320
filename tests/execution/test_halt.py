from __future__ import annotations

from itertools import product

import pytest

from tradedeck.execution.halt import Halts, Level, check_scope, level
from tradedeck.kernel.errors import TradedeckError

LEVELS = [Level.PAUSE, Level.REDUCE_ONLY, Level.HALTED]


TRADER = ("a", "t", "s", "X")


@pytest.mark.parametrize(("first", "second"), list(product(LEVELS, LEVELS)))
def test_inv_7_setting_never_lowers_a_standing_halt(first: Level, second: Level) -> None:
    halts = Halts()
    assert halts.set("all", first, reason="r", by="a")
    assert halts.set("all", second, reason="r", by="b") is (second > first)
    assert halts.of(*TRADER) is max(first, second)


COVERS = ["all", "tenant/default", "account/a", "trader/t", "strategy/s", "instrument/X"]
OTHERS = [
    "tenant/u",
    "account/b",
    "account/t",
    "trader/u",
    "trader/a",
    "strategy/X",
    "instrument/s",
]


@pytest.mark.parametrize("scope", [*COVERS, *OTHERS])
def test_a_halt_covers_its_scope_and_no_other(scope: str) -> None:
    halts = Halts()
    halts.set(scope, Level.PAUSE, reason="", by="")
    assert (halts.of(*TRADER) is Level.PAUSE) is (scope in COVERS)
    assert (halts.over(*TRADER) is not None) is (scope in COVERS)


@pytest.mark.parametrize("strict", COVERS)
def test_the_strictest_of_all_scopes_holds(strict: str) -> None:
    halts = Halts()
    for scope in COVERS:
        halts.set(scope, Level.HALTED if scope == strict else Level.PAUSE, reason="", by="")
    assert halts.of(*TRADER) is Level.HALTED
    row = halts.over(*TRADER)
    assert row is not None
    assert row["scope"] == strict
    assert halts.clear(strict)
    assert not halts.clear(strict)
    assert halts.of(*TRADER) is Level.PAUSE


def test_a_halt_says_which_kill_latched_it() -> None:
    halts = Halts()
    halts.set("all", Level.HALTED, reason="r", by="a", kill="kill_1", at_ns=7)
    assert halts.over(*TRADER) == {
        "scope": "all", "level": "halted", "reason": "r", "by": "a", "kill": "kill_1", "at_ns": 7,
    }  # fmt: skip


def test_inv_7_rows_kept_by_an_older_version_still_halt() -> None:
    halts = Halts({"all": {"scope": "all", "level": "reduce_only", "reason": "r", "by": "a"}})
    assert halts.of(*TRADER) is Level.REDUCE_ONLY
    assert not halts.set("all", Level.PAUSE, reason="", by="")
    assert halts.set("all", Level.HALTED, reason="", by="")


@pytest.mark.parametrize(
    "scope", ["", "account", "account/", "trader/", "every", "feed/x", "ALL", "strategy", "/x"]
)
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    with pytest.raises(TradedeckError):
        check_scope(scope)
    with pytest.raises(TradedeckError):
        Halts().set(scope, Level.PAUSE, reason="", by="")


def test_levels_by_word() -> None:
    assert [level(at.word) for at in LEVELS] == LEVELS
    with pytest.raises(TradedeckError):
        level("stop")
