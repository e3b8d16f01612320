"""Which way a change goes, and merge patches."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tradedeck.desired.diff import Effect, diff, effect, merge_patch
from tradedeck.desired.document import default_document

BASE = default_document().plain()


def patched(patch: Any) -> dict[str, Any]:
    return merge_patch(copy.deepcopy(BASE), patch)


def account(limits: Any) -> dict[str, Any]:
    return {"accounts": {"paper": {"limits": limits}}}


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        (account({"order_value_max": "20000"}), Effect.TIGHTEN),
        (account({"order_value_max": "30000"}), Effect.LOOSEN),
        (account({"order_value_max": "9999"}), Effect.TIGHTEN),  # numbers, not text
        (account({"order_value_max": None}), Effect.LOOSEN),
        (account({"order_quantity_max": "5"}), Effect.TIGHTEN),
        (account({"duplicate_window_s": "5"}), Effect.TIGHTEN),
        (account({"drawdown_max": None}), Effect.LOOSEN),
        (account({"drawdown_max": {"bound": "0.3"}}), Effect.LOOSEN),
        (account({"drawdown_max": {"action": "flatten"}}), Effect.TIGHTEN),
        (account({"drawdown_max": {"action": "alarm"}}), Effect.LOOSEN),
        (account({"loss_max": {"bound": "5", "action": "alarm"}}), Effect.TIGHTEN),
        (account(None), Effect.LOOSEN),
        (account({"order_value_max": "1", "open_orders_max": 999}), Effect.LOOSEN),
        ({"traders": {"aapl-momentum": {"session_gate": False}}}, Effect.LOOSEN),
        ({"traders": {"aapl-momentum": {"state": "paused"}}}, Effect.NEUTRAL),
        ({"traders": {"aapl-momentum": None}}, Effect.NEUTRAL),
        ({"feeds": {"us-daily": {"speed": "9"}}}, Effect.NEUTRAL),
        ({"feeds": {"us-daily": {"stale_after_s": "9"}}}, Effect.TIGHTEN),
        ({}, Effect.NEUTRAL),
    ],
)  # fmt: skip
def test_direction(patch: Any, wanted: Effect):
    assert effect(diff(BASE, patched(patch))) is wanted


def test_back_from_a_tightening_is_a_loosening():
    tight = patched(account({"duplicate_window_s": "5"}))
    assert effect(diff(tight, BASE)) is Effect.LOOSEN
    looser = merge_patch(copy.deepcopy(tight), account({"duplicate_window_s": "2"}))
    assert effect(diff(tight, looser)) is Effect.LOOSEN


def test_paths_are_by_name_and_old_to_new():
    changes = diff(BASE, patched({"traders": {"aapl-momentum": {"strategy": "ema-cross"}}}))
    assert [(c.path, c.old, c.new) for c in changes] == [
        ("traders.aapl-momentum.strategy", "momentum", "ema-cross")
    ]


def test_order_of_named_parts_means_nothing():
    two = patched({"feeds": {"b": {**BASE["feeds"][0], "id": "b"}}})
    assert diff(two, {**two, "feeds": two["feeds"][::-1]}) == []


def test_true_is_not_one():
    old = {"traders": [{"id": "a", "params": {"x": 1}}]}
    new = {"traders": [{"id": "a", "params": {"x": True}}]}
    assert len(diff(old, new)) == 1


# The examples of RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)  # fmt: skip
def test_rfc_7396(target: Any, patch: Any, result: Any):
    assert merge_patch(target, patch) == result
