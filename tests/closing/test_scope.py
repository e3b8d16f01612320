"""Every scope resolves to exactly its cells."""

from __future__ import annotations

import pytest

from tradedeck.closing.scope import Cells, Holding, Holdings, Scope, cells, parse
from tradedeck.kernel.errors import TradedeckError

HOLDINGS = Holdings(
    {"main": "default", "spare": "default", "fund": "other"},
    (
        Holding("main", "AAPL", "one", "ema-cross"),
        Holding("main", "IBM", "one", "ema-cross"),
        Holding("main", "MSFT", "two", "momentum"),
        Holding("spare", "AAPL", "three", "ema-cross"),
        Holding("spare", "GOOG"),
    ),
)
EVERYWHERE = ("main", "spare", "fund")


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("all", {"main": None, "spare": None, "fund": None}),
        ("tenant/default", {"main": None, "spare": None}),
        ("tenant/nobody", {}),
        ("account/spare", {"spare": None}),
        ("account/nobody", {}),
        ("trader/one", {"main": frozenset({"AAPL", "IBM"})}),
        ("trader/nobody", {}),
        ("strategy/ema-cross", {"main": frozenset({"AAPL", "IBM"}), "spare": frozenset({"AAPL"})}),
        ("instrument/GOOG", dict.fromkeys(EVERYWHERE, frozenset({"GOOG"}))),
        ("instrument/EUR/USD", dict.fromkeys(EVERYWHERE, frozenset({"EUR/USD"}))),
    ],
)
def test_a_scope_is_exactly_its_cells(scope: str, wanted: Cells) -> None:
    parsed = parse(scope)
    assert str(parsed) == scope
    assert cells(parsed, HOLDINGS) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "ALL", "all/", "account", "account/", "region/eu", "trader/a b", "trader/" + "x" * 101,
     "trader/a\n", "/x"],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(TradedeckError, match="not a scope"):
        parse(text)


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope("all"), True), (Scope("tenant", "default"), True), (Scope("tenant", "x"), False),
        (Scope("account", "main"), True), (Scope("account", "one"), False),
        (Scope("trader", "one"), True), (Scope("trader", "main"), False),
        (Scope("strategy", "ema"), True), (Scope("strategy", "one"), False),
        (Scope("instrument", "AAPL"), True), (Scope("instrument", "IBM"), False),
    ],
)  # fmt: skip
def test_an_order_falls_under_a_scope_by_its_own_names(scope: Scope, covered: bool) -> None:
    assert scope.covers("main", "one", "ema", "AAPL") is covered
