"""The strategies people can choose from: static metadata, checked parameters, preset reports.

Owns the catalogue that `desired` asks. Never imports a user's code: of those strategies it knows
what a strategy host said about them, as the runner journaled it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.kernel.ids import is_name
from tradedeck.strategies import registry, reports
from tradedeck.strategies.schema import schema_faults

FOREIGN_MAX = 500
_KEYS = {
    "name", "title", "description", "intervals", "instruments", "presets", "schema", "origin",
}  # fmt: skip


class Library:
    """`desired.ports.StrategyCatalogue`, and what the pages show of each strategy."""

    def __init__(self, foreign: Sequence[Mapping[str, Any]] = ()) -> None:
        self._builtin = {name: registry.builtin(name) for name in registry.BUILTIN}
        described = [registry.describe(cls) for cls in self._builtin.values()]
        self._entries: dict[str, dict[str, Any]] = {item["name"]: item for item in described}
        self.replace_foreign(foreign)

    def replace_foreign(self, foreign: Sequence[Mapping[str, Any]]) -> None:
        """Take what was found in the user's folder; a built-in name is never replaced."""
        kept = {name: self._entries[name] for name in self._builtin}
        for item in foreign[:FOREIGN_MAX]:
            if item.keys() >= _KEYS and is_name(str(item["name"])):
                kept.setdefault(str(item["name"]), dict(item))
        self._entries = kept

    def names(self) -> Sequence[str]:
        """See `StrategyCatalogue.names`."""
        return tuple(self._entries)

    def entries(self) -> list[dict[str, Any]]:
        """The metadata of each, by name."""
        return [self._entries[name] for name in sorted(self._entries)]

    def entry(self, name: str) -> dict[str, Any]:
        """The metadata of one. Raises NOT_FOUND."""
        found = self._entries.get(name)
        if found is None:
            raise TradedeckError(
                Code.NOT_FOUND,
                f"There is no strategy {name!r}.",
                hint=f"There are: {', '.join(sorted(self._entries))}.",
            )
        return found

    def preset(self, name: str, preset: str) -> dict[str, Any]:
        """The parameters of a preset. Raises NOT_FOUND."""
        presets = cast("dict[str, dict[str, Any]]", self.entry(name)["presets"])
        if preset not in presets:
            raise TradedeckError(
                Code.NOT_FOUND,
                f"{name} has no preset {preset!r}.",
                hint=f"It has: {', '.join(presets) or 'none'}.",
            )
        return dict(presets[preset])

    def faults(self, strategy: str, params: Mapping[str, Any]) -> list[Fault]:
        """See `StrategyCatalogue.faults`."""
        cls = self._builtin.get(strategy)
        if cls is None:
            return schema_faults(self._entries[strategy]["schema"], params)
        try:
            registry.check_params(cls, params)
        except TradedeckError as error:
            return list(error.faults) or [Fault("params", error.detail)]
        return []

    def report(self, name: str, preset: str) -> dict[str, Any]:
        """The generated performance report of a preset. Raises NOT_FOUND."""
        self.preset(name, preset)
        found = reports.report(name, preset)
        if found is None:
            raise TradedeckError(Code.NOT_FOUND, f"{name} / {preset} has no report.")
        return found
