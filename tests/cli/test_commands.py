"""Each command asks for the right thing, with the right body, and shows the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Api, Outcome
from tradedeck.ops.exits import Exit

Deck = Callable[..., Outcome]
CONFIG: dict[str, Any] = {
    "generation": 7,
    "document": {
        "version": 1,
        "feeds": [{"id": "us"}],
        "traders": [{"id": "ibm", "params": {"lookback": 20}, "sizing": {"value": "0.2"}}],
    },
}


@pytest.mark.parametrize(
    ("arguments", "method", "path", "body"),
    [
        (["traders", "pause", "ibm"], "POST", "/traders/ibm/pause", {}),
        (["traders", "start", "ibm"], "POST", "/traders/ibm/start", {}),
        (["traders", "resume", "ibm"], "POST", "/traders/ibm/resume", {}),
        (["traders", "restart", "ibm"], "POST", "/traders/ibm/restart", {}),
        (["traders", "stop", "ibm"], "POST", "/traders/ibm/stop", {"close": False}),
        (["traders", "stop", "ibm", "--close"], "POST", "/traders/ibm/stop", {"close": True}),
        (
            ["close", "a", "IBM", "-y"],
            "POST", "/positions/close", {"account": "a", "instrument": "IBM"},
        ),
        (["flatten", "-y"], "POST", "/flatten", {"scope": "all"}),
        (["flatten", "trader/ibm", "--yes"], "POST", "/flatten", {"scope": "trader/ibm"}),
        (
            ["halt", "account/a", "-l", "pause", "-r", "news"],
            "POST", "/halts", {"scope": "account/a", "level": "pause", "reason": "news"},
        ),
        (
            ["lift", "account/a", "-r", "checked", "--code", "12345678"],
            "POST", "/lifts", {"scope": "account/a", "reason": "checked", "code": "12345678"},
        ),
        (["orders", "cancel", "ord_1"], "POST", "/orders/ord_1/cancel", {}),
        (["orders", "cancel", "-t", "ibm", "-y"], "POST", "/orders/cancel", {"trader": "ibm"}),
        (["orders", "cancel", "--all", "-y"], "POST", "/orders/cancel", {}),
        (["replay", "speed", "8", "--feed", "us"], "POST", "/feeds/us/replay", {"speed": 8.0}),
        (["replay", "pause", "--feed", "us"], "POST", "/feeds/us/replay", {"paused": True}),
        (["replay", "resume", "--feed", "us"], "POST", "/feeds/us/replay", {"paused": False}),
        (["replay", "step", "3", "--feed", "us"], "POST", "/feeds/us/replay", {"step": 3}),
        (
            ["replay", "seek", "2008-09-15", "--feed", "us"],
            "POST", "/feeds/us/replay", {"seek": "2008-09-15T00:00:00Z"},
        ),
        (
            ["activate", "momentum", "-t", "ibm", "-p", "lookback=30"],
            "POST", "/activate",
            {"strategy": "momentum", "trader": "ibm", "params": {"lookback": 30}},
        ),
        (
            ["activate", "momentum", "--all", "--preset", "balanced"],
            "POST", "/activate", {"strategy": "momentum", "trader": "all", "preset": "balanced"},
        ),
        (
            ["config", "rollback", "3", "-r", "worse"],
            "POST", "/config/rollback", {"generation": 3, "reason": "worse"},
        ),
        (["guard", "cancel-lift", "lift_1"], "DELETE", "/lifts/lift_1", None),
        (["alerts", "acknowledge", "7"], "POST", "/alerts/7/acknowledge", {}),
        (
            ["alerts", "acknowledge", "7", "-n", "seen"],
            "POST", "/alerts/7/acknowledge", {"note": "seen"},
        ),
        (["token", "revoke", "tok_1"], "DELETE", "/tokens/tok_1", None),
    ],
)  # fmt: skip
def test_acts(
    api: Api, deck: Deck, arguments: list[str], method: str, path: str, body: Any
) -> None:
    code, out, err = deck(*arguments)
    assert (code, err) == (0, "")
    assert out.strip()
    assert (api.last["method"], api.last["path"], api.last["body"]) == (method, path, body)
    assert api.last["headers"]["authorization"] == "Bearer tdt_for-tests"
    code, out, _ = deck(*arguments, "--json")
    assert code == 0
    json.loads(out)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["status"], "/status"),
        (["traders"], "/traders"),
        (["traders", "list"], "/traders"),
        (["traders", "show", "ibm"], "/traders/ibm"),
        (["strategies"], "/strategies"),
        (["strategies", "show", "momentum"], "/strategies/momentum"),
        (["signals"], "/signals"),
        (["decisions", "-t", "ibm"], "/decisions"),
        (["orders"], "/orders"),
        (["orders", "list", "--status", "FILLED"], "/orders"),
        (["orders", "show", "ord_1"], "/orders/ord_1"),
        (["positions"], "/positions"),
        (["replay", "status"], "/feeds"),
        (["config", "history"], "/config/history"),
        (["token", "list"], "/tokens"),
        (["alerts"], "/alerts"),
        (["alerts", "list", "--all", "--severity", "critical"], "/alerts"),
        (["breakers"], "/breakers"),
        (["kills"], "/kills"),
        (["kills", "kill_1"], "/kills/kill_1"),
        (["guard", "status"], "/guard"),
    ],
)
def test_readings_survive_an_empty_answer(
    api: Api, deck: Deck, arguments: list[str], path: str
) -> None:
    code, _, err = deck(*arguments)
    assert (code, err) == (0, "")
    assert (api.last["method"], api.last["path"]) == ("GET", path)
    code, out, _ = deck(*arguments, "--json")
    assert code == 0
    assert json.loads(out) == {}


def test_status_for_people_and_programs(api: Api, deck: Deck) -> None:
    status = {
        "mode": "signals",
        "mode_reasons": [],
        "data_mode": "replay",
        "execution_capable_accounts": 0,
        "desired_generation": 3,
        "observed_generation": 2,
        "runner": {"id": "local", "state": "running", "age_ms": 12},
        "traders": [{"id": "ibm", "state": "running", "position": None}],
        "feeds": [],
        "halts": [],
        "accounts": [],
    }
    api.give("GET", "/status", status)
    _, out, _ = deck("status")
    assert "signals" in out
    assert "0 account(s) can place orders" in out
    assert "not applied yet" in out
    assert "–" in out  # unknown is said
    _, out, _ = deck("status", "--json")
    assert json.loads(out) == status


def test_config_get_and_set(api: Api, deck: Deck, tmp_path: Path) -> None:
    api.give("GET", "/config", CONFIG)
    api.give("PUT", "/config", {"generation": 8, "changes": [{}]})
    assert deck("config", "get", "traders.ibm.params.lookback")[1] == "20\n"
    assert "# generation 7" in deck("config", "get")[1]
    code, out, _ = deck(
        "config", "set", "traders.ibm.params.lookback=30", "traders.0.sizing.value=0.1", "-r", "x"
    )
    assert code == 0
    assert "Generation 8" in out
    sent = api.last
    assert sent["headers"]["if-match"] == '"7"'
    assert sent["body"]["reason"] == "x"
    trader = sent["body"]["document"]["traders"][0]
    assert trader == {"id": "ibm", "params": {"lookback": 30}, "sizing": {"value": "0.1"}}
    file = tmp_path / "c.yaml"
    file.write_text("version: 1\n")
    assert deck("config", "set", "--file", str(file))[0] == 0
    assert api.last["body"]["document"] == {"version": 1}
    assert deck("config", "set")[0] == 2
    assert deck("config", "set", "traders.nobody.x=1")[0] == 2
    file.write_text("a: [unclosed\n")
    code, _, err = deck("config", "set", "--file", str(file))
    assert code == 3
    assert "not YAML near line" in err
    assert deck("config", "validate", str(tmp_path / "none"))[0] == 5


def test_config_diff_shows_lines(api: Api, deck: Deck, tmp_path: Path) -> None:
    api.give("GET", "/config", CONFIG)
    old = {"generation": 6, "document": CONFIG["document"] | {"version": 0}}
    api.give("GET", "/config/versions/6", old)
    _, out, _ = deck("config", "diff")
    assert "-version: 0" in out
    assert "+version: 1" in out
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps(CONFIG["document"]))
    assert "No difference." in deck("config", "diff", str(file))[1]


def test_deploy(api: Api, deck: Deck) -> None:
    api.give("GET", "/config", CONFIG)
    api.give(
        "GET", "/strategies/momentum", {"presets": [{"id": "balanced", "params": {"a": 1, "b": 2}}]}
    )
    code, _, _ = deck(
        "traders", "deploy", "x", "-a", "acc", "-i", "IBM", "-s", "momentum",
        "--preset", "balanced", "-p", "b=3", "--sizing", "units=10", "--paused",
    )  # fmt: skip
    assert code == 0
    assert api.last["body"] == {
        "id": "x",
        "account": "acc",
        "feed": "us",
        "instrument": "IBM",
        "strategy": "momentum",
        "params": {"a": 1, "b": 3},
        "sizing": {"kind": "units", "value": "10"},
        "state": "paused",
    }


def test_remove_names_the_generation_it_saw(api: Api, deck: Deck) -> None:
    api.give("GET", "/config", CONFIG)
    assert deck("traders", "remove", "ibm", "-y")[0] == 0
    assert (api.last["method"], api.last["headers"]["if-match"]) == ("DELETE", '"7"')


def test_dangerous_acts_ask(api: Api, deck: Deck) -> None:
    for arguments in (["flatten"], ["close", "a", "b"], ["orders", "cancel", "--all"]):
        assert deck(*arguments)[0] == 2
    assert not api.asked


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "UNAUTHENTICATED", 6),
        (403, "FORBIDDEN", 6),
        (403, "APPROVAL_REQUIRED", 3),
        (404, "NOT_FOUND", 5),
        (409, "CONFLICT", 7),
        (412, "STALE_VERSION", 7),
        (422, "INVALID_CONFIG", 3),
        (503, "UNAVAILABLE", 4),
        (500, "INTERNAL", 1),
    ],
)
def test_refusals_are_one_sentence_and_a_code(
    api: Api, deck: Deck, status: int, code: str, expected: int
) -> None:
    problem = {"code": code, "detail": "It was so.", "hint": "Do this.", "status": status}
    api.give("GET", "/status", problem, status)
    assert deck("status") == (expected, "", "It was so. Do this.")


def test_an_answer_that_is_no_problem_is_survived(api: Api, deck: Deck) -> None:
    api.give("GET", "/status", b"<html>", 502)
    code, _, err = deck("status")
    assert code == 1
    assert "502" in err


def test_export(api: Api, deck: Deck, tmp_path: Path) -> None:
    api.give("GET", "/trades", b"trade_time,pnl\n")
    assert deck("export", "trades")[1] == "trade_time,pnl\n"
    assert api.last["query"] == "format=csv"
    out = tmp_path / "x.json"
    assert deck("export", "trades", "-o", str(out))[0] == 0
    assert api.last["query"] == "format=json"
    assert out.read_bytes() == b"trade_time,pnl\n"
    assert deck("export", "secrets")[0] == 2
    assert deck("export", "trades", "--format", "exe")[0] == 2
    api.give("GET", "/status", {"accounts": [{"id": "paper-demo"}]})
    assert deck("export", "equity")[0] == 0
    assert api.last["path"] == "/accounts/paper-demo/equity"


DEPLOY = ["traders", "deploy", "x", "-a", "a", "-i", "IBM", "-s", "momentum", "--feed", "us"]
PREVIEW: dict[str, Any] = {
    "trader": "x",
    "valid": True,
    "errors": [],
    "params": {"lookback": 63},
    "changes": [{"path": "traders.x", "old": None, "new": {"id": "x"}}],
    "time": "2008-09-15T20:00:00Z",
    "price": "114.5",
    "inputs": {"return": 0.1},
    "signal": {"target": 1.0, "reason": "rising"},
    "orders": [{"side": "BUY", "quantity": "87", "verdict": "denied", "reason": "ORDER_VALUE"}],
    "checks": [
        {"limit": "order_value_max", "scope": "account", "used": "0", "after": "9961",
         "bound": "5000", "ok": False},
    ],
}  # fmt: skip


def test_a_preview_says_what_would_happen_and_deploys_nothing(api: Api, deck: Deck) -> None:
    api.give("POST", "/traders/preview", PREVIEW)
    code, out, err = deck(*DEPLOY, "--preview")
    assert (code, err) == (0, "")
    assert [asked["path"] for asked in api.asked] == ["/traders/preview"]
    assert "lookback=63" in out
    assert "traders.x: added" in out
    assert "target 1.0, rising" in out
    assert "BUY 87: denied, ORDER_VALUE" in out
    assert out.splitlines()[-1].split() == [
        "order_value_max", "account", "0", "9961", "5000", "no",
    ]  # fmt: skip
    code, out, _ = deck(*DEPLOY, "--preview", "--json")
    assert (code, json.loads(out)) == (0, PREVIEW)


def test_a_preview_without_a_signal_says_why(api: Api, deck: Deck) -> None:
    silent = {"time": None, "signal": None, "orders": [], "checks": [], "detail": "No bar yet."}
    api.give("POST", "/traders/preview", PREVIEW | silent)
    code, out, _ = deck(*DEPLOY, "--preview")
    assert code == 0
    assert "none yet: No bar yet." in out


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_preview_of_the_impossible_names_each_field(
    api: Api, deck: Deck, more: list[str]
) -> None:
    errors = [{"path": "params.lookback", "reason": "was 0, the least is 2"}]
    refused = {"trader": "x", "valid": False, "code": "INVALID_CONFIG", "errors": errors}
    api.give("POST", "/traders/preview", refused)
    code, out, err = deck(*DEPLOY, "--preview", *more)
    assert code == Exit.REFUSED
    assert "params.lookback: was 0, the least is 2" in err
    assert (json.loads(out) == refused) if more else (out == "")
