"""The host ceiling: what the trading host's administrator allows, whatever desired state says.

A file on the host; desired state may only tighten it. An absent key allows everything, an empty
list nothing. Pure: the caller reads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from tradedeck.kernel.errors import Code, Fault, TradedeckError

_LISTS = ("accounts", "instruments", "strategies")
_GREATER_IS_TIGHTER = frozenset({"duplicate_window_s"})
_BREAKERS = ("feed_disconnected", "rejects", "repeated_execution", "clock_offset")
_BREAKER_NUMBERS = {"bound": min, "window_s": max, "cooldown_s": max}  # → which of two is tighter
_BREAKER_WORDS = {  # mildest first
    "action": ("alarm", "pause", "reduce_only", "flatten"),
    "resume": ("auto", "person"),
}


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Allowed names (None: any), greatest limits by name, and the mildest rule of each breaker."""

    accounts: frozenset[str] | None = None
    instruments: frozenset[str] | None = None
    strategies: frozenset[str] | None = None
    limits: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    breakers: Mapping[str, Mapping[str, Decimal | str]] = field(
        default_factory=dict[str, Mapping[str, Decimal | str]]
    )


def parse(document: object) -> Ceiling:
    """A `Ceiling` from a YAML mapping; every unknown key or wrong type is named.

    Raises:
        TradedeckError: INVALID_CONFIG, with the path of each fault.
    """
    if document is None:
        return Ceiling()
    if not isinstance(document, dict):
        raise TradedeckError(Code.INVALID_CONFIG, "the host ceiling was not a mapping")
    given = cast("dict[str, Any]", document)
    faults: list[Fault] = []
    names: dict[str, frozenset[str] | None] = {}
    for key in _LISTS:
        value = given.get(key)
        if value is not None and not (
            isinstance(value, list)
            and all(isinstance(item, str) for item in cast("list[object]", value))
        ):
            faults.append(Fault(key, "was not a list of names"))
            continue
        names[key] = None if value is None else frozenset(cast("list[str]", value))
    limits = _limits("limits", given.get("limits", {}), faults)
    breakers = _breakers(given.get("breakers", {}), faults)
    faults += [
        Fault(str(k), "is not a key of the ceiling")
        for k in given
        if k not in (*_LISTS, "limits", "breakers", "version")
    ]
    if faults:
        raise TradedeckError(
            Code.INVALID_CONFIG, "the host ceiling was not valid", faults=tuple(faults)
        )
    return Ceiling(names["accounts"], names["instruments"], names["strategies"], limits, breakers)


def _breakers(value: object, faults: list[Fault]) -> dict[str, dict[str, Decimal | str]]:
    if not isinstance(value, dict):
        faults.append(Fault("breakers", "was not a mapping"))
        return {}
    rules: dict[str, dict[str, Decimal | str]] = {}
    for name, rule in cast("dict[str, object]", value).items():
        path = f"breakers.{name}"
        if name not in _BREAKERS or not isinstance(rule, dict):
            faults.append(Fault(path, "is not a breaker with a rule"))
            continue
        given = cast("dict[str, object]", rule)
        numbers = {key: given[key] for key in given if key in _BREAKER_NUMBERS}
        rules[name] = dict(_limits(path, numbers, faults))
        for key, word in given.items():
            if key in _BREAKER_WORDS and word in _BREAKER_WORDS[key]:
                rules[name][key] = str(word)
            elif key not in _BREAKER_NUMBERS:
                faults.append(Fault(f"{path}.{key}", "is not a key or a word of a breaker"))
    return rules


def _limits(path: str, value: object, faults: list[Fault]) -> dict[str, Decimal]:
    if not isinstance(value, dict):
        faults.append(Fault(path, "was not a mapping"))
        return {}
    limits: dict[str, Decimal] = {}
    for name, bound in cast("dict[str, object]", value).items():
        try:
            number = Decimal(str(bound))
        except InvalidOperation:
            number = Decimal(-1)
        if not number.is_finite() or number < 0:
            faults.append(Fault(f"{path}.{name}", "was not a number of zero or more"))
        else:
            limits[name] = number
    return limits


def tighten(ceiling: Ceiling, limits: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    """`limits` held under the ceiling's: the tighter of the two, where either exists."""
    result = dict(limits)
    for name, bound in ceiling.limits.items():
        wanted = result.get(name)
        tighter = max if name in _GREATER_IS_TIGHTER else min
        result[name] = bound if wanted is None else tighter(wanted, bound)
    return result


def tighten_breaker(ceiling: Ceiling, name: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    """A breaker's rule held under the ceiling's: of each part the tighter one."""
    result = dict(rule)
    for key, least in ceiling.breakers.get(name, {}).items():
        wanted: Any = result.get(key)
        if isinstance(least, str):
            words = _BREAKER_WORDS[key]
            result[key] = max(least, str(wanted), key=words.index)
        elif wanted is not None:  # a part that the breaker does not have is not tightened
            result[key] = _BREAKER_NUMBERS[key](Decimal(str(wanted)), least)
    return result


def refusals(ceiling: Ceiling, *, account: str, instrument: str, strategy: str) -> list[Fault]:
    """Why a trader of these names may not run on this host; empty when it may."""
    faults: list[Fault] = []
    for name, allowed, value in (
        ("account", ceiling.accounts, account),
        ("instrument", ceiling.instruments, instrument),
        ("strategy", ceiling.strategies, strategy),
    ):
        if allowed is not None and value not in allowed:
            faults.append(Fault(name, f"{value} is not allowed by the host's ceiling"))
    return faults
