"""What one writes to trade: a class with parameters, a memory and `on_bar`.

    class Cross(Strategy):
        meta = Meta(name="cross", title="Price above its mean", description="…")

        @dataclass(slots=True)
        class Params:
            period: int = param(20, low=2, high=500, help="Bars of the mean")

        @dataclass(slots=True)
        class Memory:
            mean: float = 0.0

        def on_bar(self, bar):
            p, m = self.params, self.memory
            m.mean += (bar.close - m.mean) / p.period
            return self.want(1.0 if bar.close > m.mean else 0.0)

A strategy is given bars and fills and returns wishes (`Signal`, `OrderRequest`, `CancelRequest`,
or None). It has no clock, no network, no broker. What it must remember is in `memory`, which is
saved with each bar and survives restart, crash and swap back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, ClassVar, cast

from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.trading.fill import Fill
from tradedeck.trading.market import Bar
from tradedeck.trading.signal import Signal, Wish

Wishes = Wish | Sequence[Wish] | None


@dataclass(frozen=True, slots=True)
class Meta:
    """What an operator reads about a strategy before choosing it.

    Args:
        name: unique, lower case with hyphens.
        title: as shown in lists.
        description: what it bets on, when it loses, in plain English.
        intervals: bar sizes it is meant for, such as ("1d", "1h"); empty: any.
        instruments: symbols it is meant for; empty: any.
        presets: parameter sets by name (conservative, balanced, aggressive).
    """

    name: str
    title: str
    description: str
    intervals: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def param(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] = (),
    help: str = "",  # noqa: A002 - the word users expect
) -> Any:
    """A strategy parameter with its bounds (inclusive) and one line of help."""
    return field(
        default=default,
        metadata={
            "low": low,
            "high": high,
            "choices": choices,
            "help": help,
        },
    )


@dataclass(slots=True)
class NoParams:
    """For strategies without parameters."""


@dataclass(slots=True)
class NoMemory:
    """For strategies that remember nothing."""


@dataclass(slots=True)
class Context:
    """What the engine tells a strategy about its own standing before each callback.

    `position` is signed units; `average_price` None when flat; `equity` in account currency.
    """

    position: float = 0.0
    average_price: float | None = None
    equity: float = 0.0
    working: int = 0


class Strategy:
    """Base of every strategy. Subclass, declare `meta`, `Params`, `Memory`, write `on_bar`."""

    meta: ClassVar[Meta]
    Params: ClassVar[type] = NoParams
    Memory: ClassVar[type] = NoMemory

    def __init__(self, params: Any, memory: Any = None) -> None:
        self.params: Any = params
        self.memory: Any = self.Memory() if memory is None else memory
        self.context = Context()

    def on_start(self) -> None:
        """Called once after parameters and memory are in place."""

    def on_bar(self, bar: Bar) -> Wishes:
        """Called for each closed bar; returns what is wanted now."""
        raise NotImplementedError

    def on_fill(self, fill: Fill) -> Wishes:
        """Called after a fill of this trader."""
        del fill
        return None

    def on_stop(self) -> None:
        """Called before the strategy is replaced or the trader stops."""

    def inputs(self) -> Mapping[str, float]:
        """The figures the last decision was made from; shown under "why". Not called in backtests.

        By default the numeric fields of `memory`.
        """
        return {
            f.name: value
            for f in fields(self.memory)
            if isinstance(value := getattr(self.memory, f.name), int | float)
        }

    def want(self, target: float, reason: str = "", stop: float | None = None) -> Signal | None:
        """A signal when the standing position's direction is not the wanted one, else None."""
        position = self.context.position
        if (target > 0) == (position > 0) and (target < 0) == (position < 0):
            return None
        return Signal(target, reason, stop)


def build_params(strategy: type[Strategy], given: Mapping[str, Any]) -> Any:
    """A checked `Params` of `strategy`; every unknown, mistyped or out-of-bounds key is named.

    Raises:
        TradedeckError: INVALID, with one fault per parameter.
    """
    known = {f.name: f for f in fields(strategy.Params)}
    faults = [
        Fault(f"params.{name}", "is not a parameter of this strategy")
        for name in given
        if name not in known
    ]
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in given:
            values[name] = _checked(name, given[name], spec.default, spec.metadata, faults)
    if not faults:
        try:
            return strategy.Params(**values)
        except ValueError as error:
            faults.append(Fault("params", str(error)))
    raise TradedeckError(
        Code.INVALID,
        f"the parameters of {strategy.meta.name} were not valid",
        hint=f"`tradedeck strategies show {strategy.meta.name}` lists them.",
        faults=tuple(faults),
    )


def _checked(
    name: str, value: Any, default: Any, meta: Mapping[str, Any], faults: list[Fault]
) -> Any:
    wanted = cast("type[Any]", type(default))
    if wanted is float and type(value) is int:
        value = float(value)
    if wanted is Decimal and type(value) in (str, int):
        value = Decimal(value)
    path = f"params.{name}"
    if type(value) is not wanted:
        faults.append(Fault(path, f"was {value!r}, it must be a {wanted.__name__}"))
    elif wanted in (int, float) and not abs(value) < float("inf"):
        faults.append(Fault(path, f"was {value!r}, it must be finite"))
    elif meta.get("choices") and value not in meta["choices"]:
        faults.append(Fault(path, f"was {value!r}, it must be one of {list(meta['choices'])}"))
    elif meta.get("low") is not None and value < meta["low"]:
        faults.append(Fault(path, f"was {value}, the least is {meta['low']}"))
    elif meta.get("high") is not None and value > meta["high"]:
        faults.append(Fault(path, f"was {value}, the most is {meta['high']}"))
    return value


_JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean", Decimal: "string"}


def params_schema(strategy: type[Strategy]) -> dict[str, Any]:
    """JSON Schema of the parameters, from which forms are drawn."""
    properties: dict[str, Any] = {}
    for spec in fields(strategy.Params):
        default: Any = spec.default
        entry: dict[str, Any] = {
            "type": _JSON_TYPES[type(default)],
            "default": default,
            "description": spec.metadata.get("help", ""),
        }
        for key, name in (("low", "minimum"), ("high", "maximum")):
            if spec.metadata.get(key) is not None:
                entry[name] = spec.metadata[key]
        if spec.metadata.get("choices"):
            entry["enum"] = list(spec.metadata["choices"])
        properties[spec.name] = entry
    return {"type": "object", "properties": properties, "additionalProperties": False}
