"""A million one-minute bars through the real gate, book, ledger and matching.

EMA 10/20 and 200/1000 always in the market, 10,000 units, half a basis point per fill, on a walk
with a fixed seed. The final equity is held against a computation that shares no code with the
engine. Yardsticks are other programs at the same rule on the same closes, in the same minute
(bench/peers.py, in the environment of requirements/bench.txt that `make bench` makes).
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from tradedeck.adapters.calendars import tables
from tradedeck.engine.backtest import BacktestSpec, run_backtest
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.marketdata.files import read_bars
from tradedeck.marketdata.series import BarSeries
from tradedeck.strategies.interface import build_params
from tradedeck.strategies.registry import builtin
from tradedeck.trading.instrument import CATALOGUE
from tradedeck.trading.market import Bar
from tradedeck.venue.model import ExchangeModel

COUNT = 1_000_000
UNITS = 10_000
OPENING = Decimal(1_000_000)
FEE = Decimal("0.5") / 10_000
START_S = 1_577_836_800
ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "build/bench-venv/bin/python"
PEERS_S = 400


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def write_walk(path: Path) -> None:
    """Opens at the close before; prices on the tick grid."""
    dice, close = random.Random(1), 1.1
    with path.open("w", encoding="utf-8") as file:
        file.write("time,open,high,low,close,volume\n")
        for n in range(COUNT):
            first, close = close, round(close * (1 + dice.gauss(0, 0.0001)), 5)
            high, low = max(first, close) + 0.00002, min(first, close) - 0.00002
            file.write(f"{START_S + 60 * n},{first:.5f},{high:.5f},{low:.5f},{close:.5f},1\n")


def naive(closes: Sequence[float], fast: int, slow: int) -> tuple[Decimal, int]:
    """(final equity, orders) of the same rule, by adding up what was paid and received."""
    a, b = 2 / (fast + 1), 2 / (slow + 1)
    quick = lag = closes[0]
    held, cash, orders = 0, OPENING, 0
    for n, close in enumerate(closes[1:], 2):
        quick += a * (close - quick)
        lag += b * (close - lag)
        wanted = UNITS if quick > lag else -UNITS
        if n < slow or wanted == held:
            continue
        price = Decimal(f"{close:.5f}")
        for traded in (-held, wanted):
            if traded:
                value = traded * price
                cash -= value + abs(value) * FEE
                orders += 1
        held = wanted
    return cash + held * Decimal(f"{closes[-1]:.5f}"), orders


def spec_of(fast: int, slow: int) -> BacktestSpec:
    strategy = builtin("ema-cross")
    return BacktestSpec(
        strategy,
        build_params(strategy, {"fast": fast, "slow": slow, "short": True}),
        CATALOGUE["EURUSD"],
        balance=OPENING,
        sizing=Sizing(SizingKind.UNITS, Decimal(UNITS)),
        model=ExchangeModel(fee_bps=Decimal("0.5")),
    )


def others(closes: Path, fast: int, slow: int) -> str:
    """Bars per second of other programs, now and here."""
    if not PEERS.exists():
        return "no peers here: `make bench` installs them"
    done = subprocess.run(
        [str(PEERS), str(ROOT / "bench/peers.py"), str(closes), str(fast), str(slow)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=PEERS_S,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return " · ".join(f"{peer['name']} {peer['bars_per_second']:,.0f}" for peer in found)


def flatness(series: BarSeries) -> float:
    """Time of the last tenth of a run of EMA 10/20, over that of its first."""
    marks: list[float] = []

    def timed() -> Iterator[Bar]:
        for n, bar in enumerate(series):
            if not n % (COUNT // 10):
                marks.append(time.perf_counter())
            yield bar
        marks.append(time.perf_counter())

    run_backtest(spec_of(10, 20), timed())
    return (marks[-1] - marks[-2]) / (marks[1] - marks[0])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.csv"
        write_walk(path)
        began = time.perf_counter()
        series = read_bars(path, ["EURUSD"], lambda _name: tables.load("24x7"))["EURUSD"]
        took = time.perf_counter() - began
        closes = Path(folder) / "closes"
        with closes.open("wb") as file:
            series.close.tofile(file)
        beside = {pair: others(closes, *pair) for pair in ((10, 20), (200, 1000))}
    say("read 1,000,000 rows of CSV", took, "s", bound=3, places=2)
    base = peak_mb()
    for fast, slow, bound in ((10, 20, 300_000), (200, 1000, 600_000)):
        result = run_backtest(spec_of(fast, slow), series)
        name = f"EMA {fast}/{slow}, {result.orders:,} orders"
        say(
            name,
            result.bars_per_second,
            "bars/s",
            bound=bound,
            better="more",
            yardstick=beside[fast, slow],
        )
        equity, orders = naive(series.close, fast, slow)
        off = abs(float(result.final_equity - equity))
        say(f"EMA {fast}/{slow}, equity against naive", off, "off", bound=0.01, places=4)
        say(f"EMA {fast}/{slow}, orders against naive", abs(result.orders - orders), "off", bound=0)
    say("peak memory above the data", peak_mb() - base, "MB", bound=300)
    ratio = flatness(series)
    say("cost per order, last tenth over first tenth", ratio, "x", bound=1.3, places=2)


if __name__ == "__main__":
    main()
