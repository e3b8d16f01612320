"""From a feed's specification to a feed, for this host's data and environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tradedeck.adapters.feeds.live_file.feed import LiveFile
from tradedeck.adapters.feeds.replay.feed import Replay
from tradedeck.kernel.clock import parse_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata import sources
from tradedeck.marketdata.intervals import interval_ns
from tradedeck.marketdata.ports import Feed
from tradedeck.settings import Settings
from tradedeck.trading.calendar import SessionTable
from tradedeck.trading.instrument import Instrument

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_DAY_LAST = "T23:59:59.999999Z"


class FeedMaker:
    """Builds feeds. `strict`: a live source that is missing is a failed boot.

    Args:
        settings: paths, live file figures, overrides.
        calendar: session tables by calendar name.
    """

    def __init__(self, settings: Settings, calendar: Callable[[str], SessionTable]) -> None:
        self._settings = settings
        self._calendar = calendar

    def make(self, spec: Mapping[str, Any], instruments: Mapping[str, Instrument]) -> Feed:
        """A feed ready to be asked.

        Raises:
            TradedeckError: the source is missing or bad; for a live source only when strict.
        """
        kind = self._settings.runtime_data_mode or str(spec["kind"])
        if kind != spec["kind"]:
            raise TradedeckError(
                Code.INVALID_SETTING,
                f"RUNTIME_DATA_MODE is {kind}, but feed {spec['id']} is a {spec['kind']} feed",
                hint="Change the feed's kind in the configuration, or unset RUNTIME_DATA_MODE.",
            )
        if kind == "live_file":
            return self._live(spec)
        return self._replay(spec, instruments)

    def _replay(self, spec: Mapping[str, Any], instruments: Mapping[str, Instrument]) -> Feed:
        series = sources.load(
            str(self._path(spec)),
            list(spec["instruments"]),
            lambda symbol: self._calendar(instruments[symbol].calendar),
            spec.get("interval"),
        )
        return Replay(
            str(spec["id"]),
            series,
            source=str(spec["source"]),
            speed=float(spec["speed"]),
            start_ns=_instant(spec.get("start"), "T00:00:00Z"),
            end_ns=_instant(spec.get("end"), _DAY_LAST),
            loop=bool(spec.get("loop")),
        )

    def _live(self, spec: Mapping[str, Any]) -> Feed:
        settings = self._settings
        stale = spec.get("stale_after_s")
        feed = LiveFile(
            str(spec["id"]),
            Path(self._path(spec)),
            list(spec["instruments"]),
            interval_ns(str(spec.get("interval") or "1m")),
            refresh_ms=settings.live_file_refresh_ms,
            stale_ms=int(float(stale) * 1000) if stale else settings.live_file_stale_ms,
        )
        try:
            feed.open()
        except TradedeckError:
            if settings.strict_live_mode:
                raise
        return feed

    def _path(self, spec: Mapping[str, Any]) -> str:
        """Where the source is: LIVE_FRAMES_PATH_<feed> wins; relative paths start at the home."""
        source = str(spec["source"])
        if spec["kind"] == "live_file":
            for market, path in self._settings.frames.items():
                if market.lower().replace("_", "-") == str(spec["id"]).replace("_", "-"):
                    return path
        if source.startswith(sources.PREFIX) or Path(source).is_absolute():
            return source
        return str(self._settings.home / source)


def _instant(text: str | None, tail: str) -> int | None:
    if text is None:
        return None
    return parse_ns(text + tail if _DATE.match(text) else text)
