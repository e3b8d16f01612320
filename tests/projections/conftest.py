"""A store of its own and a journal for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradedeck.projections.apply import apply, read_mark
from tradedeck.projections.check import parse_page
from tradedeck.projections.types import Applied
from tradedeck.store.database import ScopedStore, open_store
from tradedeck.testkit.journals import MemoryJournal


@pytest.fixture
def store(tmp_path: Path, store_url: str) -> Iterator[ScopedStore]:
    opened = open_store(tmp_path / "store" / "tradedeck.db", store_url)
    yield opened.of("main")
    opened.close()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def pull(store: ScopedStore) -> Callable[..., Applied]:
    """Ask a journal once, as the api does, and apply the answer."""

    def pull_once(journal: MemoryJournal, most: int = 500) -> Applied:
        mark = store.read_now(lambda session: read_mark(session, journal.source))
        reply = journal.answer(
            {
                "epoch": mark.epoch if mark else None,
                "after": mark.seq if mark else 0,
                "max": most,
            }
        )
        page = parse_page(journal.source, reply)
        return store.write_now(lambda session: apply(session, page, 5))

    return pull_once
