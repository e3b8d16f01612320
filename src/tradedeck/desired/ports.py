"""What `desired` asks of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tradedeck.kernel.errors import Fault


class StrategyCatalogue(Protocol):
    """Which strategies there are, and whether parameters fit them. Static metadata only."""

    def names(self) -> Sequence[str]:
        """Every strategy that a trader may be given."""
        ...

    def faults(self, strategy: str, params: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with `params`; paths begin with `params`. The strategy is known."""
        ...
