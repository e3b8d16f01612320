from __future__ import annotations

import builtins
import tracemalloc
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tradedeck.kernel.clock import format_ns, parse_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.files import read_bars
from tradedeck.marketdata.rows import BATCH

HEADER = "time,open,high,low,close,volume"
GOOD = "2024-01-02T10:00:00Z,10,12,9,11,100"
NEXT = "2024-01-02T10:01:00Z,11,13,10,12,200"


def test_one_minute_bars(write: Any, around_the_clock: Any) -> None:
    series = read_bars(write("x.csv", HEADER, GOOD, NEXT), ["X"], around_the_clock)["X"]
    assert [bar.to_list() for bar in series] == [
        [
            "X",
            parse_ns("2024-01-02T10:00:00Z"),
            parse_ns("2024-01-02T10:01:00Z"),
            10.0,
            12.0,
            9.0,
            11.0,
            100.0,
            None,
            None,
        ],
        [
            "X",
            parse_ns("2024-01-02T10:01:00Z"),
            parse_ns("2024-01-02T10:02:00Z"),
            11.0,
            13.0,
            10.0,
            12.0,
            200.0,
            None,
            None,
        ],
    ]


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "X.CSV"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "header",
    [HEADER, "Time,Open,HIGH,low,Close,Volume", "\ufeffdatetime, open ,high,low,close,volume"],
)
def test_headers_endings_and_packing(
    name: str, end: str, header: str, write: Any, around_the_clock: Any
) -> None:
    series = read_bars(write(name, header, GOOD, NEXT, end=end), ["X"], around_the_clock)["X"]
    assert list(series.close) == [11.0, 12.0]
    assert list(series.volume) == [100.0, 200.0]


def test_quoted_cells_other_order_and_blank_lines(write: Any, around_the_clock: Any) -> None:
    path = write(
        "x.csv",
        "close,low,high,open,note,time",
        '"11","9","12","10","a, b",2024-01-02T10:00:00+00:00',
        "",
        "12,10,13,11,,2024-01-02 10:01:00",
    )
    series = read_bars(path, ["X"], around_the_clock)["X"]
    assert list(series.open) == [10.0, 11.0]
    assert list(series.volume) == [0.0, 0.0]
    assert series.interval_ns == 60 * 10**9


@pytest.mark.parametrize(
    "times",
    [
        ("1704189600", "1704189660"),
        ("1704189600000", "1704189660000"),
        ("1704189600000000", "1704189660000000"),
        ("1704189600000000000", "1704189660000000000"),
        ("2024-01-02T05:00:00-05:00", "2024-01-02T05:01:00-05:00"),
    ],
)
def test_spellings_of_a_time(times: tuple[str, str], write: Any, around_the_clock: Any) -> None:
    rows = [f"{time},10,12,9,11,1" for time in times]
    series = read_bars(write("x.csv", HEADER, *rows), ["X"], around_the_clock)["X"]
    assert series.time[0] == parse_ns("2024-01-02T10:00:00Z")
    assert series.end[0] == series.time[1]


def test_milliseconds_are_exact(write: Any, around_the_clock: Any) -> None:
    rows = [f"2024-01-02T10:00:00.{ms}Z,10,12,9,11,1" for ms in ("123", "456")]
    series = read_bars(write("x.csv", HEADER, *rows), ["X"], around_the_clock)["X"]
    assert [value % 10**9 for value in series.time] == [123_000_000, 456_000_000]


def test_daily_bars_close_with_their_session(write: Any, new_york: Any) -> None:
    path = write(
        "x.csv",
        "Date,Open,High,Low,Close",
        "2024-07-02,10,12,9,11",
        "2024-07-03,10,12,9,11",
    )
    series = read_bars(path, ["X"], new_york)["X"]
    assert [format_ns(value) for value in series.time] == [
        "2024-07-02T13:30:00Z",
        "2024-07-03T13:30:00Z",
    ]
    # The day before the holiday closes early.
    assert [format_ns(value) for value in series.end] == [
        "2024-07-02T20:00:00Z",
        "2024-07-03T17:00:00Z",
    ]


def test_midnights_of_daily_bars_are_days(write: Any, new_york: Any) -> None:
    rows = [f"2024-07-0{day}T00:00:00Z,10,12,9,11,1" for day in (1, 2)]
    series = read_bars(write("x.csv", HEADER, *rows), ["X"], new_york)["X"]
    assert format_ns(series.end[0]) == "2024-07-01T20:00:00Z"


def test_bid_and_ask(write: Any, around_the_clock: Any) -> None:
    names = [
        f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low", "close")
    ]
    path = write(
        "x.csv",
        "time," + ",".join(names),
        "2024-01-02T10:00:00Z,1.0,1.4,0.9,1.2,1.2,1.6,1.1,1.4",
        "2024-01-02T11:00:00Z,1.0,1.4,0.9,1.2,1.2,1.6,1.1,1.4",
    )
    bar = read_bars(path, ["EURUSD"], around_the_clock)["EURUSD"][0]
    assert (bar.open, bar.high, bar.low, bar.close) == pytest.approx((1.1, 1.5, 1.0, 1.3))
    assert (bar.bid, bar.ask) == (1.2, 1.4)


