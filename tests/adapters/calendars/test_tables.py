from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest

from tradedeck.adapters.calendars.tables import NAMES, load
from tradedeck.kernel.clock import format_ns, parse_ns
from tradedeck.kernel.errors import TradedeckError
from tradedeck.trading.calendar import Verdict

EPOCH = dt.date(1970, 1, 1)


@pytest.mark.parametrize(
    ("calendar", "at", "verdict", "since", "until", "opens"),
    [
        (
            "XNYS",
            "2004-08-19T13:30:00Z",
            "open",
            "2004-08-19T13:30:00Z",
            "2004-08-19T20:00:00Z",
            "",
        ),
        (
            "XNYS",
            "2004-08-19T13:29:59Z",
            "closed",
            "2004-08-18T20:00:00Z",
            "2004-08-19T13:30:00Z",
            "2004-08-19T13:30:00Z",
        ),
        (
            "XNYS",
            "2004-08-19T20:00:00Z",
            "closed",
            "2004-08-19T20:00:00Z",
            "2004-08-20T13:30:00Z",
            "2004-08-20T13:30:00Z",
        ),
        (
            "XNYS",
            "2004-08-21T15:00:00Z",
            "weekend",
            "2004-08-21T04:00:00Z",
            "2004-08-23T04:00:00Z",
            "2004-08-23T13:30:00Z",
        ),
        (
            "XNYS",
            "2004-12-24T15:00:00Z",
            "holiday",
            "2004-12-24T05:00:00Z",
            "2004-12-25T05:00:00Z",
            "2004-12-27T14:30:00Z",
        ),
        (
            "XNYS",
            "2001-09-12T15:00:00Z",
            "holiday",
            "2001-09-11T04:00:00Z",
            "2001-09-15T04:00:00Z",
            "2001-09-17T13:30:00Z",
        ),
        # The day after Thanksgiving closes at 13:00.
        (
            "XNYS",
            "2026-11-27T17:59:59Z",
            "open",
            "2026-11-27T14:30:00Z",
            "2026-11-27T18:00:00Z",
            "",
        ),
        (
            "XNYS",
            "2026-11-27T18:00:00Z",
            "closed",
            "2026-11-27T18:00:00Z",
            "2026-11-28T05:00:00Z",
            "2026-11-30T14:30:00Z",
        ),
        # Over the change of the clocks, FX follows New York.
        (
            "FX",
            "2026-03-07T12:00:00Z",
            "weekend",
            "2026-03-06T22:00:00Z",
            "2026-03-08T21:00:00Z",
            "2026-03-08T21:00:00Z",
        ),
        ("FX", "2026-03-10T03:00:00Z", "open", "2026-03-08T21:00:00Z", "2026-03-13T21:00:00Z", ""),
    ],
)
def test_verdicts(calendar: str, at: str, verdict: str, since: str, until: str, opens: str) -> None:
    session = load(calendar).verdict(parse_ns(at))
    assert session.verdict == verdict
    assert session.known
    assert session.since_ns is not None
    assert session.until_ns is not None
    assert (format_ns(session.since_ns), format_ns(session.until_ns)) == (since, until)
    assert (format_ns(session.opens_ns) if session.opens_ns else "") == opens


def test_around_the_clock() -> None:
    session = load("24x7").verdict(parse_ns("2026-12-25T03:00:00Z"))
    assert session.is_open
    assert (session.since_ns, session.until_ns, session.opens_ns) == (None, None, None)
    assert load("24x7").session_of(1) == (86_400 * 10**9, 2 * 86_400 * 10**9)


@pytest.mark.parametrize("calendar", ["XNYS", "FX"])
@pytest.mark.parametrize("at", ["1999-12-01T15:00:00Z", "2031-01-06T15:00:00Z"])
def test_outside_the_table_nothing_is_open(calendar: str, at: str) -> None:
    session = load(calendar).verdict(parse_ns(at))
    assert session.verdict is Verdict.CLOSED
    assert not session.known


@pytest.mark.parametrize("calendar", ["XNYS", "FX"])
def test_a_cached_answer_is_the_looked_up_one(calendar: str) -> None:
    """Every edge, just before and after it, forwards and then at random distances back."""
    table = load(calendar)
    moments = [
        edge + shift
        for opened, closed in list(zip(table.day_opens, table.day_closes, strict=True))[:400]
        for edge in (opened, closed)
        for shift in (-1, 0, 1)
    ]
    for now in moments + moments[::-7]:
        session = table.verdict(now)
        assert session.since_ns is not None
        assert session.until_ns is not None
        assert session.since_ns <= now < session.until_ns


def test_a_bar_that_closes_with_its_session_was_open() -> None:
    table = load("XNYS")
    for opened, closed in zip(table.day_opens, table.day_closes, strict=True):
        assert table.is_open(opened)
        assert not table.is_open(closed)
        assert table.open_to(closed)
        assert not table.open_to(opened)


def test_days_without_a_session() -> None:
    table = load("XNYS")
    assert table.session_of((dt.date(2024, 7, 4) - EPOCH).days) is None
    assert table.covers((dt.date(2024, 7, 4) - EPOCH).days)
    assert not table.covers((dt.date(2031, 7, 3) - EPOCH).days)


def test_unknown_calendars_are_named() -> None:
    with pytest.raises(TradedeckError, match="no calendar 'XXXX'") as raised:
        load("XXXX")
    assert all(name in raised.value.hint for name in NAMES)


def test_what_ships_is_what_exchange_calendars_says() -> None:
    """In a process of its own: the library brings pandas and its warnings."""
    code = "import sys; sys.path.insert(0, '.'); from tools import gen_sessions as g; "
    code += "import json; rules = g.rules('XNYS', 'America/New_York', '09:30', '16:00'); "
    code += "held = json.loads((g.OUT / 'XNYS.json').read_text()); assert rules == held; "
    code += "print(g.verify('XNYS'))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 7_000


def test_reading_a_table_brings_no_pandas() -> None:
    code = "import sys; from tradedeck.adapters.calendars.tables import load; load('XNYS'); "
    code += "sys.exit(any(m in sys.modules for m in ('pandas', 'numpy', 'exchange_calendars')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
