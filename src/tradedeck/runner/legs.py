"""Kills of this runner and the closers that carry them out, as `runner/closing.py` keeps them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tradedeck.closing.proof import Extent
from tradedeck.closing.protocol import Closer
from tradedeck.closing.types import Input, Kill, Sent


@dataclass(slots=True)
class Leg:
    """One account of one kill."""

    instruments: frozenset[str] | None
    state: str = "closing"
    proof: dict[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """As it is kept."""
        cells = None if self.instruments is None else sorted(self.instruments)
        return {"instruments": cells, "state": self.state, "proof": self.proof}

    @classmethod
    def of(cls, row: dict[str, Any]) -> Leg:
        """The inverse of `row`."""
        cells = row["instruments"]
        return cls(None if cells is None else frozenset(cells), row["state"], row["proof"])


@dataclass(slots=True)
class Running:
    """One kill of this runner; `quiet`: it latched nothing, and nobody is told."""

    kill: Kill
    legs: dict[str, Leg]
    quiet: bool = False

    @property
    def open(self) -> bool:
        """Whether something of it is still to be closed or watched."""
        return any(leg.state != "done" for leg in self.legs.values())

    def row(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "kill": self.kill.to_body(),
            "legs": {account: leg.row() for account, leg in self.legs.items()},
            "quiet": self.quiet,
        }


@dataclass(slots=True)
class Driver:
    """One closer at work. `kills`: those it closes for; the first names its client ids."""

    account: str
    kills: list[str]
    extent: Extent
    closer: Closer
    inputs: deque[Input] = field(default_factory=deque[Input])
    wake_ns: int = 0
    widened: bool = True
    sents: dict[str, Sent] = field(default_factory=dict[str, Sent])
    resumed: tuple[Sent, ...] = ()

    @property
    def row(self) -> str:
        """The name of the row that keeps what it sent."""
        return f"closing/{self.kills[0]}/{self.account}"

    def overlaps(self, other: Extent) -> bool:
        """Whether both would close the same instrument."""
        if not (self.extent.flatten and other.flatten):
            return False
        if self.extent.instruments is None or other.instruments is None:
            return True
        return bool(self.extent.instruments & other.instruments)
