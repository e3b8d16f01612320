"""The port that asks a venue what it holds to be true."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tradedeck.venue.report import Report


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """The venue's own book of one account."""

    account: str
    currency: str
    balance: Decimal
    positions: dict[str, Decimal]
    working: tuple[str, ...]
    seq: int


class Read(Protocol):
    """Reads account state and the venue's log."""

    async def account(self, account: str) -> VenueAccount:
        """Balance, positions and working orders now."""
        ...

    async def since(self, seq: int) -> list[Report]:
        """Every report above `seq`, oldest first."""
        ...
