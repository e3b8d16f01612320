"""Session tables of the calendars that ship: XNYS, FX and 24x7.

Owns unfolding the rules in `data/` into `trading.calendar.SessionTable` with the time zone
database. Never: asks exchange-calendars (77 MB); `tools/gen_sessions.py` did, and compared.
"""

from __future__ import annotations

import datetime as dt
import json
from array import array
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.trading.calendar import VERDICTS, SessionTable, Verdict

_EPOCH_DAY = dt.date(1970, 1, 1)
_NS = 1_000_000_000
# FX trades from Sunday 17:00 to Friday 17:00 New York; its day ends at 17:00 New York.
_FX = {"zone": "America/New_York", "first": "2000-01-01", "last": "2027-12-31", "turn": "17:00"}
_SATURDAY = 5
NAMES = ("XNYS", "FX", "24x7")


@cache
def load(name: str) -> SessionTable:
    """The table of a calendar.

    Raises:
        TradedeckError: NOT_FOUND, listing the calendars there are.
    """
    if name == "24x7":
        empty = array("q")
        return SessionTable(name, empty, b"", array("l"), empty, empty)
    if name == "FX":
        return _week(name, _FX)
    if name not in NAMES:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"there is no calendar {name!r}",
            hint=f"There are {', '.join(NAMES)}.",
        )
    text = files("tradedeck.adapters.calendars").joinpath("data", f"{name}.json").read_text("utf-8")
    return _daily(json.loads(text))


class _Zone:
    """Local clock times → epoch nanoseconds."""

    def __init__(self, name: str) -> None:
        self._zone = ZoneInfo(name)

    def at(self, day: dt.date, clock: str = "00:00") -> int:
        hour, minute = clock.split(":")
        moment = dt.datetime(
            day.year, day.month, day.day, int(hour), int(minute), tzinfo=self._zone
        )
        return int(moment.timestamp()) * _NS


def _days(first: str, last: str) -> list[dt.date]:
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]


def _daily(rules: dict[str, Any]) -> SessionTable:
    """A market with one session per day: XNYS and its like."""
    zone = _Zone(rules["zone"])
    usual = [rules["opens"], rules["closes"]]
    holidays = set(rules["holidays"])
    spans: list[tuple[int, Verdict]] = []
    days, opens, closes = array("l"), array("q"), array("q")
    for day in _days(rules["first"], rules["last"]):
        if day.weekday() >= _SATURDAY or day.isoformat() in holidays:
            off = Verdict.WEEKEND if day.weekday() >= _SATURDAY else Verdict.HOLIDAY
            spans.append((zone.at(day), off))
            continue
        start, end = (zone.at(day, t) for t in rules["special"].get(day.isoformat(), usual))
        spans += [
            (zone.at(day), Verdict.CLOSED),
            (start, Verdict.OPEN),
            (end, Verdict.CLOSED),
        ]
        days.append((day - _EPOCH_DAY).days)
        opens.append(start)
        closes.append(end)
    beyond = zone.at(dt.date.fromisoformat(rules["last"]) + dt.timedelta(days=1))
    return _table(rules["name"], spans, beyond, (days, opens, closes))


def _week(name: str, rules: dict[str, str]) -> SessionTable:
    """A market that trades around the clock but for the weekend."""
    zone = _Zone(rules["zone"])
    turn = rules["turn"]
    spans: list[tuple[int, Verdict]] = []
    days, opens, closes = array("l"), array("q"), array("q")
    for day in _days(rules["first"], rules["last"]):
        if day.weekday() >= _SATURDAY:
            spans.append((zone.at(day - dt.timedelta(days=1), turn), Verdict.WEEKEND))
            continue
        start, end = zone.at(day - dt.timedelta(days=1), turn), zone.at(day, turn)
        spans.append((start, Verdict.OPEN))
        days.append((day - _EPOCH_DAY).days)
        opens.append(start)
        closes.append(end)
    return _table(name, spans, closes[-1], (days, opens, closes))


def _table(
    name: str,
    spans: list[tuple[int, Verdict]],
    end: int,
    sessions: tuple[array[int], array[int], array[int]],
) -> SessionTable:
    """Join neighbours of one verdict, so that a cached interval is as long as it can be."""
    joined = [spans[0]]
    for before, span in pairwise(spans):
        assert span[0] > before[0], f"{name}: sessions overlap"
        if span[1] is not joined[-1][1]:
            joined.append(span)
    edges = array("q", [start for start, _ in joined])
    edges.append(end)
    codes = bytes(VERDICTS.index(verdict) for _, verdict in joined)
    return SessionTable(name, edges, codes, *sessions)
