"""The snapshot's own joins of what is committed with what the runner says a few times a second."""

from __future__ import annotations

from typing import Any

import pytest

from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.readmodels.status import COMPARED_NS, SILENT_NS, Facts, Heard, compose, hears_guard

T0 = 1_700_000_000 * NS_PER_S


def reconcile(gauges: dict[str, Any], status: str = "True", *, after_s: int = 60) -> dict[str, Any]:
    row = {"subject": "account/main", "type": "Reconciled", "status": status, "detail": "equal",
           "at_ns": T0}  # fmt: skip
    facts = Facts(
        document={"accounts": [{"id": "main"}]}, conditions={("account/main", "Reconciled"): row}
    )
    now_ns = T0 + after_s * NS_PER_S
    heard = Heard("local", seen_ns=now_ns, gauges=gauges, gauges_ns=T0)
    return compose(facts, heard, build="0", now_ns=now_ns)["reconcile"]


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


def test_inv_16_the_guard_is_as_the_runner_hears_it_and_unknown_where_nobody_says() -> None:
    said = {"subject": "runner", "type": "GuardConnected", "status": "False", "detail": "silent"}
    conditions = {("runner", "GuardConnected"): said}
    runner = {"state": "started"}
    spoke = Heard("local", seen_ns=T0)
    assert hears_guard(Facts(runner=runner, conditions=conditions), spoke, T0) == (
        "False", "silent",
    )  # fmt: skip
    assert hears_guard(Facts(runner=runner), spoke, T0) == ("Unknown", "")
    late = T0 + 2 * SILENT_NS
    assert hears_guard(Facts(runner=runner, conditions=conditions), spoke, late)[0] == "Unknown"


# -- INV-16: what is shown carries its age; past its deadline it is stale; absent is unknown ------


def snapshot(heard: Heard, *, now_ns: int = T0, standing: str = "started", **facts: Any) -> Any:
    """A deck with a trader that runs on a feed, as the runner last said it, at `now_ns`."""
    document = {
        "accounts": [{"id": "main"}],
        "feeds": [{"id": "bars", "kind": "replay"}],
        "traders": [{"id": "one", "account": "main", "instrument": "AAA", "feed": "bars"}],
    }
    given: dict[str, Any] = {
        "document": document,
        "runner": {"state": standing, "mode": "paper", "reasons": "[]", "generation": 1},
        "accounts": {"main": {"verdict": "paper", "reasons": "[]", "at_ns": T0, "time_ns": T0}},
        "traders": {"one": {"state": "running", "reason": "", "restarts": 0}},
        "feeds": {"bars": {"state": "running", "at_ns": T0, "data_mode": "replay"}},
    }
    return compose(Facts(**given | facts), heard, build="0", now_ns=now_ns)


def words(body: Any) -> tuple[str, str, str]:
    """What is said of runner, trader and feed."""
    return body["runner"]["state"], body["traders"][0]["state"], body["feeds"][0]["state"]


GAUGES: dict[str, Any] = {"feeds": {"bars": {"state": "running"}}}


def test_inv_16_within_its_deadline_it_is_what_was_said_with_its_age() -> None:
    body = snapshot(Heard("local", seen_ns=T0, gauges=GAUGES, gauges_ns=T0), now_ns=T0 + SILENT_NS)
    assert words(body) == ("running", "running", "running")
    assert (body["runner"]["age_ms"], body["feeds"][0]["age_ms"]) == (6_000, 6_000)
    assert body["mode_reasons"] == []
    account = body["accounts"][0]
    assert (account["observed_at"], account["as_of"]) == (format_ns(T0), format_ns(T0))


@pytest.mark.parametrize(
    ("heard", "after_ns", "said", "why"),
    [
        (Heard("local", seen_ns=T0, gauges=GAUGES, gauges_ns=T0), SILENT_NS + 1, "silent",
         "said nothing for 6 s"),
        (Heard("local"), 0, "silent", "not heard yet"),
        (Heard("local", seen_ns=T0, stopped="entry 4 was altered", gauges=GAUGES), 0, "distrusted",
         "journal does not hold"),
    ],
)  # fmt: skip
def test_inv_16_past_its_deadline_it_is_stale_and_the_last_word_is_named(
    heard: Heard, after_ns: int, said: str, why: str
) -> None:
    body = snapshot(heard, now_ns=T0 + after_ns)
    assert words(body) == (said, "unknown", "stale")
    for part in (body["traders"][0], body["feeds"][0]):
        assert why in part["reason"]
        assert "last known: running" in part["reason"]
    assert (body["mode"], body["mode_reasons"]) == ("paper", ["RUNNER_SILENT"])


def test_inv_16_a_runner_that_stopped_runs_no_trader_and_no_feed() -> None:
    body = snapshot(Heard("local", seen_ns=T0), now_ns=T0 + 3_600 * NS_PER_S, standing="stopped")
    assert words(body) == ("stopped", "unknown", "stale")
    assert "the runner is stopped" in body["traders"][0]["reason"]


