"""The arming table of the definitions, line by line, and every unmet condition in turn (RUN-2)."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tradedeck.execution import arming
from tradedeck.execution.arming import Mode, Standing, Unmet, ceiling_mode, is_placeholder, verdict
from tradedeck.kernel.errors import Code, TradedeckError

PAPER = Standing("main", "paper", "replay")
LIVE = Standing("U7654321", "alpaca", "live_file", credentials=True, preflight_green=True)
ARMED = {
    "TRADING_MODE": "live",
    "LIVE_TRADING": "true",
    "LIVE_TRADING_CONFIRM": "true",
    "BROKER_NETWORK": "true",
}

TABLE = [
    ({}, Mode.SIGNALS),
    ({"TRADING_MODE": ""}, Mode.SIGNALS),
    ({"TRADING_MODE": "paper"}, Mode.SIGNALS),
    ({"PAPER_EXECUTION_ENABLED": "false"}, Mode.SIGNALS),
    ({"PAPER_EXECUTION_ENABLED": "1"}, Mode.SIGNALS),
    ({"PAPER_EXECUTION_ENABLED": "yes"}, Mode.SIGNALS),
    ({"PAPER_EXECUTION_ENABLED": "true"}, Mode.PAPER),
    ({"TRADING_MODE": "paper", "PAPER_EXECUTION_ENABLED": "true"}, Mode.PAPER),
    ({"TRADING_MODE": "live"}, Mode.LIVE),
    # The confirmations of live arm nothing by themselves.
    ({"LIVE_TRADING": "true", "LIVE_TRADING_CONFIRM": "true"}, Mode.SIGNALS),
]


@pytest.mark.parametrize(("env", "mode"), TABLE)
def test_run_1_the_ceiling_of_the_environment(env: dict[str, str], mode: Mode) -> None:
    assert ceiling_mode(env) is mode


@pytest.mark.parametrize(
    "word", ["on", "true", "signals", "demo", "live!", "liive", "paper live", "0"]
)
def test_run_1_any_other_trading_mode_is_a_failed_boot(word: str) -> None:
    for env in ({"TRADING_MODE": word}, {**ARMED, "TRADING_MODE": word}):
        with pytest.raises(TradedeckError) as caught:
            verdict(env, LIVE)
        assert caught.value.code is Code.INVALID_SETTING
        assert "TRADING_MODE" in str(caught.value)


def test_run_2_live_with_every_condition_met() -> None:
    """Without this the list below could be a gate that never opens."""
    assert verdict(ARMED, LIVE) == arming.Verdict(Mode.LIVE)


CONFIRM = {Unmet.LIVE_NOT_CONFIRMED}
UNMET: dict[str, tuple[dict[str, str], dict[str, object], set[Unmet]]] = {
    "trading": ({"LIVE_TRADING": ""}, {}, {Unmet.LIVE_TRADING_NOT_TRUE} | CONFIRM),
    "trading-one": ({"LIVE_TRADING": "1"}, {}, {Unmet.LIVE_TRADING_NOT_TRUE} | CONFIRM),
    "confirm": ({"LIVE_TRADING_CONFIRM": ""}, {}, {Unmet.LIVE_TRADING_CONFIRM_NOT_TRUE} | CONFIRM),
    "network": ({"BROKER_NETWORK": "false"}, {}, {Unmet.BROKER_NOT_ALLOWED}),
    "credentials": ({}, {"credentials": False}, {Unmet.CREDENTIALS_MISSING}),
    "preflight": ({}, {"preflight_green": False}, {Unmet.PREFLIGHT_MISSING}),
    "replayed": ({}, {"data_mode": "replay"}, {Unmet.DATA_REPLAYED}),
    "source": ({}, {"live_source_ok": False}, {Unmet.LIVE_SOURCE_MISSING}),
    "placeholder": ({}, {"account": "changeme"}, {Unmet.ACCOUNT_PLACEHOLDER}),
    "ceiling": ({}, {"within_ceiling": False}, {Unmet.CEILING}),
    "broker": ({}, {"broker": "paper"}, {Unmet.BROKER_UNSUPPORTED}),
}


@pytest.mark.parametrize("name", UNMET)
def test_run_2_each_unmet_condition_in_turn_blocks_live_by_name(name: str) -> None:
    env, standing, unmet = UNMET[name]
    changed = replace(LIVE, **standing)  # type: ignore[arg-type]: a table of keywords
    found = verdict({**ARMED, **env}, changed)
    assert found.mode is Mode.BLOCKED
    assert set(found.reasons) == unmet
    assert len(found.reasons) == len(unmet)


def test_run_2_all_unmet_conditions_are_listed_at_once() -> None:
    worst = Standing("", "paper", "replay", live_source_ok=False, within_ceiling=False)
    found = verdict({"TRADING_MODE": "live"}, worst)
    assert found.mode is Mode.BLOCKED
    assert set(found.reasons) == set(Unmet)
    assert {u for _, _, unmet in UNMET.values() for u in unmet} == set(Unmet)


PLACEHOLDERS = [
    "", "  ", "changeme", "CHANGE_ME", "change-me", "your-account-id", "YOUR_ACCOUNT", "000000",
    "000-000", "xxx", "XXXX", "test", "demo", "example", "none", "null", "todo", "<account>",
    "${ACCOUNT}", "$ACCOUNT", "101-001-0000000-001", "123456789", " test ",
]  # fmt: skip


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_run_2_placeholder_account_ids(name: str) -> None:
    assert is_placeholder(name)
    assert Unmet.ACCOUNT_PLACEHOLDER in verdict(ARMED, replace(LIVE, account=name)).reasons


@pytest.mark.parametrize(
    "name", ["main", "U7654321", "101-004-1234567-002", "tester", "paper-1", "7"]
)
def test_run_2_real_account_ids_pass(name: str) -> None:
    assert not is_placeholder(name)


def test_run_2_paper_needs_the_paper_broker_and_a_name() -> None:
    env = {"PAPER_EXECUTION_ENABLED": "true"}
    assert verdict(env, PAPER).mode is Mode.PAPER
    assert verdict(env, replace(PAPER, broker="alpaca")).reasons == (Unmet.BROKER_UNSUPPORTED,)
    assert verdict(env, replace(PAPER, account="test")).reasons == (Unmet.ACCOUNT_PLACEHOLDER,)
    assert verdict(env, replace(PAPER, within_ceiling=False)).reasons == (Unmet.CEILING,)
    assert verdict(env, replace(PAPER, live_source_ok=False)).reasons == (
        Unmet.LIVE_SOURCE_MISSING,
    )


def test_inv_2_the_verdict_is_of_its_arguments_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process environment says live; the environment that was handed in does not."""
    for name, value in {**ARMED, "PAPER_EXECUTION_ENABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    assert os.environ["TRADING_MODE"] == "live"
    assert ceiling_mode({}) is Mode.SIGNALS
    assert verdict({}, LIVE).mode is Mode.SIGNALS
    unconfirmed = verdict({"TRADING_MODE": "live"}, LIVE)  # what is missing is not looked for
    assert Unmet.LIVE_NOT_CONFIRMED in unconfirmed.reasons
    for name in ARMED:
        monkeypatch.delenv(name)
    env = dict(ARMED)
    assert verdict(env, LIVE) == verdict(env, LIVE)
    assert env == ARMED
