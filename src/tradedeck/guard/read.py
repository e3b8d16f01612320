"""Reading what came over socket and wire into the words of the core. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from tradedeck.closing.scope import parse
from tradedeck.closing.types import Kill, KillStep
from tradedeck.guard.types import Policy
from tradedeck.guard.watch import SILENCES
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import is_name, new_id

_ID = re.compile(r"kill_[0-9a-z]{1,40}")
ACCOUNTS_MAX = 100
TEXT_MAX = 500


def text(body: dict[str, Any], name: str) -> str:
    """A field that must be words.

    Raises:
        TradedeckError: INVALID.

    """
    value = body.get(name)
    if not isinstance(value, str) or not value or len(value) > TEXT_MAX:
        raise TradedeckError(Code.INVALID, f"{name} was missing or no text")
    return value


def kill_of(body: dict[str, Any], now_ns: int, *, by: str) -> Kill:
    """A kill out of a request: {id?, scope, step?, flatten?, reason?, by?, at_ns?}.

    A decision dated in the future, or more than a minute ago, is dated now.

    Raises:
        TradedeckError: INVALID, naming what is wrong.

    """
    name = body.get("id") or new_id("kill", now_ns)
    if not isinstance(name, str) or _ID.fullmatch(name) is None:
        raise TradedeckError(Code.INVALID, "the id of a kill was not of the form kill_…")
    step, flatten = body.get("step", KillStep.FLATTEN.value), body.get("flatten", True)
    if step not in [known.value for known in KillStep] or type(flatten) is not bool:
        raise TradedeckError(
            Code.INVALID,
            "the step of a kill was not known",
            hint="Use pause, reduce_only or flatten; flatten is true or false.",
        )
    at = body.get("at_ns")
    recent = type(at) is int and now_ns - 60_000_000_000 <= at <= now_ns
    return Kill(
        name,
        str(parse(text(body, "scope"))),
        KillStep(step),
        flatten and step == KillStep.FLATTEN.value,
        str(body.get("reason") or "no reason given")[:TEXT_MAX],
        str(body.get("by") or by)[:100],
        cast("int", at) if recent else now_ns,
    )


def policies(listed: Any, default: Policy) -> dict[str, Policy]:
    """Accounts with their policy: [{id, policy: {on_silence, cancel_after_s, flatten_after_s},
    dead_man: whether its broker has a timer}].

    What is absent is the host's default, which follows what was chosen.

    Raises:
        ValueError, KeyError, TypeError: it was of another form.

    """
    if not isinstance(listed, list) or len(cast("list[Any]", listed)) > ACCOUNTS_MAX:
        raise ValueError("accounts were no list, or too many")
    found: dict[str, Policy] = {}
    for item in cast("list[dict[str, Any]]", listed):
        name = str(item["id"])
        if not is_name(name):
            raise ValueError(f"{name!r} is no name of an account")
        policy = _policy(item.get("policy") or {}, default)
        found[name] = replace(policy, dead_man=item.get("dead_man") is True)
    return found


def ordered(
    cancel: float | None, flatten: float | None, cancel_default: float, flatten_default: float
) -> tuple[float, float]:
    """Seconds until cancel and flatten: a default never stands against what was chosen."""
    if cancel is None:
        soonest = flatten_default if flatten is None else float(flatten)
        cancel = min(cancel_default, soonest)
    if flatten is None:
        flatten = max(flatten_default, float(cancel))
    return float(cancel), float(flatten)


def _policy(given: dict[str, Any], default: Policy) -> Policy:
    act = given.get("on_silence", default.on_silence)
    cancel, flatten = ordered(
        given.get("cancel_after_s"), given.get("flatten_after_s"),
        default.cancel_after_s, default.flatten_after_s,
    )  # fmt: skip
    if act not in SILENCES or not 0 < cancel <= 86_400 or not cancel <= flatten <= 86_400:
        raise ValueError("a policy of silence was not valid")
    return Policy(act, cancel, flatten)
