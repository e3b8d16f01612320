"""A replay that began again: curve and figures are of the running lap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from tradedeck.projections import tables as t
from tradedeck.readmodels import equity, performance
from tradedeck.store.database import ScopedStore, open_store

DAY = 86_400 * 10**9


@pytest.fixture
def store(tmp_path: Path, store_url: str) -> Iterator[ScopedStore]:
    opened = open_store(tmp_path / "store" / "tradedeck.db", store_url)
    yield opened.of("main")
    opened.close()


def sample(store: ScopedStore, *samples: tuple[int, int, float]) -> None:
    rows = [
        {"event": event, "account": "main", "time_ns": day * DAY, "at_ns": event,
         "equity": str(value), "balance": str(value), "drawdown": "0"}
        for event, day, value in samples
    ]  # fmt: skip
    store.write_now(lambda w: w.execute(insert(t.equity), rows))


def shown(store: ScopedStore, points: int = 100) -> list[float]:
    found = store.read_now(
        lambda r: equity.curve(r, "main", points=points, from_ns=None, to_ns=None)
    )
    return [point["equity"] for point in found]


def test_the_first_lap_is_whole(store: ScopedStore) -> None:
    sample(store, (1, 1, 100.0), (2, 2, 110.0), (3, 2, 111.0), (4, 3, 120.0))
    assert shown(store) == [100.0, 110.0, 111.0, 120.0]


def test_of_later_laps_only_the_running_one_is_shown(store: ScopedStore) -> None:
    sample(store, (1, 1, 100.0), (2, 2, 110.0), (3, 3, 120.0), (4, 1, 121.0), (5, 2, 125.0))
    assert shown(store) == [121.0, 125.0]


def test_figures_are_of_the_running_lap_too(store: ScopedStore) -> None:
    sample(store, (1, 1, 100.0), (2, 2, 900.0), (3, 3, 120.0), (4, 1, 200.0), (5, 2, 220.0))
    metrics = store.read_now(lambda r: performance.of_account(r, "main"))
    values = {metric["name"]: metric["value"] for metric in metrics}
    assert values["total_return"] == pytest.approx(0.1)


def test_another_account_does_not_cut_it(store: ScopedStore) -> None:
    sample(store, (1, 9, 100.0))
    store.write_now(lambda w: w.execute(t.equity.update().values(account="other")))
    sample(store, (2, 1, 100.0), (3, 2, 110.0))
    assert shown(store) == [100.0, 110.0]
