"""The same rule in other programs, on the same closes: what a figure of ours is held against.

Runs in the environment of requirements/bench.txt alone. One JSON line per peer: name and bars per
second, the second of two runs. Usage: python bench/peers.py CLOSES FAST SLOW (CLOSES: doubles).
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

FEE = 0.00005
CASH = 1_000_000


def ema(closes: Any, span: int) -> Any:
    return pd.Series(closes).ewm(span=span, adjust=False).mean().to_numpy()


def numpy_loop(closes: Any, fast: int, slow: int) -> float:
    """Vectorised and naive: no gate, no ledger, no orders; a floor for anything in Python."""
    side = np.where(ema(closes, fast) > ema(closes, slow), 1.0, -1.0)
    side[:slow] = 0.0
    earned = np.cumsum(side[:-1] * np.diff(closes) * 10_000)
    paid = np.cumsum(np.abs(np.diff(side)) * 10_000 * closes[1:] * FEE)
    return float(CASH + earned[-1] - paid[-1])


def vectorbt(closes: Any, fast: int, slow: int) -> float:
    import vectorbt as vbt

    quick, lag = ema(closes, fast), ema(closes, slow)
    above = quick > lag
    before = np.concatenate(([False], above[:-1]))
    kept = vbt.Portfolio.from_signals(
        pd.Series(closes),
        entries=above & ~before,
        short_entries=~above & before,
        size=10_000,
        fees=FEE,
        init_cash=CASH,
        freq="1min",
    )
    return float(kept.final_value())


def backtesting(closes: Any, fast: int, slow: int) -> float:
    from backtesting import Backtest, Strategy

    quick, lag = ema(closes, fast), ema(closes, slow)

    class Cross(Strategy):
        def init(self) -> None:
            self.quick = self.I(lambda: quick)
            self.lag = self.I(lambda: lag)

        def next(self) -> None:
            if len(self.data) < slow:
                return
            if self.quick[-1] > self.lag[-1]:
                if not self.position.is_long:
                    self.position.close()
                    self.buy(size=10_000)
            elif not self.position.is_short:
                self.position.close()
                self.sell(size=10_000)

    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), closes))
    frame["Volume"] = 1.0
    run = Backtest(frame, Cross, cash=CASH, commission=FEE, trade_on_close=True)
    return float(run.run()["Equity Final [$]"])


PEERS: dict[str, Callable[[Any, int, int], float]] = {
    "numpy": numpy_loop,
    "vectorbt": vectorbt,
    "backtesting.py": backtesting,
}


def main(path: str, fast: int, slow: int) -> None:
    warnings.simplefilter("ignore")
    closes = np.fromfile(path, dtype="float64")
    for name, run in PEERS.items():
        took = 0.0
        for _ in range(2):  # the first compiles and imports
            began = time.perf_counter()
            run(closes, fast, slow)
            took = time.perf_counter() - began
        print(json.dumps({"name": name, "bars_per_second": len(closes) / took}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
