"""Candles for a trader's chart: from the feed's own source where this host can read it.

Owns a small cache of read files. A source that cannot be read is no error here: the decisions
carry a price each, and the answer says where its candles come from.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

import structlog

from tradedeck.adapters.calendars import tables as calendars
from tradedeck.api.snapshot import symbol_calendars
from tradedeck.kernel.errors import TradedeckError
from tradedeck.marketdata.series import BarSeries
from tradedeck.marketdata.sources import PREFIX, load
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.status import Facts
from tradedeck.trading.calendar import SessionTable
from tradedeck.trading.instrument import CATALOGUE

SERIES_MAX: Final = 16
FILE_BYTES_MAX: Final = 64 * 1024 * 1024  # a larger one is not read for a picture
Key = tuple[str, str, str | None, int]
log = structlog.get_logger(__name__)


class Candles:
    """Series by source and instrument, read once while the file does not change."""

    def __init__(self) -> None:
        self._series: OrderedDict[Key, BarSeries | None] = OrderedDict()
        self._lock = Lock()

    def series(
        self, source: str, instrument: str, interval: str | None, calendar: str | None
    ) -> BarSeries | None:
        """The bars, or None where the source cannot be read. Blocks: call it on a thread."""
        stamp = _stamp(source)
        if stamp is None:
            return None
        key = (source, instrument, interval, stamp)
        with self._lock:  # two charts of one file read it once
            if key not in self._series:
                self._series[key] = _read(source, instrument, interval, calendar)
                while len(self._series) > SERIES_MAX:
                    self._series.popitem(last=False)
            self._series.move_to_end(key)
            return self._series[key]


def _stamp(source: str) -> int | None:
    """What changes when the file does; None when there is none to be read."""
    if source.startswith(PREFIX):
        return 0
    try:
        found = Path(source).expanduser().stat()
    except OSError:
        return None
    return found.st_mtime_ns if found.st_size <= FILE_BYTES_MAX else None


def _read(
    source: str, instrument: str, interval: str | None, calendar: str | None
) -> BarSeries | None:
    def table(symbol: str) -> SessionTable:
        known = CATALOGUE.get(symbol)
        return calendars.load(calendar or (known.calendar if known else "24x7"))

    try:
        return load(source, [instrument], table, interval).get(instrument)
    except TradedeckError as error:
        log.info("candles are not readable", source=source, code=error.code, detail=error.detail)
        return None


def window(series: BarSeries, until_ns: int | None, points: int) -> tuple[int, int]:
    """First and last + 1 index of the newest `points` bars that closed by `until_ns`."""
    end = len(series) if until_ns is None else series.index_at(until_ns + 1)
    return max(0, end - points), end


def bars(series: BarSeries, first: int, last: int) -> list[dict[str, Any]]:
    """Candles as numbers; the caller turns `end_ns` into text."""
    return [
        {
            "end_ns": series.end[index],
            "open": series.open[index],
            "high": series.high[index],
            "low": series.low[index],
            "close": series.close[index],
            "volume": series.volume[index] or None,
        }
        for index in range(first, last)
    ]


KEPT: Final = Candles()


async def of_trader(facts: Facts, spec: Mapping[str, Any], *, on_host: bool) -> BarSeries | None:
    """The bars of a trader's instrument from its feed; None where its source cannot be read.

    `on_host`: files of this host are the tenant's; else only what is bundled is read.
    """
    feed = by_id(facts.document, "feeds").get(str(spec.get("feed")), {})
    if not on_host and not str(feed.get("source")).startswith(PREFIX):
        return None
    instrument = str(spec.get("instrument"))
    return await asyncio.to_thread(
        KEPT.series,
        str(feed.get("source")),
        instrument,
        feed.get("interval"),
        symbol_calendars(facts).get(instrument) or None,
    )
