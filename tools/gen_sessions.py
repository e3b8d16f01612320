"""Writes the session rules that ship with the package, from exchange-calendars.

exchange-calendars costs pandas and 77 MB at run time, so it is asked once, here. What ships are
the ordinary hours and every day that differs; `adapters/calendars` unfolds them with the time
zone database. The unfolded table is compared with exchange-calendars, session by session.

Usage: python tools/gen_sessions.py
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

OUT = Path(__file__).resolve().parents[1] / "src/tradedeck/adapters/calendars/data"
FIRST, LAST = dt.date(2000, 1, 1), dt.date(2027, 12, 31)


def sessions(name: str) -> list[tuple[dt.date, dt.datetime, dt.datetime]]:
    """(local date, open, close) in UTC of each session, from exchange-calendars."""
    import exchange_calendars

    # The library knows at most about a year ahead unless told; later days follow its rules.
    calendar = exchange_calendars.get_calendar(name, start=str(FIRST), end=str(LAST))
    frame = calendar.schedule
    return [
        (label.date(), row.open.to_pydatetime(), row.close.to_pydatetime())
        for label, row in zip(frame.index, frame.itertuples(), strict=True)
    ]


def rules(name: str, zone: str, opens: str, closes: str) -> dict[str, Any]:
    """Ordinary hours, holidays, and the days that open late or close early."""
    local = ZoneInfo(zone)
    held = {day: (start, end) for day, start, end in sessions(name)}
    holidays: list[str] = []
    special: dict[str, list[str]] = {}
    day = FIRST
    while day <= LAST:
        if day in held:
            hours = [f"{moment.astimezone(local):%H:%M}" for moment in held[day]]
            if hours != [opens, closes]:
                special[str(day)] = hours
        elif day.weekday() < 5:
            holidays.append(str(day))
        day += dt.timedelta(days=1)
    assert all(day.weekday() < 5 for day in held), "a session on a weekend needs another form"
    return {
        "name": name,
        "kind": "daily",
        "zone": zone,
        "first": str(FIRST),
        "last": str(LAST),
        "opens": opens,
        "closes": closes,
        "special": special,
        "holidays": holidays,
    }


def verify(name: str) -> int:
    """The unfolded table says what exchange-calendars says; returns the number of sessions."""
    from tradedeck.adapters.calendars.tables import load

    table = load(name)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    held = sessions(name)
    assert len(table.days) == len(held), (len(table.days), len(held))
    for day, start, end in held:
        wanted = tuple((moment - epoch) // dt.timedelta(microseconds=1) for moment in (start, end))
        got = table.session_of((day - epoch.date()).days)
        assert got == tuple(value * 1000 for value in wanted), (day, got, wanted)
    return len(held)


def main(_arguments: Sequence[str]) -> int:
    OUT.mkdir(exist_ok=True)
    file = OUT / "XNYS.json"
    text = json.dumps(rules("XNYS", "America/New_York", "09:30", "16:00"), indent=1)
    file.write_text(text + "\n", encoding="utf-8")
    print(f"{file.name}: {verify('XNYS')} sessions, each as exchange-calendars has it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
