"""Each process gets its own variables and nothing else."""

from __future__ import annotations

from tradedeck.settings import Settings
from tradedeck.supervisor import demo, environment

GIVEN = {
    "PATH": "/bin",
    "HOME": "/home/x",
    "TRADEDECK_HOME": "/h",
    "TRADEDECK_PORT": "1",
    "TRADING_MODE": "live",
    "LIVE_TRADING": "true",
    "LIVE_TRADING_CONFIRM": "true",
    "PAPER_EXECUTION_ENABLED": "true",
    "LIVE_FRAMES_PATH_US": "/frames",
    "TRADEDECK_STORE_URL": "postgresql://r:secret@h/d",
    "OANDA_TOKEN": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
}


def test_what_arms_reaches_only_those_that_trade() -> None:
    seen = {name: environment.of(name, GIVEN) for name in environment.ALLOWED}
    arming = {"TRADING_MODE", "LIVE_TRADING", "LIVE_TRADING_CONFIRM", "PAPER_EXECUTION_ENABLED"}
    assert arming <= set(seen["runner"])
    assert arming & set(seen["exchange"]) == {"TRADING_MODE", "PAPER_EXECUTION_ENABLED"}
    for name in ("nats", "api", "worker"):
        assert not arming & set(seen[name])
    assert "LIVE_FRAMES_PATH_US" in seen["runner"]
    assert "LIVE_FRAMES_PATH_US" not in seen["api"]


def test_what_nobody_listed_reaches_nobody() -> None:
    for name in environment.ALLOWED:
        assert "canary" not in environment.of(name, GIVEN).values()


def test_the_store_is_known_to_the_api_alone() -> None:
    knowing = [n for n in environment.ALLOWED if "TRADEDECK_STORE_URL" in environment.of(n, GIVEN)]
    assert knowing == ["api"]


def test_nats_knows_nothing_of_ours() -> None:
    assert not [name for name in environment.of("nats", GIVEN) if "TRADEDECK" in name]


def test_the_demo_is_armed_for_paper_whatever_the_shell_says() -> None:
    armed = environment.of("runner", demo.arm(GIVEN))
    assert (armed["TRADING_MODE"], armed["PAPER_EXECUTION_ENABLED"]) == ("paper", "true")
    assert not [name for name in armed if name.startswith("LIVE_")]


def test_every_setting_reaches_some_process_or_is_the_supervisors_own() -> None:
    """A setting that nobody is given would be read from the page and never by a program."""
    own = {"TRADEDECK_WATCHDOG_S", "LIVE_FRAMES_PATH"}  # the second is a prefix
    named = {str(field.alias) for field in Settings.model_fields.values()} - own
    given = {name for names in environment.ALLOWED.values() for name in names}
    assert named - given == set()


def test_the_providers_secret_is_known_to_the_api_alone() -> None:
    name = "TRADEDECK_OIDC_CLIENT_SECRET"
    assert [n for n in environment.ALLOWED if name in environment.of(n, {name: "x"})] == ["api"]
