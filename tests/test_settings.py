"""Settings: what is accepted, what is refused by name, and the reference page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import gen_environment
from tradedeck import settings
from tradedeck.kernel.errors import Code, TradedeckError

NO_FILE = Path("/nonexistent/.env")
ROOT = Path(__file__).parents[1]


def load(**environ: str) -> settings.Settings:
    return settings.load(environ, env_file=NO_FILE)


def test_defaults_arm_nothing():
    given = load()
    assert given.host == "127.0.0.1"
    assert given.port == 8787
    assert given.strict_live_mode is True
    assert not any(
        (given.live_trading, given.live_trading_confirm, given.paper_execution_enabled,
         given.broker_network)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRADEDECK_PORT", "eighty"),
        ("TRADEDECK_PORT", "70000"),
        ("TRADEDECK_PORT", "-1"),
        ("TRADING_MODE", "LIVE!"),
        ("LIVE_TRADING", "yes"),
        ("LIVE_TRADING_CONFIRM", "1"),
        ("PAPER_EXECUTION_ENABLED", "on"),
        ("STRICT_LIVE_MODE", "maybe"),
        ("RUNTIME_DATA_MODE", "guess"),
        ("MAX_ITERATIONS", "-1"),
        ("TRADEDECK_RUNNER", "a.b"),
        ("TRADEDECK_LOOSENING_WAIT_S", "nan"),
        ("TRADEDECK_SESSION_HOURS", "inf"),
    ],
)
def test_an_invalid_value_is_refused_by_the_variables_name(name: str, value: str):
    with pytest.raises(TradedeckError) as caught:
        load(**{name: value})
    assert caught.value.code is Code.INVALID_SETTING
    assert name in caught.value.detail
    assert "\n" not in str(caught.value)


def test_the_process_environment_does_not_leak_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRADEDECK_PORT", "1")
    assert load().port == 8787


def test_of_the_guards_two_times_one_follows_and_both_must_fit():
    late = load(TRADEDECK_GUARD_FLATTEN_AFTER_S="5")
    assert (late.guard_cancel_after_s, late.guard_flatten_after_s) == (10, 5)  # the guard orders it
    with pytest.raises(TradedeckError, match="TRADEDECK_GUARD_FLATTEN_AFTER_S was not valid"):
        load(TRADEDECK_GUARD_FLATTEN_AFTER_S="5", TRADEDECK_GUARD_CANCEL_AFTER_S="9")


def test_frames_by_market():
    assert load(LIVE_FRAMES_PATH_US="a.csv", LIVE_FRAMES_PATH_FX="b").frames == {
        "US": "a.csv", "FX": "b",
    }  # fmt: skip


def test_env_file_under_the_environment(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text(
        "# ours\nexport TRADEDECK_PORT=9000\nTRADING_MODE='paper' \nTRADEDECK_HOST=::1 # six\n"
    )
    given = settings.load({"TRADEDECK_PORT": "9001"}, env_file=file)
    assert (given.port, given.trading_mode, given.host) == (9001, "paper", "::1")


def test_a_bad_line_is_named(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("A=1\nnonsense\n")
    with pytest.raises(TradedeckError, match="line 2"):
        settings.load({}, env_file=file)


def test_the_reference_page_is_current():
    page = ROOT / "docs" / "reference" / "environment.md"
    assert page.read_text(encoding="utf-8") == gen_environment.table()
