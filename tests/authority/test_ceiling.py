from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.authority.ceiling import Ceiling, parse, refusals, tighten, tighten_breaker
from tradedeck.desired.document import Breakers
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.risk.breakers import Breaker
from tradedeck.risk.limits import NAMES, RUNNING

PLAIN = [name for name in NAMES if name not in RUNNING]
bounds = st.decimals(0, 1_000_000, places=3, allow_nan=False)
some_limits = st.dictionaries(st.sampled_from(PLAIN), st.one_of(st.none(), bounds))

WRONG = [
    ([], []),
    ("text", []),
    ({"accounts": "main"}, ["accounts"]),
    ({"accounts": [1]}, ["accounts"]),
    ({"instruments": {"AAPL": 1}}, ["instruments"]),
    ({"strategies": [None]}, ["strategies"]),
    ({"limits": []}, ["limits"]),
    ({"limits": None}, ["limits"]),
    ({"limits": {"order_value_max": -1}}, ["limits.order_value_max"]),
    ({"limits": {"order_value_max": "NaN"}}, ["limits.order_value_max"]),
    ({"limits": {"order_value_max": float("inf")}}, ["limits.order_value_max"]),
    ({"limits": {"order_value_max": "much"}}, ["limits.order_value_max"]),
    ({"limits": {"order_value_max": None}}, ["limits.order_value_max"]),
    ({"limits": {"order_value_max": True}}, ["limits.order_value_max"]),
    ({"breakers": []}, ["breakers"]),
    ({"breakers": {"reject": {}}}, ["breakers.reject"]),
    ({"breakers": {"rejects": 5}}, ["breakers.rejects"]),
    ({"breakers": {"rejects": {"bound": -1}}}, ["breakers.rejects.bound"]),
    ({"breakers": {"rejects": {"action": "stop"}}}, ["breakers.rejects.action"]),
    ({"breakers": {"rejects": {"resume": "pause"}}}, ["breakers.rejects.resume"]),
    ({"breakers": {"rejects": {"windows": 1}}}, ["breakers.rejects.windows"]),
    ({"acounts": ["main"], "limits": {"a": -1}}, ["acounts", "limits.a"]),
]


@pytest.mark.parametrize(("document", "paths"), WRONG)
def test_ctl_5_a_wrong_ceiling_is_refused_with_every_path(
    document: object, paths: list[str]
) -> None:
    with pytest.raises(TradedeckError) as caught:
        parse(document)
    assert caught.value.code is Code.INVALID_CONFIG
    assert sorted(fault.path for fault in caught.value.faults) == sorted(paths)


def test_an_absent_key_allows_everything_and_an_empty_list_nothing() -> None:
    names = {"account": "main", "instrument": "AAPL", "strategy": "momentum"}
    assert refusals(parse(None), **names) == []
    assert refusals(parse({"version": 1}), **names) == []
    nothing = parse({"accounts": [], "instruments": [], "strategies": []})
    assert [fault.path for fault in refusals(nothing, **names)] == list(names)
    assert refusals(parse({"instruments": ["IBM"], "accounts": ["main"]}), **names)[0].path == (
        "instrument"
    )


@given(some_limits, st.dictionaries(st.sampled_from(PLAIN), bounds))
def test_ctl_18_tighten_never_loosens(
    wanted: dict[str, Decimal | None], ceiling: dict[str, Decimal]
) -> None:
    """Whatever is desired, what results is at least as tight as both. A longer window in which a
    repeated order counts as a duplicate is the tighter one.
    """
    result = tighten(Ceiling(limits=ceiling), wanted)
    for name in {*wanted, *ceiling}:
        found = result[name]
        for other in (wanted.get(name), ceiling.get(name)):
            if other is None:
                continue
            assert found is not None
            assert found >= other if name == "duplicate_window_s" else found <= other
    assert tighten(Ceiling(limits=ceiling), result) == result


ACTIONS = ["alarm", "pause", "reduce_only", "flatten"]
RESUMES = ["auto", "person"]
rules = st.fixed_dictionaries(
    {
        "bound": bounds,
        "window_s": bounds,
        "cooldown_s": bounds,
        "action": st.sampled_from(ACTIONS),
        "resume": st.sampled_from(RESUMES),
    }
)


@given(st.sampled_from(list(Breaker)), rules, rules)
def test_ctl_18_no_breaker_is_looser_than_the_hosts_own(
    breaker: Breaker, wanted: dict[str, object], least: dict[str, object]
) -> None:
    ceiling = parse({"breakers": {breaker.value: least}})
    result = tighten_breaker(ceiling, breaker.value, wanted)
    for other in (wanted, least):
        assert result["bound"] <= other["bound"]
        assert result["window_s"] >= other["window_s"]
        assert result["cooldown_s"] >= other["cooldown_s"]
        assert ACTIONS.index(result["action"]) >= ACTIONS.index(str(other["action"]))
        assert RESUMES.index(result["resume"]) >= RESUMES.index(str(other["resume"]))
    assert tighten_breaker(ceiling, breaker.value, result) == result
    assert tighten_breaker(Ceiling(), breaker.value, wanted) == wanted


def test_the_ceiling_knows_every_breaker() -> None:
    assert set(Breakers.model_fields) == set(Breaker)
    for breaker in Breaker:
        assert parse({"breakers": {breaker.value: {"bound": 1}}}).breakers[breaker.value]
