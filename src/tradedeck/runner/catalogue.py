"""Which strategies this host has, and whether parameters fit: built in, and what the zygote found.

A user's own class lives in hosts only, so its parameters are checked against its schema here and
against the class itself when a host loads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradedeck.kernel.errors import Fault, TradedeckError
from tradedeck.runner.hosts import Hosts
from tradedeck.strategies import registry
from tradedeck.strategies.schema import schema_faults


class HostCatalogue:
    """Implements `desired.ports.StrategyCatalogue` for one host."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def names(self) -> Sequence[str]:
        """See `StrategyCatalogue.names`."""
        return [*registry.BUILTIN, *(item["name"] for item in self._hosts.catalogue)]

    def faults(self, strategy: str, params: Mapping[str, Any]) -> list[Fault]:
        """See `StrategyCatalogue.faults`."""
        if strategy in registry.BUILTIN:
            try:
                registry.check_params(registry.builtin(strategy), params)
            except TradedeckError as error:
                return list(error.faults)
            return []
        for item in self._hosts.catalogue:
            if item["name"] == strategy:
                return schema_faults(item["schema"], params)
        return [Fault("strategy", f"{strategy} is not on this host")]
