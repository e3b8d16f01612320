"""CTL-5: every kind of wrong configuration is refused with path and reason; the rest is exact."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.desired import parse, rules
from tradedeck.desired.document import Document, default_document
from tradedeck.desired.document import Limits as DocumentLimits
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.risk.limits import NAMES


class Catalogue:
    def names(self) -> list[str]:
        return ["momentum", "ema-cross"]

    def faults(self, strategy: str, params: Mapping[str, Any]) -> list[Fault]:
        return [Fault("params.bad", "is not a parameter")] if "bad" in params else []


def tree() -> dict[str, Any]:
    return copy.deepcopy(default_document().plain())


def read(given_tree: Any) -> Document:
    return rules.read(given_tree, Catalogue())


def refusal(given_tree: Any) -> TradedeckError:
    with pytest.raises(TradedeckError) as caught:
        read(given_tree)
    return caught.value


def put(path: str, value: Any) -> dict[str, Any]:
    """The default document with one place changed; `a.0.b` walks."""
    made: Any = tree()
    here = made
    *parents, last = path.split(".")
    for part in parents:
        here = here[int(part)] if part.isdigit() else here[part]
    here[int(last) if last.isdigit() else last] = value
    return made


def test_the_default_is_valid_and_gives_signals_only_names():
    document = read(tree())
    assert document == default_document()
    assert [trader.strategy for trader in document.traders] == ["momentum"]
    assert document.scan_interval_s == 30


def test_limits_are_those_that_risk_knows():
    assert tuple(DocumentLimits.model_fields) == NAMES


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("accounts.0.limits.order_value_max", "-1", "accounts[0].limits.order_value_max"),
        ("accounts.0.limits.order_value_max", float("nan"), "accounts[0].limits.order_value_max"),
        ("accounts.0.limits.order_value_max", float("inf"), "accounts[0].limits.order_value_max"),
        ("accounts.0.limits.order_value_max", "NaN", "accounts[0].limits.order_value_max"),
        ("accounts.0.limits.order_value_max", "1e300", "accounts[0].limits.order_value_max"),
        ("accounts.0.limits.order_value_max", True, "accounts[0].limits.order_value_max"),
        ("accounts.0.limits.orders_per_minute", 1.5, "accounts[0].limits.orders_per_minute"),
        ("accounts.0.limits.orders_per_minute", -1, "accounts[0].limits.orders_per_minute"),
        ("accounts.0.limits.price_collar", "1.5", "accounts[0].limits.price_collar"),
        ("accounts.0.limits.drawdown_max", {"bound": "0.1", "action": "shrug"},
         "accounts[0].limits.drawdown_max.action"),
        ("accounts.0.limits.drawdown_max", {"bound": "2", "action": "pause"},
         "accounts[0].limits.drawdown_max.bound"),
        ("accounts.0.limits.unheard_of", 1, "accounts[0].limits.unheard_of"),
        ("accounts.0.starting_balance", "0", "accounts[0].starting_balance"),
        ("accounts.0.starting_balance", "lots", "accounts[0].starting_balance"),
        ("accounts.0.currency", "usd", "accounts[0].currency"),
        ("accounts.0.timezone", "Mars/Base", "accounts[0].timezone"),
        ("accounts.0.timezone", "../../etc/passwd", "accounts[0].timezone"),
        ("accounts.0.broker", "oanda", "accounts[0].broker"),
        ("accounts.0.id", "Upper Case", "accounts[0].id"),
        ("scan_interval_s", 0, "scan_interval_s"),
        ("scan_interval_s", [30], "scan_interval_s"),
        ("version", 2, "version"),
        ("version", "1", "version"),
        ("unheard_of", {}, "unheard_of"),
        ("feeds", {"a": 1}, "feeds"),
        ("feeds.0.kind", "guess", "feeds[0].kind"),
        ("feeds.0.start", "2004-13-01", "feeds[0].start"),
        ("feeds.0.start", "2004-08-19T00:00:00", "feeds[0].start"),
        ("feeds.0.end", "1999-01-01", "feeds[0]"),
        ("feeds.0.speed", "-4", "feeds[0].speed"),
        ("feeds.0.interval", "1 day", "feeds[0].interval"),
        ("feeds.0.instruments", [], "feeds[0].instruments"),
        ("feeds.0.instruments", ["NOPE"], "feeds[0].instruments"),
        ("traders.0.account", "nobody", "traders[0].account"),
        ("traders.0.feed", "nothing", "traders[0].feed"),
        ("traders.0.instrument", "IBM", "traders[0].instrument"),
        ("traders.0.strategy", "magic", "traders[0].strategy"),
        ("traders.0.params", {"bad": 1}, "traders[0].params.bad"),
        ("traders.0.params", {"fast": float("nan")}, "traders[0].params"),
        ("traders.0.params", {"fast": [1]}, "traders[0].params"),
        ("traders.0.sizing", {"kind": "risk", "value": "2"}, "traders[0].sizing"),
        ("traders.0.sizing", {"kind": "units", "value": "0"}, "traders[0].sizing.value"),
        ("traders.0.state", "sleeping", "traders[0].state"),
        ("traders.0.session_gate", "yes", "traders[0].session_gate"),
    ],
)  # fmt: skip
def test_ctl_5_wrong_values_are_named_by_path(path: str, value: Any, fault: str):
    error = refusal(put(path, value))
    assert error.code is Code.INVALID_CONFIG
    assert any(found.path.startswith(fault) for found in error.faults), error.faults
    assert all(found.reason for found in error.faults)


def test_twice_the_same_id():
    made = tree()
    made["traders"].append({**made["traders"][0], "instrument": "AAPL"})
    reasons = [found.reason for found in refusal(made).faults]
    assert any("twice" in reason for reason in reasons)


def test_one_trader_per_account_and_instrument():
    made = tree()
    made["traders"].append({**made["traders"][0], "id": "other"})
    error = refusal(made)
    assert error.faults[0].path == "traders[1]"
    assert "aapl-momentum" in error.faults[0].reason


def test_currency_of_account_and_instrument():
    made = put("accounts.0.currency", "EUR")
    assert any("priced in USD" in found.reason for found in refusal(made).faults)


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer abcdefghijklmnop", "AKIA" + "A" * 16, "tdt_" + "x" * 43,
        "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
        "ghp_" + "a1" * 12, "https://u:hunter22@broker.example/",
    ],
)  # fmt: skip
def test_cfg_3_a_secret_by_shape_is_refused_and_not_repeated(secret: str):
    for made in (
        put("traders.0.params", {"note": secret}),
        put("feeds.0.source", secret),
        {**tree(), secret: 1},
        {**tree(), "x": [{"y": [secret]}]},
    ):
        error = refusal(made)
        assert error.code is Code.SECRET_REFUSED
        assert secret not in f"{error} {error.faults}"


@pytest.mark.parametrize("name", ["api_key", "password", "broker_token", "client_secret"])
def test_cfg_3_a_secret_by_name_is_refused(name: str):
    error = refusal(put("accounts.0", {**tree()["accounts"][0], name: "x"}))
    assert error.code is Code.SECRET_REFUSED
    assert error.faults[0].path == f"accounts[0].{name}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: [*x, *x]", "anchors"),
        ("a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]", "anchors"),
        ("a: 1\na: 2", "twice"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 5000, "nested deeper"),
        ("- " * 40 + "x", "nested deeper"),
        ("x: !!python/object/apply:os.system [id]", "tags"),
        ("x: !!binary abc", "tags"),
        ("x: !own 1", "tags"),
        ("a: [1, 2", "expected"),
        ("\tx: 1", "cannot start"),
        ("a: 1\n---\nb: 2", "another document"),
        ("? [k]\n: v", "not text"),
        ("1: x", "not text"),
        ("x: \x00", "not"),
        (b"\xff\xfe\x00x", "UTF-8"),
        ("\ud800", "UTF-8"),
    ],
)  # fmt: skip
def test_ctl_5_yaml_that_is_wrong_or_malicious(text: str | bytes, reason: str):
    with pytest.raises(TradedeckError) as caught:
        parse.parse(text)
    assert caught.value.code is Code.INVALID_CONFIG
    assert reason in f"{caught.value.faults}"


def test_ctl_5_ten_megabytes():
    with pytest.raises(TradedeckError) as caught:
        parse.parse("x: " + "y" * 10_000_000)
    assert caught.value.code is Code.TOO_LARGE
    assert caught.value.faults


def test_a_document_of_many_values_is_refused():
    with pytest.raises(TradedeckError, match="values"):
        parse.parse("[" + "1," * 100_000 + "]")


def test_yaml_guesses_nothing():
    assert parse.parse("a: no\nb: 2004-08-19\nc: on\nd: true\ne: 1.5\nf: null") == {
        "a": "no", "b": "2004-08-19", "c": "on", "d": True, "e": 1.5, "f": None,
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, [], "x", 1, {}, {"version": None}])
def test_what_is_no_document(value: Any):
    assert refusal(value).code is Code.INVALID_CONFIG


def test_bounds_hold_for_json_too():
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    for wrong in (deep, {"a": "\ud800"}, {"\ud800": 1}, [0] * 200_000):
        with pytest.raises(TradedeckError):
            parse.bounded(wrong)
    assert parse.bounded(tree()) == tree()


def test_numbers_are_exact_and_one_spelling():
    for spelling in (0.1, "0.1", "0.10", "1e-1"):
        assert read(put("accounts.0.limits.price_collar", spelling)).plain() == tree()


def test_through_yaml_and_json_and_back():
    document = read(tree())
    assert read(parse.parse(parse.dump(document.plain()))) == document
    assert read(json.loads(json.dumps(document.plain()))) == document


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner,
                                                                max_size=3),
    max_leaves=10,
)  # fmt: skip
PLACES = ["feeds", "feeds.0", "accounts.0.limits", "traders.0.params", "traders.0.sizing",
          "accounts.0.exchange", "traders.0", "instruments", "feeds.0.instruments"]  # fmt: skip


@given(place=st.sampled_from(PLACES), value=JSON)
def test_whatever_stands_there_it_is_read_or_refused(place: str, value: Any):
    try:
        document = read(parse.bounded(put(place, value)))
    except TradedeckError as error:
        assert error.faults  # noqa: PT017 - either way is right; a refusal bears its places
    else:
        assert read(document.plain()) == document
