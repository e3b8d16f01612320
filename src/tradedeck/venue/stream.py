"""The port by which a venue's reports arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from tradedeck.venue.report import Report


class Stream(Protocol):
    """Reports as they happen, in sequence; a gap is filled through `Read.since`."""

    def reports(self) -> AsyncIterator[Report]:
        """Ends when the connection does."""
        ...
