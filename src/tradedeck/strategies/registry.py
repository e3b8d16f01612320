"""Which strategies exist on this host: built in, installed entry points, one folder. Never the API.

Built-in classes may be imported anywhere. A user's own code is imported only inside a strategy
host: other processes get its metadata from there.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import is_name
from tradedeck.strategies.interface import Strategy, build_params, params_schema

BUILTIN = {
    "ema-cross": "tradedeck.strategies.builtin.ema_cross:EmaCross",
    "momentum": "tradedeck.strategies.builtin.momentum:Momentum",
    "mean-reversion": "tradedeck.strategies.builtin.mean_reversion:MeanReversion",
    "donchian-breakout": "tradedeck.strategies.builtin.donchian_breakout:DonchianBreakout",
    "gold-scalping": "tradedeck.strategies.builtin.gold_scalping:GoldScalping",
    "buy-and-hold": "tradedeck.strategies.builtin.buy_and_hold:BuyAndHold",
}
ENTRY_POINTS = "tradedeck.strategies"


def builtin(name: str) -> type[Strategy]:
    """The built-in strategy of that name.

    Raises:
        TradedeckError: NOT_FOUND, listing what exists.
    """
    if name not in BUILTIN:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"there is no strategy {name!r}",
            hint=f"Built in: {', '.join(sorted(BUILTIN))}.",
        )
    module, _, attribute = BUILTIN[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def discover(folder: Path | None) -> dict[str, type[Strategy]]:
    """Built-in, entry-point and folder strategies by name. Imports users' code: host only.

    Raises:
        TradedeckError: STRATEGY, when a file cannot be imported or two share a name.
    """
    found = {name: builtin(name) for name in BUILTIN}
    for cls, origin in _foreign(folder):
        name = cls.meta.name
        if not is_name(name):
            raise TradedeckError(Code.STRATEGY, f"{origin}: {name!r} is not a strategy name")
        if name in found:
            raise TradedeckError(Code.STRATEGY, f"{origin}: a strategy {name!r} already exists")
        found[name] = cls
    return found


def _foreign(folder: Path | None) -> Iterator[tuple[type[Strategy], str]]:
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        yield point.load(), f"entry point {point.name}"
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.glob("*.py")):
        for cls in classes(load_file(path)):
            yield cls, str(path)


def load_file(path: Path) -> ModuleType:
    """Import one strategy file under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"tradedeck_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise TradedeckError(Code.STRATEGY, f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's file may raise anything; it is named, not hidden
        raise TradedeckError(
            Code.STRATEGY,
            f"{path} could not be imported: {type(error).__name__}: {error}",
        ) from error
    return module


def classes(module: ModuleType) -> list[type[Strategy]]:
    """The strategies a module defines itself."""
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Strategy) and cls is not Strategy and cls.__module__ == module.__name__
    ]


def describe(cls: type[Strategy], origin: str = "builtin") -> dict[str, Any]:
    """Static metadata of a strategy: name, words, parameter schema, presets."""
    meta = cls.meta
    return {
        "name": meta.name,
        "title": meta.title,
        "description": meta.description,
        "intervals": list(meta.intervals),
        "instruments": list(meta.instruments),
        "presets": {name: dict(values) for name, values in meta.presets.items()},
        "schema": params_schema(cls),
        "origin": origin,
    }


def check_params(cls: type[Strategy], params: Mapping[str, Any]) -> None:
    """Raise as `build_params` does; for those that must not keep the object."""
    build_params(cls, params)
