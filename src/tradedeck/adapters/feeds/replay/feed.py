"""Replay of recorded bars, many instruments merged by the time at which they close.

Owns pacing, pause, step, seek, loop and the cursor. Sans-I/O: the bars are in memory and `now` is
an argument. Never: sleeps, reads a clock or a file.

A step is everything that closes at one instant: four instruments at a speed of 4 pass four
sessions per second, not one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.ports import DataMode, FeedState, FeedStatus
from tradedeck.marketdata.series import BarSeries
from tradedeck.trading.market import Bar

NS_PER_S = 1_000_000_000
# Faster than this is `as fast as possible`: 0.
SPEED_MAX = 100_000.0
# After a stall the replay goes on at its speed instead of rushing through what it missed.
DEBT_NS_MAX = NS_PER_S
STEPS_MAX = 100_000


class Replay:
    """One replay.

    Args:
        feed: its id.
        series: bars by instrument.
        source: where they came from, for people.
        speed: steps per second; 0: as fast as it is asked.
        start_ns, end_ns: only bars that close in [start, end]; None: all there are.
        loop: begin again after the last step. The bars keep their own times: a new lap goes back.
    """

    data_mode = DataMode.REPLAY

    def __init__(
        self,
        feed: str,
        series: Mapping[str, BarSeries],
        *,
        source: str = "",
        speed: float = 1.0,
        start_ns: int | None = None,
        end_ns: int | None = None,
        loop: bool = False,
    ) -> None:
        self.id = feed
        self._series = tuple(series[name] for name in sorted(series))
        self._source = source
        self._start_ns = start_ns
        self._end_ns = end_ns
        self._loop = loop
        self._speed = _checked_speed(speed)
        self._next = [0] * len(self._series)
        self._paused = False
        self._steps = 0
        self._due_ns: int | None = None
        self._cursor: int | None = None
        self._lap = 0
        self._rewind()
        if self._peek() is None:
            raise TradedeckError(
                Code.INVALID_DATA, f"the replay {feed} has no bars between its start and end."
            )
        self._first = self._peek()

    @property
    def cursor_ns(self) -> int | None:
        """Close of the last step given out; None before the first."""
        return self._cursor

    @property
    def lap(self) -> int:
        return self._lap

    @property
    def ended(self) -> bool:
        return self._peek() is None and not self._loop

    def next_due(self, now_ns: int) -> int | None:
        """See `Feed.next_due`."""
        if self.ended or (self._paused and not self._steps):
            return None
        if self._paused or not self._speed:
            return now_ns
        if self._due_ns is None:
            self._due_ns = now_ns
        return self._due_ns

    def pop(self, now_ns: int) -> Sequence[Bar]:
        """The bars of the next step if it is due, else nothing."""
        due = self.next_due(now_ns)
        if due is None or due > now_ns:
            return ()
        close = self._peek()
        if close is None:
            self._rewind()
            self._lap += 1
            close = self._peek()
            assert close is not None, "a replay that had bars has them again"
        bars: list[Bar] = []
        for place, series in enumerate(self._series):
            index = self._next[place]
            if index < len(series) and series.end[index] == close:
                bars.append(series[index])
                self._next[place] = index + 1
        assert bars
        self._cursor = close
        if self._steps:
            self._steps -= 1
        if self._speed and not self._paused:
            period = int(NS_PER_S / self._speed)
            self._due_ns = max(due + period, now_ns - DEBT_NS_MAX)
        return bars

    def recent(self, instrument: str, count: int) -> list[Bar]:
        """The last `count` bars of an instrument that were given out, oldest first."""
        for place, series in enumerate(self._series):
            if series.instrument == instrument:
                end = self._next[place]
                return [series[index] for index in range(max(0, end - count), end)]
        return []

    def pause(self) -> None:
        """Nothing more is due until `resume` or `step`."""
        self._paused = True
        self._steps = 0

    def resume(self, now_ns: int) -> None:
        """Go on from here at the set speed."""
        self._paused = False
        self._steps = 0
        self._due_ns = now_ns

    def step(self, count: int = 1) -> None:
        """Pause, then let `count` steps through at once.

        Raises:
            TradedeckError: INVALID.
        """
        if not 1 <= count <= STEPS_MAX:
            raise TradedeckError(
                Code.INVALID, f"step was {count}, it must be from 1 to {STEPS_MAX}."
            )
        self._paused = True
        self._steps = count

    def set_speed(self, speed: float, now_ns: int) -> None:
        """Change the pace from now on.

        Raises:
            TradedeckError: INVALID.
        """
        self._speed = _checked_speed(speed)
        self._due_ns = now_ns

    def seek(self, at_ns: int) -> None:
        """The next step is the first that closes at or after `at_ns`, within start and end.

        Raises:
            TradedeckError: INVALID, when there is none.
        """
        first = at_ns if self._start_ns is None else max(at_ns, self._start_ns)
        places = [series.index_at(first) for series in self._series]
        before, self._next = self._next, places
        if self._peek() is None:
            self._next = before
            raise TradedeckError(Code.INVALID, "there is no bar at or after that time.")
        self._due_ns = None

    def restore(self, cursor_ns: int, lap: int = 0) -> None:
        """Go on behind a step that was given out before a restart."""
        self._next = [series.index_at(cursor_ns + 1) for series in self._series]
        self._cursor = cursor_ns
        self._lap = lap

    def status(self, now_ns: int) -> FeedStatus:
        """See `Feed.status`."""
        del now_ns
        state, reason = FeedState.RUNNING, ""
        if self.ended:
            state, reason = FeedState.ENDED, "the last bar was replayed"
        elif self._paused:
            state, reason = FeedState.PAUSED, "paused by a person"
        return FeedStatus(
            self.id,
            self.data_mode,
            state,
            reason,
            self._source,
            tuple(series.instrument for series in self._series),
            self._cursor,
            self._first,
            self._last(),
            self._speed,
            self._lap,
        )

    def _peek(self) -> int | None:
        """When the next step closes; None behind the last."""
        closes = [
            series.end[index]
            for series, index in zip(self._series, self._next, strict=True)
            if index < len(series)
        ]
        close = min(closes, default=None)
        if close is None or (self._end_ns is not None and close > self._end_ns):
            return None
        return close

    def _last(self) -> int:
        last = max(series.end[-1] for series in self._series if len(series))
        return last if self._end_ns is None else min(last, self._end_ns)

    def _rewind(self) -> None:
        start = self._start_ns
        self._next = [0 if start is None else series.index_at(start) for series in self._series]


def _checked_speed(speed: float) -> float:
    if not 0 <= speed <= SPEED_MAX:
        raise TradedeckError(
            Code.INVALID, f"speed was {speed}, it must be from 0 to {SPEED_MAX:.0f} steps/s."
        )
    return speed
