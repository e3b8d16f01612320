"""The snapshot's own joins of what is committed with what the runner says a few times a second."""

from __future__ import annotations

from typing import Any

import pytest

from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.readmodels.status import Facts, Heard, compose

T0 = 1_700_000_000 * NS_PER_S


def reconcile(gauges: dict[str, Any], status: str = "True") -> dict[str, Any]:
    row = {"subject": "account/main", "type": "Reconciled", "status": status, "detail": "equal",
           "at_ns": T0}  # fmt: skip
    facts = Facts(conditions={("account/main", "Reconciled"): row})
    heard = Heard("local", gauges=gauges, gauges_ns=T0)
    return compose(facts, heard, build="0", now_ns=T0 + 60 * NS_PER_S)["reconcile"]


def test_a_comparison_is_as_old_as_the_runner_says_not_as_its_last_change_of_word() -> None:
    later = T0 + 45 * NS_PER_S
    account = {"checked_at_ns": later, "reconciled": True}
    assert reconcile({"accounts": {"main": account}}) == {
        "verdict": "clean", "checked_at": format_ns(later), "detail": "equal",
    }  # fmt: skip


@pytest.mark.parametrize(
    "gauges",
    [
        {},
        {"accounts": {"other": {"checked_at_ns": T0 + 1, "reconciled": True}}},
        {"accounts": {"main": {"checked_at_ns": None, "reconciled": True}}},
        {"accounts": {"main": {"checked_at_ns": T0 + 1, "reconciled": None}}},
        {"accounts": {"main": {"checked_at_ns": T0 - 1, "reconciled": True}}},
    ],
)
def test_without_a_newer_comparison_the_journaled_word_stands(gauges: dict[str, Any]) -> None:
    assert reconcile(gauges)["checked_at"] == format_ns(T0)


def test_a_drift_stays_a_drift_however_often_it_is_compared() -> None:
    account = {"checked_at_ns": T0 + 1, "reconciled": False}
    assert reconcile({"accounts": {"main": account}}, "False")["verdict"] == "drift"


def test_nothing_said_is_unknown() -> None:
    body = compose(Facts(), Heard("local"), build="0", now_ns=T0)
    assert body["reconcile"] == {"verdict": "unknown", "checked_at": None, "detail": None}
