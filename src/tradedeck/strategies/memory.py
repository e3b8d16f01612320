"""Strategy memory as JSON and back, by the declared dataclass. Data only: never code."""

from __future__ import annotations

from collections import deque
from dataclasses import fields
from math import isfinite
from typing import Any, cast

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.strategies.interface import Strategy

_PLAIN = (int, float, str, bool, type(None))


def dump(memory: Any) -> dict[str, Any]:
    """The JSON-able form of a memory: numbers, text, lists, deques and mappings of such.

    Raises:
        TradedeckError: STRATEGY, naming the field that cannot be kept.
    """
    return {f.name: _plain(f.name, getattr(memory, f.name)) for f in fields(memory)}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        raise TradedeckError(
            Code.STRATEGY,
            f"memory.{name} holds {value}, which cannot be kept",
            hint="Keep None until there is a number.",
        )
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, deque | list | tuple):
        return [_plain(name, item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {str(key): _plain(name, item) for key, item in cast("dict[Any, Any]", value).items()}
    raise TradedeckError(
        Code.STRATEGY,
        f"memory.{name} holds a {type(value).__name__}, which cannot be kept",
        hint="Keep numbers, text, lists and mappings in the memory.",
    )


def load(strategy: type[Strategy], data: dict[str, Any] | None, params: Any) -> Any:
    """A memory restored from `dump`; unknown fields are dropped, missing ones start fresh.

    A deque takes its length from the fresh memory, so that a changed period holds.
    """
    fresh = _fresh(strategy, params)
    if data is None:
        return fresh
    for spec in fields(strategy.Memory):
        if spec.name in data:
            start = getattr(fresh, spec.name)
            value = data[spec.name]
            if isinstance(start, deque):
                value = deque(value, maxlen=start.maxlen)
            setattr(fresh, spec.name, value)
    return fresh


def _fresh(strategy: type[Strategy], params: Any) -> Any:
    start = getattr(strategy.Memory, "start", None)
    return strategy.Memory() if start is None else start(params)
