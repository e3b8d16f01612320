from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tradedeck.adapters.feeds.live_file.feed import LINE_BYTES_MAX, READ_BYTES_MAX, LiveFile
from tradedeck.kernel.clock import format_ns, parse_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.ports import FeedState

MINUTE = 60 * 10**9
START = parse_ns("2026-11-20T10:00:00Z")
Opener = Callable[..., LiveFile]


def frame(n: int, instrument: str = "X", **more: Any) -> str:
    values = {"instrument": instrument, "time": format_ns(START + n * MINUTE)}
    return json.dumps(values | {"open": 10, "high": 12, "low": 9, "close": 11} | more) + "\n"


def closes(n: int) -> int:
    """When frame n closes, which is about when it is written."""
    return START + (n + 1) * MINUTE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "frames.jsonl"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    feeds: list[LiveFile] = []

    def make(file: Path = path, **options: Any) -> LiveFile:
        feed = LiveFile("f", file, ["X"], MINUTE, **{"refresh_ms": 0, **options})
        feeds.append(feed)
        return feed

    yield make
    for feed in feeds:
        feed.close()


def ends(feed: LiveFile, now: int) -> list[int]:
    return [bar.end_ns for bar in feed.pop(now)]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_frames_are_followed_as_they_are_written(path: Path, opened: Opener) -> None:
    path.write_text("")
    feed = opened()
    feed.open()
    assert ends(feed, closes(0)) == []
    append(path, frame(0))
    assert ends(feed, closes(0)) == [closes(0)]
    append(path, frame(1) + frame(2, volume=5, bid=10.9, ask=11.1))
    bars = feed.pop(closes(2))
    assert [bar.end_ns for bar in bars] == [closes(1), closes(2)]
    assert (bars[1].volume, bars[1].bid, bars[1].ask) == (5.0, 10.9, 11.1)
    assert feed.status(closes(2)).state is FeedState.RUNNING
    assert feed.status(closes(2)).cursor_ns == closes(2)


def test_half_a_line_waits_for_its_rest(path: Path, opened: Opener) -> None:
    line = frame(0)
    path.write_text(line[:25])
    feed = opened()
    feed.open()
    assert ends(feed, closes(0)) == []
    append(path, line[25:-1])
    assert ends(feed, closes(0)) == []
    append(path, "\n")
    assert ends(feed, closes(0)) == [closes(0)]
    assert feed.rejected == 0


def test_what_is_old_is_history(path: Path, opened: Opener) -> None:
    path.write_text("".join(frame(n) for n in range(10)))
    feed = opened(stale_ms=60_000)
    feed.open()
    assert ends(feed, closes(9)) == [closes(8), closes(9)]


def test_a_restart_gives_nothing_twice(path: Path, opened: Opener) -> None:
    path.write_text(frame(0) + frame(1))
    first = opened(stale_ms=600_000)
    first.open()
    assert ends(first, closes(1)) == [closes(0), closes(1)]
    append(path, frame(2))
    second = opened(stale_ms=600_000)
    second.restore(first.cursors)
    second.open()
    assert ends(second, closes(2)) == [closes(2)]


def test_repeated_and_late_frames_are_passed_over(path: Path, opened: Opener) -> None:
    path.write_text("")
    feed = opened(stale_ms=600_000)
    feed.open()
    append(path, frame(1) + frame(1) + frame(0) + frame(2) + frame(2, "OTHER"))
    assert ends(feed, closes(2)) == [closes(1), closes(2)]


def test_staleness(path: Path, opened: Opener) -> None:
    path.write_text("")
    feed = opened(stale_ms=60_000)
    feed.open()
    assert feed.status(closes(0)).state is FeedState.STALE
    append(path, frame(0))
    feed.pop(closes(0))
    assert feed.status(closes(0) + MINUTE).state is FeedState.RUNNING
    status = feed.status(closes(0) + MINUTE + 10**6)
    assert status.state is FeedState.STALE
    assert "60001 ms old" in status.reason


def test_a_truncated_file_begins_again(path: Path, opened: Opener) -> None:
    path.write_text(frame(0) + frame(1))
    feed = opened(stale_ms=600_000)
    feed.open()
    feed.pop(closes(1))
    path.write_text(frame(2))
    assert ends(feed, closes(2)) == [closes(2)]


def test_a_rotated_file_is_read_to_its_end_first(path: Path, opened: Opener) -> None:
    path.write_text(frame(0))
    feed = opened(stale_ms=600_000)
    feed.open()
    feed.pop(closes(0))
    append(path, frame(1))
    path.rename(path.with_suffix(".1"))
    path.write_text(frame(2))
    assert ends(feed, closes(2)) == [closes(1), closes(2)]


def test_a_replaced_file_with_all_of_history(path: Path, opened: Opener) -> None:
    """A job that writes the whole file anew and renames it into place."""
    path.write_text(frame(0))
    feed = opened(stale_ms=600_000)
    feed.open()
    feed.pop(closes(0))
    fresh = path.with_suffix(".tmp")
    fresh.write_text(frame(0) + frame(1))
    fresh.replace(path)
    assert ends(feed, closes(1)) == [closes(1)]


