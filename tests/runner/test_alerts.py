"""RSK-3: what each breaker says reaches everybody who listens, in order, while the deck is busy.

How soon is measured in bench/suites/alerts.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.harness import check_chain, entries
from tests.runner.storm import ALERTS, Listener, Storm, listen

pytestmark = pytest.mark.processes
READERS = 30
KINDS = ("breaker.tripped", "limit.breached")
WAIT_S = 120.0  # of a machine with much else to do; nothing is timed by it


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    made = Storm(tmp_path / "h")
    try:
        made.trading()
        yield made
    finally:
        made.stop()


def told(listener: Listener) -> list[tuple[str, str, str]]:
    """The first word on each breaker, in the order in which they came."""
    return list(dict.fromkeys(alert for _, alert, _, _ in listener.alerts if alert in ALERTS))


def test_rsk_3_every_breakers_alert_reaches_every_stream_in_order_under_load(
    storm: Storm,
) -> None:
    listeners, (busy, _) = asyncio.run(listen(storm, READERS, WAIT_S))
    first = listeners[0]
    assert busy > 10 * len(ALERTS)  # much else was on its way
    for each in listeners:
        assert each.lost == ""
        assert set(told(each)) == ALERTS
        seqs = [seq for seq, _, _, _ in each.alerts]
        assert seqs == sorted(set(seqs))
        assert told(each) == told(first)
    journal = storm.home / "journals" / "local.db"
    written = [
        (entry.kind, entry.body["scope"], entry.body.get("breaker") or entry.body["limit"])
        for entry in entries(journal, *KINDS)
    ]
    assert told(first) == list(dict.fromkeys(item for item in written if item in ALERTS))
    found = {row["subject"]: row for row in storm.get("/alerts")["items"]}
    for _, scope, name in ALERTS:
        alert = found[f"{scope}/{name}"]
        assert (alert["severity"], alert["acknowledged_at"]) == ("critical", None)
    rows = storm.get("/breakers")["items"]
    opened = {(row["scope"], row["breaker"]) for row in rows if row["state"] == "open"}
    assert opened >= {(scope, name) for _, scope, name in ALERTS}
    storm.stop()
    check_chain(journal)