def test_many_instruments_in_one_file(write: Any, around_the_clock: Any) -> None:
    path = write(
        "x.csv",
        "symbol," + HEADER,
        "A," + GOOD,
        "B," + GOOD,
        "A," + NEXT,
        "C," + GOOD,
        "B," + NEXT,
    )
    found = read_bars(path, ["A", "B"], around_the_clock)
    assert {name: len(series) for name, series in found.items()} == {"A": 2, "B": 2}
    assert found["A"].instrument == "A"
    with pytest.raises(TradedeckError, match="no rows of D"):
        read_bars(path, ["D"], around_the_clock)


def test_a_folder_with_a_file_each(write: Any, around_the_clock: Any) -> None:
    write("A.csv", HEADER, GOOD, NEXT)
    folder = write("B.csv.gz", HEADER, GOOD, NEXT).parent
    assert set(read_bars(folder, ["A", "B"], around_the_clock)) == {"A", "B"}
    with pytest.raises(TradedeckError, match=r"no bars of C") as raised:
        read_bars(folder, ["C"], around_the_clock)
    assert raised.value.code is Code.NOT_FOUND


BAD_ROWS = [
    ("2024-01-02T10:02:00Z,x,13,10,12,1", "open 'x' is not a number"),
    ("2024-01-02T10:02:00Z,11,13,10,,1", "close '' is not a number"),
    ("2024-01-02T10:02:00Z,nan,13,10,12,1", "open 'nan' is not a finite number"),
    ("2024-01-02T10:02:00Z,11,inf,10,12,1", "high 'inf' is not a finite number"),
    ("2024-01-02T10:02:00Z,11,13,-10,12,1", "low was -10.0, it must be above zero"),
    ("2024-01-02T10:02:00Z,11,13,0,12,1", "low was 0.0, it must be above zero"),
    ("2024-01-02T10:02:00Z,11,13,10,12,-1", "volume was -1.0, it must be above zero"),
    ("2024-01-02T10:02:00Z,11,13,10,12,nan", "volume 'nan' is not a finite number"),
    ("2024-01-02T10:02:00Z,11,10,13,12,1", "high 10.0 is below low 13.0"),
    ("2024-01-02T10:02:00Z,14,13,10,12,1", "open 14.0 is outside low 10.0 to high 13.0"),
    ("2024-01-02T10:02:00Z,11,13,10,9,1", "close 9.0 is outside low 10.0 to high 13.0"),
    ("2024-01-02T10:01:00Z,11,13,10,12,1", "is not after the row before"),
    ("2024-01-02T09:00:00Z,11,13,10,12,1", "is not after the row before"),
    ("yesterday,11,13,10,12,1", "the time 'yesterday' is not like"),
    (",11,13,10,12,1", "the time '' is not like"),
    ("2024-01-02T10:02:00Z,11,13", "it has 3 columns, fewer than the header"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
@pytest.mark.parametrize("far", [False, True])
def test_a_bad_row_is_named(
    row: str, reason: str, far: bool, write: Any, around_the_clock: Any
) -> None:
    rows = [GOOD, NEXT, row]
    if far:
        # Behind whole batches that were taken in one go.
        start = parse_ns("2023-01-01T00:00:00Z")
        before = [f"{start // 10**9 + 60 * n},10,12,9,11,1" for n in range(2 * BATCH)]
        rows = before + rows
    path = write("x.csv", HEADER, *rows)
    with pytest.raises(TradedeckError) as raised:
        read_bars(path, ["X"], around_the_clock)
    number = len(rows) + 1
    assert raised.value.code is Code.INVALID_DATA
    assert f"{path}, row {number}: " in raised.value.detail
    assert reason in raised.value.detail
    assert raised.value.faults[0].path == f"{path}:{number}"


def test_a_bid_above_the_ask(write: Any, around_the_clock: Any) -> None:
    names = [
        f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low", "close")
    ]
    row = "2024-01-02T10:00:00Z,1.0,1.6,0.9,1.5,1.2,1.6,1.1,1.4"
    with pytest.raises(TradedeckError, match=r"row 2: bid_close 1.5 is above ask_close 1.4"):
        read_bars(write("x.csv", "time," + ",".join(names), row), ["X"], around_the_clock)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), "the file is empty"),
        ((HEADER,), "it has a header and no rows"),
        (("time,open,high,close", GOOD), "missing columns: low"),
        (("open,high,low,close", GOOD), r"missing columns: time \(or date\)"),
        (("time,bid_close,ask_close", GOOD), "missing columns: bid_open"),
        (("time,open,high,low,close,close", GOOD), "columns named twice: close"),
        ((HEADER, GOOD), "one bar does not tell its interval"),
    ],
)
def test_a_bad_file_is_named(lines: Any, reason: str, write: Any, around_the_clock: Any) -> None:
    path = write("x.csv", *lines)
    with pytest.raises(TradedeckError, match=reason) as raised:
        read_bars(path, ["X"], around_the_clock)
    assert raised.value.code is Code.INVALID_DATA
    assert str(path) in raised.value.detail


