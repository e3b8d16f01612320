"""Whether an account may execute, decided by the runner's own host alone (RUN-2, INV-2).

Pure: the environment is an argument. No request, configuration, row or message is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tradedeck.kernel.errors import Code, TradedeckError


class Mode(StrEnum):
    """The verdict over an account."""

    SIGNALS = "signals"
    PAPER = "paper"
    LIVE = "live"
    BLOCKED = "blocked"


class Unmet(StrEnum):
    """Conditions of execution, by name."""

    LIVE_NOT_CONFIRMED = "LIVE_NOT_CONFIRMED"
    LIVE_TRADING_NOT_TRUE = "LIVE_TRADING_NOT_TRUE"
    LIVE_TRADING_CONFIRM_NOT_TRUE = "LIVE_TRADING_CONFIRM_NOT_TRUE"
    ACCOUNT_PLACEHOLDER = "ACCOUNT_PLACEHOLDER"
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    PREFLIGHT_MISSING = "PREFLIGHT_MISSING"
    DATA_REPLAYED = "DATA_REPLAYED"
    LIVE_SOURCE_MISSING = "LIVE_SOURCE_MISSING"
    BROKER_NOT_ALLOWED = "BROKER_NOT_ALLOWED"
    BROKER_UNSUPPORTED = "BROKER_UNSUPPORTED"
    CEILING = "CEILING"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A mode and, when blocked, every unmet condition."""

    mode: Mode
    reasons: tuple[Unmet, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the host found out about one account, beside its environment."""

    account: str
    broker: str
    data_mode: str
    credentials: bool = False
    preflight_green: bool = False
    live_source_ok: bool = True
    within_ceiling: bool = True


_PLACEHOLDERS = re.compile(
    r"^(|change[-_ ]?me|your[-_ ]?account([-_ ]?id)?|account[-_ ]?id|x+|0[0-]*|test|demo|example"
    r"|none|null|todo|placeholder|101-001-0000000-001|123456(789)?|<.*>|\$\{?.*)$",
    re.IGNORECASE,
)


def is_placeholder(account: str) -> bool:
    """Whether an account id is an example that nobody replaced."""
    return _PLACEHOLDERS.match(account.strip()) is not None


def ceiling_mode(env: Mapping[str, str]) -> Mode:
    """The highest mode the host's environment allows; the table of DEFINITIONS.

    Raises:
        TradedeckError: INVALID_SETTING for any other TRADING_MODE: a failed boot.
    """
    mode = env.get("TRADING_MODE", "").strip().lower() or "paper"
    if mode == "live":
        return Mode.LIVE
    if mode != "paper":
        raise TradedeckError(
            Code.INVALID_SETTING,
            f"TRADING_MODE was {mode!r}",
            hint="Set it to paper or live, or leave it unset for signals only.",
        )
    return Mode.PAPER if _true(env, "PAPER_EXECUTION_ENABLED") else Mode.SIGNALS


def verdict(env: Mapping[str, str], standing: Standing) -> Verdict:
    """May this account execute here? Every unmet condition is named."""
    mode = ceiling_mode(env)
    if mode is Mode.SIGNALS:
        return Verdict(mode)
    unmet = [] if mode is Mode.PAPER else _live_conditions(env, standing)
    if is_placeholder(standing.account):
        unmet.append(Unmet.ACCOUNT_PLACEHOLDER)
    if not standing.live_source_ok:
        unmet.append(Unmet.LIVE_SOURCE_MISSING)
    if not standing.within_ceiling:
        unmet.append(Unmet.CEILING)
    if mode is Mode.PAPER and standing.broker != "paper":
        unmet.append(Unmet.BROKER_UNSUPPORTED)
    return Verdict(Mode.BLOCKED, tuple(unmet)) if unmet else Verdict(mode)


def _live_conditions(env: Mapping[str, str], standing: Standing) -> list[Unmet]:
    enabled, confirmed = _true(env, "LIVE_TRADING"), _true(env, "LIVE_TRADING_CONFIRM")
    conditions = (
        (enabled and confirmed, Unmet.LIVE_NOT_CONFIRMED),
        (enabled, Unmet.LIVE_TRADING_NOT_TRUE),
        (confirmed, Unmet.LIVE_TRADING_CONFIRM_NOT_TRUE),
        (_true(env, "BROKER_NETWORK"), Unmet.BROKER_NOT_ALLOWED),
        (standing.credentials, Unmet.CREDENTIALS_MISSING),
        (standing.preflight_green, Unmet.PREFLIGHT_MISSING),
        (standing.data_mode != "replay", Unmet.DATA_REPLAYED),
        (standing.broker != "paper", Unmet.BROKER_UNSUPPORTED),
    )
    return [unmet for met, unmet in conditions if not met]


def _true(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() == "true"
