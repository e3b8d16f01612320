"""`tradedeck backtest` from outside: figures, refusals, files."""

from __future__ import annotations

import gzip
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.program import PROGRAM

pytestmark = pytest.mark.processes


def backtest(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", "backtest", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def prices(path: Path, *, symbol: str = "", bad_row: int | None = None) -> Path:
    lines = ["time,open,high,low,close,volume" + (",symbol" if symbol else "")]
    for n in range(500):
        close = 100 + 10 * math.sin(n / 15)
        minute = f"2020-01-{1 + n // 300:02d}T{(n % 300) // 60:02d}:{n % 60:02d}:00Z"
        row = [minute, *(f"{x:.2f}" for x in (close, close + 1, close - 1, close)), "1000"]
        if bad_row == n:
            row[4] = "oops"
        lines.append(",".join(row + ([symbol] if symbol else [])))
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["btcusd.csv", "btcusd.csv.gz"])
def test_names_that_others_rely_on(tmp_path: Path, name: str) -> None:
    file = prices(tmp_path / name)
    code, out, err = backtest(
        "--strategy", "ema-cross", "--param", "fast=10", "--param", "slow=20",
        "--data", str(file), "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    wanted = {"bars", "orders", "fills", "seconds", "bars_per_second", "final_balance", "pnl"}
    assert wanted <= set(found)
    assert found["bars"] == 500
    assert found["fills"] > 0
    assert found["instrument"] == "BTCUSD"  # called after its file
    assert {"sharpe", "max_drawdown", "total_return", "trades"} <= set(found["metrics"])


def test_the_same_twice(tmp_path: Path) -> None:
    file = prices(tmp_path / "x.csv", symbol="ABC")
    runs = [
        json.loads(backtest("--strategy", "momentum", "-d", str(file), "--json")[1])
        for _ in range(2)
    ]
    for run in runs:
        del run["seconds"], run["bars_per_second"]
    assert runs[0] == runs[1]
    assert runs[0]["instrument"] == "ABC"


def test_parquet(tmp_path: Path) -> None:
    import duckdb

    csv, parquet = prices(tmp_path / "p.csv"), tmp_path / "p.parquet"
    with duckdb.connect(":memory:") as db:
        db.read_csv(str(csv)).write_parquet(str(parquet))
    results = [
        json.loads(backtest("--strategy", "momentum", "-d", str(path), "--json")[1])
        for path in (csv, parquet)
    ]
    assert results[0]["final_balance"] == results[1]["final_balance"]


def test_start_end_preset_and_fills(tmp_path: Path) -> None:
    fills = tmp_path / "fills.csv"
    code, out, _ = backtest(
        "--strategy", "donchian-breakout", "--preset", "balanced", "-i", "AAPL", "--start",
        "2008-01-02", "--end", "2008-12-31", "-o", str(fills), "--json",
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)
    assert found["first"].startswith("2008-01-02")
    assert found["last"].startswith("2008-12-31")
    assert found["bars"] == 253
    assert len(fills.read_text().splitlines()) == found["fills"] + 1


def test_a_strategy_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "hold.py").write_text(
        "from __future__ import annotations\n"
        "from tradedeck.strategies.builtin.buy_and_hold import BuyAndHold\n"
        "import dataclasses\n"
        "class Mine(BuyAndHold):\n"
        "    meta = dataclasses.replace(BuyAndHold.meta, name='mine')\n"
    )
    code, out, err = backtest(
        "--strategy", "mine", "-i", "IBM", "--json", TRADEDECK_STRATEGIES=str(tmp_path)
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["fills"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--strategy", "nonsense", "-i", "IBM"], 5, "There is no strategy 'nonsense'"),
        (["--strategy", "momentum"], 3, "Say --instrument: AAPL"),
        (["--strategy", "momentum", "-i", "TSLA"], 5, "has no bars of TSLA"),
        (["--strategy", "ema-cross", "-i", "IBM", "-p", "fast=x"], 3, "params.fast"),
        (["--strategy", "ema-cross", "-i", "IBM", "-p", "fast"], 3, "NAME=VALUE"),
        (["--strategy", "ema-cross", "-i", "IBM", "--preset", "wild"], 5, "no preset 'wild'"),
        (["--strategy", "ema-cross", "-i", "IBM", "--sizing", "all=1"], 3, "equity_fraction=1"),
        (["--strategy", "ema-cross", "-i", "IBM", "--balance", "-5"], 3, "--balance"),
        (["--strategy", "ema-cross", "-i", "IBM", "--start", "soon"], 3, "2008-09-15"),
        (["--strategy", "ema-cross", "-i", "IBM", "--start", "2030-01-01"], 3, "no bars between"),
        (["--strategy", "ema-cross", "-d", "/no/such.csv"], 5, "does not exist"),
        ([], 2, "--strategy"),
    ],
)
def test_refusals(arguments: list[str], code: int, told: str) -> None:
    found, out, err = backtest(*arguments)
    assert (found, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    file = prices(tmp_path / "bad.csv", bad_row=100)
    code, _, err = backtest("--strategy", "momentum", "-d", str(file))
    assert code == 3
    assert "row 102" in err