def test_inv_16_absent_is_unknown_and_never_a_figure() -> None:
    nothing: dict[str, Any] = {"accounts": {}, "traders": {}, "feeds": {}}
    body = snapshot(Heard("local"), **nothing | {"runner": None})
    assert words(body) == ("unknown", "unknown", "unknown")
    assert (body["mode"], body["mode_reasons"]) == ("blocked", ["RUNNER_NEVER_SEEN"])
    assert body["accounts"][0]["verdict"] == "unknown"
    shown = [body["accounts"][0][name] for name in ("balance", "equity", "day_pnl", "exposure")]
    trader = body["traders"][0]
    shown += [trader[name] for name in ("position", "price", "unrealised", "data_age_ms")]
    assert shown == [None] * 8
    assert body["runner"]["age_ms"] is None
    flat = snapshot(Heard("local", seen_ns=T0))  # an account that was observed, and holds nothing
    assert flat["traders"][0]["position"] == "0"


def test_inv_16_books_that_nobody_compares_any_more_are_not_called_equal() -> None:
    fresh = {"accounts": {"main": {"checked_at_ns": T0, "reconciled": True}}}
    bound_s = COMPARED_NS // NS_PER_S
    assert reconcile(fresh, after_s=bound_s)["verdict"] == "clean"
    assert reconcile(fresh, after_s=bound_s + 1)["verdict"] == "stale"
    assert reconcile({}, after_s=bound_s + 1)["verdict"] == "stale"
    assert reconcile(fresh, "False", after_s=bound_s + 1)["verdict"] == "drift"
    row = {"subject": "account/main", "status": "True", "detail": "equal", "at_ns": T0}
    said = {("account/main", "Reconciled"): row}
    assert snapshot(Heard("local", seen_ns=T0), conditions=said)["reconcile"]["verdict"] == "clean"
    assert snapshot(Heard("local"), conditions=said)["reconcile"]["verdict"] == "stale"


def test_an_account_that_is_gone_says_nothing_of_the_books_unless_they_differed() -> None:
    row = {"type": "Reconciled", "status": "True", "detail": "equal", "at_ns": T0}
    kept = {("account/main", "Reconciled"): {"subject": "account/main", **row, "at_ns": T0 + 1},
            ("account/old", "Reconciled"): {"subject": "account/old", **row}}  # fmt: skip
    heard = Heard("local", seen_ns=T0)
    assert snapshot(heard, conditions=kept)["reconcile"]["checked_at"] == format_ns(T0 + 1)
    kept["account/old", "Reconciled"]["status"] = "False"
    assert snapshot(heard, conditions=kept)["reconcile"]["verdict"] == "drift"


@pytest.mark.parametrize(
    ("scope", "traders"),
    [("all", "ab"), ("tenant/default", "ab"), ("account/main", "ab"), ("trader/a", "a"),
     ("strategy/ema", "a"), ("instrument/Y", "b"), ("instrument/Z", "")],
)  # fmt: skip
def test_a_halt_of_any_scope_shows_on_each_trader_that_it_covers(scope: str, traders: str) -> None:
    document = {"traders": [
        {"id": "a", "account": "main", "strategy": "ema", "instrument": "X"},
        {"id": "b", "account": "main", "strategy": "rsi", "instrument": "Y"},
    ]}  # fmt: skip
    row = {"scope": scope, "level": "halted", "reason": "r", "by": "p", "at_ns": T0, "event": 3}
    body = compose(
        Facts(document=document, halts=[row]), Heard("local"), build="0", now_ns=T0
    )["traders"]  # fmt: skip
    assert "".join(t["id"] for t in body if t["halt"] is not None) == traders
    assert all(t["halt"]["scope"] == scope for t in body if t["halt"] is not None)


# -- INV-2: the mode that is shown is what an account reaches, not what the environment asks for --


@pytest.mark.parametrize(
    ("asked", "verdicts", "shown"),
    [
        ("signals", ["signals"], "signals"),
        ("paper", ["paper"], "paper"),
        ("paper", ["blocked", "paper"], "paper"),
        ("paper", ["blocked"], "blocked"),
        ("paper", [], "paper"),
        ("live", ["blocked"], "blocked"),
        ("live", ["blocked", "live"], "live"),
        ("live", [], "blocked"),
    ],
)
def test_inv_2_live_is_never_shown_where_nothing_may_trade_live(
    asked: str, verdicts: list[str], shown: str
) -> None:
    runner = {"state": "started", "mode": asked, "reasons": "[]", "generation": 1}
    accounts = {
        str(n): {
            "verdict": verdict,
            "reasons": f'["CEILING","WHY_{n}"]',
            "at_ns": T0,
            "time_ns": T0,
        }
        for n, verdict in enumerate(verdicts)
    }
    body = snapshot(Heard("local", seen_ns=T0), runner=runner, accounts=accounts)
    assert body["mode"] == shown
    why = ["CEILING", "WHY_0"] if verdicts else ["NO_ACCOUNT"]
    assert body["mode_reasons"] == (why if shown == "blocked" else [])
