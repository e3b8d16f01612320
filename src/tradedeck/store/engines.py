"""What both back ends give the store: an engine for the one writer, one for readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

READERS: Final = 3  # status and hot reads are served from memory; these are for lists and exports


@dataclass(frozen=True, slots=True)
class Engines:
    """`writer` keeps one connection, `readers` cannot write."""

    writer: Engine
    readers: Engine
    hint: str  # what to do when the database fails

    def dispose(self) -> None:
        """Close readers, then the writer."""
        self.readers.dispose()
        self.writer.dispose()