def test_a_torn_gzip_is_named(tmp_path: Path, write: Any, around_the_clock: Any) -> None:
    whole = write("x.csv.gz", HEADER, *(f"{1704189600 + 60 * n},10,12,9,11,1" for n in range(999)))
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(TradedeckError, match="could not be read"):
        read_bars(torn, ["X"], around_the_clock)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00\x01" * 100)
    with pytest.raises(TradedeckError, match="not UTF-8"):
        read_bars(binary, ["X"], around_the_clock)


def test_what_a_path_may_not_be(tmp_path: Path, write: Any, around_the_clock: Any) -> None:
    with pytest.raises(TradedeckError, match="does not exist"):
        read_bars(tmp_path / "none.csv", ["X"], around_the_clock)
    with pytest.raises(TradedeckError, match="its kind is unknown"):
        read_bars(write("x.xlsx", "x"), ["X"], around_the_clock)
    with pytest.raises(TradedeckError, match="2 were asked for"):
        read_bars(write("x.csv", HEADER, GOOD, NEXT), ["X", "Y"], around_the_clock)


def test_days_and_intervals_that_contradict(write: Any, new_york: Any) -> None:
    daily = write("d.csv", "date,open,high,low,close", "2024-07-04,10,12,9,11")
    with pytest.raises(TradedeckError, match="2024-07-04 is no session of XNYS"):
        read_bars(daily, ["X"], new_york)
    with pytest.raises(TradedeckError, match="cannot be bars of 1h"):
        read_bars(daily, ["X"], new_york, "1h")
    minutes = write("m.csv", HEADER, GOOD, NEXT)
    with pytest.raises(TradedeckError, match="bars are 1m apart, closer than their 1h"):
        read_bars(minutes, ["X"], new_york, "1h")


@pytest.mark.parametrize(
    "kind", ["TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP_MS", "VARCHAR", "BIGINT"]
)
def test_parquet(kind: str, tmp_path: Path, write: Any, around_the_clock: Any) -> None:
    source, path = write("x.csv", HEADER, GOOD, NEXT), tmp_path / "x.parquet"
    cast = "epoch_ms(time)" if kind == "BIGINT" else f"time::{kind}"
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT * REPLACE ({cast} AS time) "  # noqa: S608 - a query of constants
            f"FROM read_csv('{source}')) TO '{path}'"
        )
    wanted = read_bars(source, ["X"], around_the_clock)["X"]
    series = read_bars(path, ["X"], around_the_clock)["X"]
    assert [bar.to_list() for bar in series] == [bar.to_list() for bar in wanted]


def test_a_null_in_parquet_is_named(tmp_path: Path, write: Any, around_the_clock: Any) -> None:
    source, path = write("x.csv", HEADER, GOOD, NEXT), tmp_path / "x.parquet"
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "COPY (SELECT * REPLACE "  # noqa: S608 - a query of constants
            "(CASE WHEN high = 13 THEN NULL ELSE close END AS close) "
            f"FROM read_csv('{source}')) TO '{path}'"
        )
    with pytest.raises(TradedeckError, match="row 3: close None is not a number"):
        read_bars(path, ["X"], around_the_clock)


def test_parquet_without_its_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, around_the_clock: Any
) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name == "duckdb":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", refuse)
    (tmp_path / "x.parquet").touch()
    with pytest.raises(TradedeckError, match="extra `parquet`") as raised:
        read_bars(tmp_path / "x.parquet", ["X"], around_the_clock)
    assert raised.value.code is Code.MISSING_DEPENDENCY
    assert "tradedeck[parquet]" in raised.value.hint


def test_a_file_that_is_no_parquet(tmp_path: Path, around_the_clock: Any) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(TradedeckError, match="could not be read as Parquet"):
        read_bars(path, ["X"], around_the_clock)


def test_a_long_file_is_small(tmp_path: Path, around_the_clock: Any) -> None:
    count, path = 30_000, tmp_path / "x.csv"
    start = parse_ns("2024-01-01T00:00:00Z")
    with path.open("w") as file:
        file.write(HEADER + "\n")
        file.writelines(
            f"{format_ns(start + 60 * 10**9 * n)},10.5,12.25,9.75,11.5,{n}\n" for n in range(count)
        )
    tracemalloc.start()
    series = read_bars(path, ["X"], around_the_clock)["X"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The numbers, growth of their columns, and one batch of text.
    assert peak < 2 * series.nbytes() + 5_000_000