def test_a_missing_source_is_an_error(path: Path, opened: Opener) -> None:
    with pytest.raises(TradedeckError, match="No such file") as raised:
        opened().open()
    assert raised.value.code is Code.UNAVAILABLE
    assert str(path) in raised.value.detail


def test_a_folder_is_no_source(path: Path, opened: Opener) -> None:
    path.mkdir()
    feed = opened()
    feed.open()
    assert ends(feed, closes(0)) == []
    assert feed.status(closes(0)).state is FeedState.FAILED


def test_a_source_that_vanishes_fails_and_recovers(path: Path, opened: Opener) -> None:
    path.write_text(frame(0))
    feed = opened(stale_ms=600_000)
    feed.open()
    assert ends(feed, closes(0)) == [closes(0)]
    path.unlink()
    assert ends(feed, closes(1)) == []
    status = feed.status(closes(1))
    assert status.state is FeedState.FAILED
    assert "cannot be read" in status.reason
    path.write_text(frame(0) + frame(1))
    assert ends(feed, closes(1)) == [closes(1)]
    assert feed.status(closes(1)).state is FeedState.RUNNING


BAD = [
    ("not json\n", "it is not JSON"),
    ("[1]\n", "not a JSON object"),
    (frame(0, surprise=1), "unknown fields: surprise"),
    (frame(0, instrument=""), "instrument is missing"),
    (frame(0, open="x"), "open 'x' is not a finite number"),
    (frame(0, open=True), "open True is not a finite number"),
    (frame(0, high=None), "high None is not a finite number"),
    (frame(0, low=-1), "low was -1.0"),
    (frame(0, low=20), "must be within"),
    (frame(0, volume=-5), "volume was -5.0"),
    (frame(0, bid=1), "bid and ask come together"),
    (frame(0, bid=2, ask=1), "bid 2.0 is above ask 1.0"),
    (frame(0, time="2026-11-20T10:00:00"), "has no zone"),
    (frame(0, time="2026-11-20"), "has no zone"),
    (frame(0, time="noon"), "time"),
    (frame(0, end="2026-11-20T09:00:00Z"), "end must be after time"),
    (frame(60), "closes in the future"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_frame_is_refused_and_the_next_one_counts(
    line: str, reason: str, path: Path, opened: Opener
) -> None:
    path.write_text("")
    feed = opened()
    feed.open()
    append(path, line + frame(0))
    assert ends(feed, closes(0)) == [closes(0)]
    assert feed.rejected == 1
    assert reason in feed.status(closes(0)).reason


def test_csv(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "frames.csv"
    path.write_text("instrument,time,open,high,low,close,bid,ask\n")
    feed = opened(path)
    feed.open()
    append(path, f"X,{format_ns(START)},10,12,9,11,,\n")
    append(path, f"X,{format_ns(START + MINUTE)},10,12,9,11,10.9,11.1\nX,1\n")
    bars = feed.pop(closes(1))
    assert [(bar.end_ns, bar.bid) for bar in bars] == [(closes(0), None), (closes(1), 10.9)]
    assert "it has 2 cells" in feed.last_rejection


def test_csv_whose_header_comes_later(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "frames.csv"
    path.write_text("")
    feed = opened(path)
    feed.open()
    append(path, f"instrument,time,open,high,low,close\nX,{format_ns(START)},10,12,9,11\n")
    assert ends(feed, closes(0)) == [closes(0)]


def test_csv_with_a_bad_header_is_an_error(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "frames.csv"
    path.write_text("instrument,time,open\n")
    with pytest.raises(TradedeckError, match="header misses high, low, close"):
        opened(path).open()


def test_kinds(tmp_path: Path, opened: Opener) -> None:
    with pytest.raises(TradedeckError, match=r"is not one of .jsonl"):
        opened(tmp_path / "frames.parquet")


def test_one_turn_reads_a_bounded_share(path: Path, opened: Opener) -> None:
    path.write_text("")
    feed = opened(stale_ms=10**9, refresh_ms=1_000)
    feed.open()
    count = 2 * READ_BYTES_MAX // len(frame(0)) + 10
    append(path, "".join(frame(n) for n in range(count)))
    now = closes(count)
    first = len(feed.pop(now))
    assert 0 < first < count
    # There is more: it asks to be called again at once, not after its refresh time.
    assert feed.next_due(now) == now
    total = first
    for _ in range(5):
        total += len(feed.pop(now))
    assert total == count


def test_a_line_without_end_is_given_up(path: Path, opened: Opener) -> None:
    path.write_text("x" * (LINE_BYTES_MAX + 10))
    feed = opened()
    feed.open()
    feed.pop(closes(0))
    append(path, "y" * 10 + "\n" + frame(0))
    assert ends(feed, closes(0)) == [closes(0)]
    assert feed.rejected == 1


def test_it_is_looked_at_no_more_often_than_asked(path: Path, opened: Opener) -> None:
    path.write_text("")
    feed = opened(refresh_ms=1_000)
    feed.open()
    now = closes(0)
    feed.pop(now)
    append(path, frame(0))
    assert feed.next_due(now) == now + 10**9
    assert ends(feed, now + 10**9 - 1) == []
    assert ends(feed, now + 10**9) == [closes(0)]
