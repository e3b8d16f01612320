"""Tails a file of frames that another job writes (docs/reference/frames.md).

Owns following the file through growth, partial lines, truncation and rotation, and saying when it
is stale or gone. Never: falls back to other data, writes the file, delivers a frame that is older
than the feed's own bound (that is history, not a price to trade on).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tradedeck.adapters.feeds.live_file.frames import (
    FrameError,
    header_of,
    parse_csv,
    parse_json,
)
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.freshness import Freshness, judge
from tradedeck.marketdata.ports import DataMode, FeedState, FeedStatus
from tradedeck.trading.market import Bar

NS_PER_MS = 1_000_000
# What one turn reads at most: a file that grew by a gigabyte must not hold up the loop.
READ_BYTES_MAX = 256 * 1024
# On opening, no more of the past than this is looked at for frames that are still fresh.
BACK_BYTES_MAX = 1024 * 1024
LINE_BYTES_MAX = 64 * 1024
KINDS = (".jsonl", ".ndjson", ".csv")


class LiveFile:
    """One tailed file.

    Args:
        feed: its id.
        path: of a `.jsonl`, `.ndjson` or `.csv` file.
        instruments: whose frames are taken; others in the file are passed over.
        interval_ns: length of a bar, for frames without `end`.
        refresh_ms: how often the file is looked at (LIVE_FILE_REFRESH_MS).
        stale_ms: age at which the source is stale (LIVE_FILE_STALE_MS); older frames are not
            delivered at all.
    """

    data_mode = DataMode.LIVE_FILE

    def __init__(
        self,
        feed: str,
        path: Path,
        instruments: Sequence[str],
        interval_ns: int,
        *,
        refresh_ms: int = 1_000,
        stale_ms: int = 60_000,
    ) -> None:
        if path.suffix not in KINDS:
            raise TradedeckError(Code.INVALID_CONFIG, f"{path} is not one of {', '.join(KINDS)}.")
        self.id = feed
        self._path = path
        self._instruments = frozenset(instruments)
        self._interval_ns = interval_ns
        self._refresh_ns = refresh_ms * NS_PER_MS
        self._stale_ns = stale_ms * NS_PER_MS
        self._csv = path.suffix == ".csv"
        self._fd = -1
        self._offset = 0
        self._buffer = b""
        self._skip_line = False
        self._header: tuple[str, ...] | None = None
        self._last: dict[str, int] = {}
        self._next_look = 0
        self._seen_ns: int | None = None
        self._failure = ""
        self.rejected = 0
        self.last_rejection = ""

    def open(self) -> None:
        """Find the source and start near its end.

        Raises:
            TradedeckError: UNAVAILABLE, when it is missing or unreadable: a failed boot under
                STRICT_LIVE_MODE, else execution is blocked.
        """
        self.close()
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            if self._csv:
                # Its first line says what the columns are, wherever reading begins.
                line, end, _ = os.pread(self._fd, LINE_BYTES_MAX, 0).partition(b"\n")
                self._header = header_of(line) if end else None
            size = os.fstat(self._fd).st_size
        except FrameError as error:
            self.close()
            raise self._unavailable(str(error)) from None
        except OSError as error:
            self.close()
            raise self._unavailable(os.strerror(error.errno or 0)) from None
        self._offset = max(0, size - BACK_BYTES_MAX)
        self._buffer = b""
        # In the middle of a file the first line is not whole; a CSV's own first is its header.
        self._skip_line = self._offset > 0 or self._header is not None
        self._failure = ""

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._offset, self._header = -1, 0, None

    def restore(self, cursors: dict[str, int]) -> None:
        """Frames that closed at or before an instrument's cursor were given out before."""
        self._last.update(cursors)

    @property
    def cursors(self) -> dict[str, int]:
        """Close of the last frame given out, by instrument."""
        return dict(self._last)

    def next_due(self, now_ns: int) -> int | None:
        """See `Feed.next_due`."""
        return max(self._next_look, now_ns)

    def pop(self, now_ns: int) -> Sequence[Bar]:
        """New frames, oldest first. A source that vanished is `failed` until it is back."""
        if now_ns < self._next_look:
            return ()
        self._next_look = now_ns + self._refresh_ns
        bars: list[Bar] = []
        try:
            if self._fd < 0:
                self.open()
            full = self._read(bars, now_ns)
            if not full and self._replaced():
                # Whatever the old file still held has been read.
                self.open()
                self._offset = 0
                self._skip_line = self._header is not None
                full = self._read(bars, now_ns)
        except TradedeckError as error:
            self._failure = error.detail
            return bars
        except OSError as error:
            self.close()
            self._failure = self._unavailable(os.strerror(error.errno or 0)).detail
            return bars
        self._failure = ""
        if full:
            self._next_look = now_ns
        return bars

    def status(self, now_ns: int) -> FeedStatus:
        """See `Feed.status`."""
        age = judge(self._seen_ns, now_ns, self._stale_ns)
        state, reason = FeedState.RUNNING, self.last_rejection if self.rejected else ""
        if self._failure:
            state, reason = FeedState.FAILED, self._failure
        elif age.freshness is Freshness.UNKNOWN:
            state, reason = FeedState.STALE, "no fresh frame was seen yet"
        elif age.freshness is Freshness.AHEAD:
            state, reason = FeedState.STALE, "its frames are from the future"
        elif age.freshness is Freshness.STALE:
            state = FeedState.STALE
            reason = f"the last frame is {(age.age_ns or 0) // NS_PER_MS} ms old"
        return FeedStatus(
            self.id,
            self.data_mode,
            state,
            reason,
            str(self._path),
            tuple(sorted(self._instruments)),
            max(self._last.values(), default=None),
            rejected=self.rejected,
        )

    def _replaced(self) -> bool:
        """Whether the path is another file now, or this one was cut short."""
        held = os.fstat(self._fd)
        named = self._path.stat()
        same = (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)
        return not same or named.st_size < self._offset

    def _read(self, bars: list[Bar], now_ns: int) -> bool:
        """Append frames of at most `READ_BYTES_MAX` new bytes; whether there may be more."""
        data = os.pread(self._fd, READ_BYTES_MAX, self._offset)
        self._offset += len(data)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > LINE_BYTES_MAX:
            self._reject(f"a line is longer than {LINE_BYTES_MAX} bytes")
            self._buffer, self._skip_line = b"", True
        for line in lines:
            if self._skip_line:
                self._skip_line = False
            elif line.strip():
                self._take(line.strip(), bars, now_ns)
        return len(data) == READ_BYTES_MAX

    def _take(self, line: bytes, bars: list[Bar], now_ns: int) -> None:
        try:
            if self._csv and self._header is None:
                self._header = header_of(line)
                return
            if self._header is not None:
                bar = parse_csv(line, self._header, self._interval_ns)
            else:
                bar = parse_json(line, self._interval_ns)
        except FrameError as error:
            self._reject(str(error))
            return
        if bar.instrument not in self._instruments:
            return
        if bar.end_ns <= self._last.get(bar.instrument, -1):
            return
        age = judge(bar.end_ns, now_ns, self._stale_ns)
        if age.freshness is Freshness.AHEAD:
            self._reject(f"a frame of {bar.instrument} closes in the future")
            return
        self._seen_ns = max(self._seen_ns or 0, bar.end_ns)
        if not age.freshness.usable:
            return
        self._last[bar.instrument] = bar.end_ns
        bars.append(bar)

    def _reject(self, reason: str) -> None:
        self.rejected += 1
        self.last_rejection = f"{self.rejected} frames refused, the last because {reason}"

    def _unavailable(self, reason: str) -> TradedeckError:
        return TradedeckError(
            Code.UNAVAILABLE,
            f"the live source {self._path} of the feed {self.id} cannot be read: {reason}.",
            hint="Start the job that writes it, or correct its path.",
        )
