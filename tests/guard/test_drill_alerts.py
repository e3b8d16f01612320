"""A drill that is due and does not run reaches the people, through the real api."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.runner.harness import until
from tests.runner.whole import planned
from tradedeck.projections.alerts import alert_of

pytestmark = pytest.mark.processes


def test_a_missed_drill_reaches_the_stream_and_the_alerts(tmp_path: Path) -> None:
    """Nobody has an exchange to drill on; the interval is a second, and so is its grace."""
    with planned(tmp_path, TRADEDECK_DRILL_EVERY_H="0.0003") as r:
        url, headers = r.address("viewer")
        with httpx.stream("GET", f"{url}/events", headers=headers, timeout=60) as stream:
            assert stream.status_code == 200
            r.start("guard")
            assert any("DRILL_MISSED" in line for line in stream.iter_lines())

        def found() -> list[dict[str, str]]:
            items = r.request("GET", "/alerts", role="viewer").json()["items"]
            return [item for item in items if item["code"] == "DRILL_MISSED"]

        [alert] = until(found, "the alert")[:1]
        assert alert["severity"] == "critical"
        assert "could not run" in alert["detail"]


def test_a_failed_drill_is_an_alert() -> None:
    draft = alert_of("drill.failed", {"detail": "drill-1: not flat within 30 s"})
    assert draft is not None
    assert (draft.code, draft.severity) == ("DRILL_FAILED", "critical")
    assert "not flat within 30 s" in draft.detail
