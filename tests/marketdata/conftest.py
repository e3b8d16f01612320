from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tradedeck.adapters.calendars import tables
from tradedeck.trading.calendar import SessionTable

Writer = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write lines to a file, gzipped when its name says so."""

    def writer(name: str, *lines: str, end: str = "\n") -> Path:
        path = tmp_path / name
        data = end.join((*lines, "")).encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return writer


@pytest.fixture
def around_the_clock() -> Callable[[str], SessionTable]:
    return lambda _instrument: tables.load("24x7")


@pytest.fixture
def new_york() -> Callable[[str], SessionTable]:
    return lambda _instrument: tables.load("XNYS")
