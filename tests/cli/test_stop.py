"""`kill` ends with 0 only on proof, says first what it would do, and needs no api on the host."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Api, Outcome
from tradedeck.cli.commands import stop
from tradedeck.closing import report
from tradedeck.closing.types import Kill, KillStep
from tradedeck.kernel.ids import new_id
from tradedeck.ops.exits import Exit

Deck = Callable[..., Outcome]
NAME = "kill_01test0001"
STEP = {
    "account": "paper", "step": "cancel sent", "by": "runner", "numbers": {"orders": 2},
    "ref": "v1",
}  # fmt: skip
LEG = {
    "account": "paper", "state": "flat", "by": "runner", "flat_at": "2026-11-20T14:00:00Z",
    "steps": 1,
}  # fmt: skip
DONE: dict[str, Any] = {
    "id": NAME, "scope": "all", "state": "done", "legs": [LEG], "steps": [STEP],
    "to_last_cancel_sent_ms": 3.5, "to_flat_ms": 21.0,
}  # fmt: skip
PREVIEW: dict[str, Any] = {
    "scope": "all", "orders": 3, "positions": 1, "foreign": 1, "seconds": 0.2, "seen": "ours",
    "accounts": [{"account": "paper", "positions": [
        {"instrument": "GME", "quantity": "7", "notional": None, "trader": None, "foreign": True}
    ]}],
    "totals": [{"currency": "USD", "notional": None, "cost": None}],
}  # fmt: skip


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "new_id", lambda *_: NAME)


def test_a_kill_with_proof_ends_with_0_and_shows_each_step(api: Api, deck: Deck, named: None):
    api.give("POST", "/kills", {"id": NAME, "detail": "Latched by guard and runner."}, 202)
    api.give("GET", f"/kills/{NAME}", DONE)
    code, out, _ = deck("kill", "trader/ibm", "--step", "flatten", "-r", "odd", "-y")
    assert code == Exit.OK
    posted = api.asked[0]
    assert (posted["method"], posted["path"]) == ("POST", "/kills")
    assert posted["body"] == {
        "scope": "trader/ibm", "step": "flatten", "flatten": True, "reason": "odd",
    }  # fmt: skip
    assert posted["headers"]["idempotency-key"] == NAME
    assert "paper: cancel sent (runner) orders=2 [v1]" in out
    assert "Flat as seen at the broker: paper at 2026-11-20T14:00:00Z" in out
    code, out, _ = deck("kill", "-y", "--json")
    assert json.loads(out)["state"] == "done"


def test_without_proof_in_time_it_ends_with_8_and_says_that_it_goes_on(
    api: Api, deck: Deck, named: None
):
    api.give("POST", "/kills", {"id": NAME, "detail": "Latched by guard."}, 202)
    api.give("GET", f"/kills/{NAME}", {**DONE, "state": "closing"})
    code, out, err = deck("kill", "-y", "--timeout", "0.2")
    assert code == Exit.TIMEOUT
    assert "goes on" in err
    assert "Flat" not in out


def test_when_nobody_took_it_it_ends_with_4_and_names_the_command_of_the_host(api: Api, deck: Deck):
    problem = {"status": 503, "code": "UNAVAILABLE", "detail": "Neither has it."}
    api.give("POST", "/kills", problem, 503)
    code, _, err = deck("kill", "account/a", "--step", "pause", "-y")
    assert code == Exit.UNREACHABLE
    assert "tradedeck kill account/a --step pause --local" in err


def test_rsk_4_a_lift_says_first_what_would_stop_it_again(api: Api, deck: Deck):
    words = "Still crossed: drawdown_max of account/a is at 0.3 of 0.2."
    api.give("GET", "/lifts/preview", {"scope": "account/a", "again": True, "detail": words})
    api.give("POST", "/lifts", {"id": "lift_1", "pending": "lift_1", "hold_until": None}, 202)
    lift = ("lift", "account/a", "-r", "looked at it", "--code", "c")
    code, _, err = deck(*lift)
    assert (code, words in err) == (Exit.OK, True)
    assert [asked["path"] for asked in api.asked] == ["/lifts/preview", "/lifts"]
    api.give("GET", "/lifts/preview", {"status": 503, "code": "UNAVAILABLE", "detail": "No."}, 503)
    code, _, err = deck(*lift)  # a look that fails keeps nobody from lifting
    assert (code, "could not be looked at" in err) == (Exit.OK, True)


def test_no_flatten_is_asked_for_and_leaves_positions(api: Api, deck: Deck, named: None):
    api.give("GET", f"/kills/{NAME}", DONE)
    assert deck("kill", "--no-flatten", "-y")[0] == Exit.OK
    assert api.asked[0]["body"]["flatten"] is False


def test_without_a_terminal_nothing_is_sent_until_yes_is_said(api: Api, deck: Deck):
    api.give("POST", "/kills/preview", PREVIEW)
    code, out, err = deck("kill")
    assert code == Exit.USAGE
    assert "--yes" in err
    assert [asked["path"] for asked in api.asked] == ["/kills/preview"]
    assert "Cancels 3 working orders and closes 1 positions in all." in out
    assert "foreign" in out
    assert "Notional – USD" in out  # what is not known is not zero
    assert "could not be seen" in out


def test_a_preview_that_fails_keeps_nobody_from_the_question(api: Api, deck: Deck):
    problem = {"status": 503, "code": "STORAGE", "detail": "The store failed."}
    api.give("POST", "/kills/preview", problem, 503)
    code, _, err = deck("kill")
    assert code == Exit.USAGE
    assert "No preview: The store failed." in err
    missing = {"status": 404, "code": "NOT_FOUND", "detail": "Nothing here."}
    api.give("POST", "/kills/preview", missing, 404)
    assert deck("kill", "trader/appel")[0] == Exit.NOT_FOUND


class _Became(BaseException):
    """In place of the process that would have replaced this one."""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["kill", "account/a", "--step", "pause", "-r", "x", "-y", "--local"],
            ["kill", "account/a", "--step", "pause", "--timeout", "120.0", "--reason", "x"],
        ),
        (
            ["kill", "-y", "--local", "--no-flatten", "--timeout", "0", "--json"],
            ["kill", "all", "--step", "flatten", "--timeout", "0.0", "--no-flatten", "--json"],
        ),
        (["lift", "all", "-r", "ok", "--local"], ["lift", "all", "--reason", "ok"]),
        (["drill", "--local"], ["drill", "--orders", "50", "--positions", "50"]),
        (["guard", "status", "--local"], ["status"]),
        (["guard", "code"], ["code"]),
        (["guard", "cancel-lift", "lift_1", "--local"], ["cancel-lift", "lift_1"]),
        (["guard", "serve"], ["serve"]),
    ],
)
def test_local_acts_become_the_guards_own_program_on_this_home(
    api: Api, deck: Deck, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    arguments: list[str], expected: list[str],
):  # fmt: skip
    became: list[tuple[str, list[str], str]] = []

    def become(process: str, options: list[str]) -> None:
        became.append((process, options, os.environ["TRADEDECK_HOME"]))
        raise _Became

    monkeypatch.setenv("TRADEDECK_HOME", str(tmp_path))
    monkeypatch.setattr(stop, "become", become)
    with pytest.raises(_Became):
        deck(*arguments)
    assert became == [("guard", expected, str(tmp_path))]
    assert api.asked == []  # no api, no network


def test_the_evidence_is_verified_before_it_is_believed(api: Api, deck: Deck, tmp_path: Path):
    kill = Kill(new_id("kill", 1), "all", KillStep.FLATTEN, True, "r", "o", 1)
    data = report.seal(report.build(kill, [], {}, {}, {}))
    api.give("GET", f"/kills/{NAME}/report", data)
    file = tmp_path / "evidence.json"
    code, out, _ = deck("kills", NAME, "--report", str(file))
    assert code == Exit.OK
    assert json.loads(data)["sha256"] in out
    assert file.read_bytes() == data
    assert deck("kills", "--verify", str(file))[0] == Exit.OK
    file.write_bytes(data.replace(b'"by":"o"', b'"by":"x"'))
    code, _, err = deck("kills", "--verify", str(file))
    assert code == Exit.FAILED
    assert "not what was sealed" in err
    api.give("GET", f"/kills/{NAME}/report", data.replace(b'"by":"o"', b'"by":"x"'))
    other = tmp_path / "other.json"
    assert deck("kills", NAME, "--report", str(other))[0] == Exit.FAILED
    assert not other.exists()


@pytest.mark.parametrize(("ok", "expected"), [(True, Exit.OK), (False, Exit.FAILED)])
def test_a_drill_is_waited_for_and_its_failure_is_the_commands(
    api: Api, deck: Deck, monkeypatch: pytest.MonkeyPatch, ok: bool, expected: Exit
):
    old = {"id": "drill_1", "ok": not ok}
    new = {"id": "drill_2", "ok": ok, "orders": 50, "positions": 50, "to_flat_ms": 9.0}
    answers = iter([{"items": [old]}, {"items": [old]}, {"items": [new, old]}])
    monkeypatch.setattr(stop.client, "get", lambda *_, **__: next(answers))
    code, out, _ = deck("drill")
    assert code == expected
    assert "flat 9.0 ms" in out
    assert api.last["path"] == "/drills"


def test_scopes_are_completed_from_what_is_there(api: Api):
    api.give("GET", "/kills/scopes", {"items": ["all", "account/paper", "trader/a"]})
    assert stop._scopes("a") == ["all", "account/paper"]
    api.give("GET", "/kills/scopes", {"code": "UNAVAILABLE", "detail": "x"}, 503)
    assert stop._scopes("") == ["all"]
