from __future__ import annotations

from itertools import product

import pytest

from tradedeck.execution.halt import Halts, Level, check_scope, level
from tradedeck.kernel.errors import TradedeckError

LEVELS = [Level.PAUSE, Level.REDUCE_ONLY, Level.HALTED]


@pytest.mark.parametrize(("first", "second"), list(product(LEVELS, LEVELS)))
def test_inv_7_setting_never_lowers_a_standing_halt(first: Level, second: Level) -> None:
    halts = Halts()
    assert halts.set("all", first, reason="r", by="a")
    assert halts.set("all", second, reason="r", by="b") is (second > first)
    assert halts.of("x", "y") is max(first, second)


@pytest.mark.parametrize(
    ("scope", "covered"), [("all", True), ("account/a", True), ("trader/t", True),
                           ("account/b", False), ("trader/u", False)]
)  # fmt: skip
def test_a_halt_covers_its_scope_and_no_other(scope: str, covered: bool) -> None:
    halts = Halts()
    halts.set(scope, Level.PAUSE, reason="", by="")
    assert (halts.of("a", "t") is Level.PAUSE) is covered


def test_the_strictest_of_all_scopes_holds() -> None:
    halts = Halts()
    halts.set("trader/t", Level.PAUSE, reason="", by="")
    halts.set("account/a", Level.HALTED, reason="", by="")
    halts.set("all", Level.REDUCE_ONLY, reason="", by="")
    assert halts.of("a", "t") is Level.HALTED
    assert halts.clear("account/a")
    assert not halts.clear("account/a")
    assert halts.of("a", "t") is Level.REDUCE_ONLY


@pytest.mark.parametrize("scope", ["", "account", "account/", "trader/", "every", "feed/x", "ALL"])
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    with pytest.raises(TradedeckError):
        check_scope(scope)
    with pytest.raises(TradedeckError):
        Halts().set(scope, Level.PAUSE, reason="", by="")


def test_levels_by_word() -> None:
    assert [level(at.word) for at in LEVELS] == LEVELS
    with pytest.raises(TradedeckError):
        level("stop")
