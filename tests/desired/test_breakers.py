"""Breakers in the desired document: defaults, bounds, and which way a change goes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tradedeck.desired.diff import Effect, diff, effect
from tradedeck.desired.document import Account, default_document


def account(**breakers: Any) -> dict[str, Any]:
    body = {"id": "a", "broker": "paper", "currency": "USD", "starting_balance": 1000}
    return body | ({"breakers": breakers} if breakers else {})


def test_every_account_has_every_breaker() -> None:
    plain = default_document().plain()["accounts"][0]["breakers"]
    assert set(plain) == {"feed_disconnected", "rejects", "repeated_execution", "clock_offset"}
    assert plain["feed_disconnected"] == {
        "bound": "30", "action": "pause", "resume": "auto", "cooldown_s": 0.0,
    }  # fmt: skip
    assert plain["repeated_execution"]["resume"] == "person"


@pytest.mark.parametrize(
    "wrong",
    [
        {"rejects": {"bound": 0, "action": "pause", "window_s": 60}},
        {"rejects": {"bound": 2.5, "action": "pause", "window_s": 60}},
        {"rejects": {"bound": 5, "action": "pause"}},
        {"rejects": {"bound": 5, "action": "off", "window_s": 60}},
        {"rejects": {"bound": 5, "action": "pause", "window_s": 60, "resume": "maybe"}},
        {"clock_offset": {"bound": "NaN", "action": "pause"}},
        {"clock_offset": None},
        {"margin_call": {"bound": 1, "action": "pause"}},
    ],
)
def test_what_is_no_breaker_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Account(**account(**wrong))


RULE = {"bound": "5", "action": "pause", "window_s": 60.0, "resume": "person", "cooldown_s": 0.0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bound": "6"}, Effect.LOOSEN),
        ({"bound": "4"}, Effect.TIGHTEN),
        ({"window_s": 30.0}, Effect.LOOSEN),
        ({"window_s": 90.0}, Effect.TIGHTEN),
        ({"action": "alarm"}, Effect.LOOSEN),
        ({"action": "flatten"}, Effect.TIGHTEN),
        ({"resume": "auto"}, Effect.LOOSEN),
        ({"cooldown_s": 5.0}, Effect.TIGHTEN),
    ],
)
def test_each_part_has_its_direction(change: dict[str, Any], expected: Effect) -> None:
    old = {"accounts": [{"id": "a", "breakers": {"rejects": RULE}}]}
    new = {"accounts": [{"id": "a", "breakers": {"rejects": RULE | change}}]}
    assert effect(diff(old, new)) is expected


def test_a_version_from_before_there_were_breakers_is_no_loosening() -> None:
    """Absent meant the default: writing it out gives nobody more room."""
    new = Account(**account()).model_dump(mode="json", exclude_none=True)
    old = {key: value for key, value in new.items() if key != "breakers"}
    assert effect(diff({"accounts": [old]}, {"accounts": [new]})) is not Effect.LOOSEN


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"on_silence": "none"}, Effect.LOOSEN),
        ({"cancel_after_s": 30.0}, Effect.LOOSEN),
        ({"cancel_after_s": 5.0}, Effect.TIGHTEN),
        ({"flatten_after_s": 90.0}, Effect.LOOSEN),
    ],
)
def test_the_guards_patience_has_its_direction(change: dict[str, Any], expected: Effect) -> None:
    policy = {"on_silence": "cancel", "cancel_after_s": 10.0, "flatten_after_s": 60.0}
    old = {"accounts": [{"id": "a", "guard": policy}]}
    new = {"accounts": [{"id": "a", "guard": policy | change}]}
    assert effect(diff(old, new)) is expected


def test_the_guard_does_not_flatten_before_it_cancels() -> None:
    with pytest.raises(ValidationError) as refused:
        Account(**account() | {"guard": {"cancel_after_s": 60, "flatten_after_s": 10}})
    [fault] = refused.value.errors()
    assert fault["loc"] == ("guard", "flatten_after_s")
    assert "10 s is before cancel_after_s, 60 s" in fault["msg"]
    # The host's default is not known here, and follows.
    Account(**account() | {"guard": {"flatten_after_s": 1}})
