from __future__ import annotations

import pytest

from tradedeck.marketdata.freshness import AHEAD_NS_MAX, Freshness, judge, stale_checks
from tradedeck.marketdata.intervals import interval_ns, interval_text


@pytest.mark.parametrize(
    ("seen", "now", "wanted"),
    [
        (None, 100, Freshness.UNKNOWN),
        (100, 100, Freshness.FRESH),
        (100, 150, Freshness.FRESH),
        (100, 151, Freshness.STALE),
        (100 + AHEAD_NS_MAX, 100, Freshness.FRESH),
        (101 + AHEAD_NS_MAX, 100, Freshness.AHEAD),
    ],
)
def test_the_verdict(seen: int | None, now: int, wanted: Freshness) -> None:
    age = judge(seen, now, 50)
    assert age.freshness is wanted
    assert age.freshness.usable is (wanted is Freshness.FRESH)


def test_only_a_fresh_check_resets_the_count() -> None:
    count = 0
    for seen, now in ((None, 0), (0, 51), (AHEAD_NS_MAX * 3, 60)):
        count = stale_checks(count, judge(seen, now, 50))
    assert count == 3
    assert stale_checks(count, judge(60, 60, 50)) == 0


@pytest.mark.parametrize("text", ["1s", "5m", "1h", "90m", "1d"])
def test_intervals(text: str) -> None:
    assert interval_ns(interval_text(interval_ns(text))) == interval_ns(text)


@pytest.mark.parametrize("text", ["", "0m", "-1m", "1w", "m", "2d", "25h", "1.5h"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(ValueError, match="the interval"):
        interval_ns(text)
