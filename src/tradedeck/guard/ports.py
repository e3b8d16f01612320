"""What the guard asks of its parts that reach a venue; none are there where nothing is armed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tradedeck.guard import types as t


class Closing(Protocol):
    """What closes and reads accounts (`guard.venue`); none where nothing is armed."""

    def take(self, take: t.Take) -> None:
        """Close a leg; tells of it through `Guard.happened`."""
        ...

    def check(self, check: t.Check) -> None:
        """Read a leg three times; tells of it through `Guard.happened`."""
        ...

    async def stop(self) -> None:
        """End every task; what was being closed is taken up at the next start."""
        ...


class Timing(Protocol):
    """What keeps dead-man timers alive (`guard.timers`)."""

    def turn(self, wanted: Mapping[str, float | None]) -> None:
        """The loop came round."""
        ...

    def shown(self) -> dict[str, dict[str, Any]]:
        """For people and telemetry."""
        ...

    async def stop(self) -> None:
        """Take them back."""
        ...
