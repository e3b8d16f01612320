"""A kill in progress: its legs, who has each, and what a restart needs of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tradedeck.closing.types import Cancels, Kill
from tradedeck.kernel.words import Word

GUARD = "guard"  # who decides a kill for silence


class By(Word):
    """Where a leg stands."""

    ASKED = "asked"  # the runner was told and has not answered
    RUNNER = "runner"
    CHECKING = "checking"  # the runner says flat; the guard looks
    GUARD = "guard"
    FLAT = "flat"


@dataclass(slots=True)
class Leg:
    """One account of a kill. `instruments` None: the whole account.

    `watching`: our closer is at work on it, also after it was flat, until nothing can come late.
    """

    instruments: frozenset[str] | None
    by: By = By.ASKED
    proof: dict[str, Any] | None = None
    steps: int = 0
    watching: bool = False


@dataclass(slots=True)
class Running:
    """One kill. Times of `at_ns` are wall clock; `heard_ns` is monotonic."""

    kill: Kill
    legs: dict[str, Leg]
    cancels: Cancels = Cancels.ALL
    acknowledged: bool = False
    heard_ns: int = 0
    done_ns: int | None = None
    ms: dict[str, float] = field(default_factory=dict[str, float])
    sha256: str = ""

    @property
    def open(self) -> bool:
        """Whether something of it is still to be done."""
        return self.done_ns is None

    def row(self) -> dict[str, Any]:
        """What is kept; the inverse is `of_row`."""
        return {
            "kill": self.kill.to_body(),
            "cancels": self.cancels.value,
            "acknowledged": self.acknowledged,
            "done_ns": self.done_ns,
            "ms": self.ms,
            "sha256": self.sha256,
            "legs": {
                account: {
                    "instruments": None if leg.instruments is None else sorted(leg.instruments),
                    "by": leg.by.value,
                    "proof": leg.proof,
                    "steps": leg.steps,
                    "watching": leg.watching,
                }
                for account, leg in self.legs.items()
            },
        }

    @classmethod
    def of_row(cls, row: dict[str, Any], mono_ns: int) -> Running:
        """From the kept row; what the runner had is given time to be heard of from `mono_ns`."""
        legs = {
            account: Leg(
                None if leg["instruments"] is None else frozenset(leg["instruments"]),
                By(leg["by"]),
                leg["proof"],
                leg["steps"],
                leg["watching"],
            )
            for account, leg in row["legs"].items()
        }
        return cls(
            Kill.from_body(row["kill"]),
            legs,
            Cancels(row["cancels"]),
            row["acknowledged"],
            mono_ns,
            row["done_ns"],
            row["ms"],
            row["sha256"],
        )

    def told(self) -> dict[str, Any]:
        """As runner and people are told."""
        return {
            **self.kill.to_body(),
            "state": "open" if self.open else "done",
            "cancels": self.cancels.value,
            "ms": self.ms,
            "sha256": self.sha256,
            "legs": {
                account: {"by": leg.by.value, "steps": leg.steps, "proof": leg.proof}
                for account, leg in self.legs.items()
            },
        }


def owed(kills: Iterable[Running]) -> set[str]:
    """Accounts where what silence calls for is not proved done."""
    return {
        account
        for running in kills
        if running.kill.by == GUARD
        for account, leg in running.legs.items()
        if leg.by is not By.FLAT
    }
