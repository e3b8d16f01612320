"""One backtest from words to figures: what a job and the command line ask for.

Owns the defaults of a run: the costs of a new account's paper exchange, the session gate of a new
trader. So the same strategy on the same data gives the same fills here and on paper.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradedeck.adapters.calendars import tables
from tradedeck.engine import performance
from tradedeck.engine.backtest import BacktestResult, BacktestSpec, run_backtest
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.kernel.clock import format_ns, parse_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.columns import SYMBOL_NAMES
from tradedeck.marketdata.series import BarSeries
from tradedeck.marketdata.sources import BUNDLES, PREFIX, load
from tradedeck.strategies import registry
from tradedeck.strategies.interface import Strategy, build_params
from tradedeck.trading.instrument import CATALOGUE, Instrument
from tradedeck.venue.model import ExchangeModel

CENT = Decimal("0.01")
TICK_PLACES_MAX = 8
TICK_ROWS = 1_000  # closes looked at to find the tick of an instrument nobody described


@dataclass(frozen=True, slots=True)
class Request:
    """What to run, in words that JSON and a command line can hold.

    Args:
        strategy: its name.
        data: a file, or `bundled:<name>`.
        instrument: which of several in the data; else the only one.
        params: on top of the preset's, or of the defaults.
        start, end: first and last day (or instant) taken from the data.
        session_gate: no entries outside the instrument's sessions.
    """

    strategy: str
    data: str = "bundled:us-daily"
    instrument: str = ""
    interval: str | None = None
    preset: str = ""
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    balance: Decimal = Decimal(100_000)
    sizing: Sizing = field(default_factory=lambda: Sizing(SizingKind.EQUITY_FRACTION, Decimal(1)))
    model: ExchangeModel = field(
        default_factory=lambda: ExchangeModel(
            spread_bps=Decimal(2), slippage_bps=Decimal(1), fee_bps=Decimal(1)
        )
    )
    start: str = ""
    end: str = ""
    session_gate: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: the engine's result, and what it was made of."""

    request: Request
    instrument: Instrument
    params: dict[str, Any]
    first_ns: int
    last_ns: int
    result: BacktestResult

    def to_json(self) -> dict[str, Any]:
        """Figures for people and programs; money as text."""
        result = self.result
        figures = performance.measure(
            result.curve,
            performance.round_trips(result.fills, float(self.instrument.multiplier)),
            opening=float(result.opening_balance),
            exposure=result.exposure,
            max_drawdown=result.max_drawdown,
        )
        return {
            "strategy": self.request.strategy,
            "params": self.params,
            "instrument": self.instrument.symbol,
            "data": self.request.data,
            "first": format_ns(self.first_ns),
            "last": format_ns(self.last_ns),
            "bars": result.bars,
            "orders": result.orders,
            "fills": len(result.fills),
            "denied": result.denied,
            "denials": result.denials,
            "seconds": round(result.seconds, 6),
            "bars_per_second": round(result.bars_per_second),
            "opening_balance": str(result.opening_balance),
            "final_balance": str(result.final_balance.quantize(CENT)),
            "final_equity": str(result.final_equity.quantize(CENT)),
            "pnl": str(result.pnl.quantize(CENT)),
            "fees": str(result.fees.quantize(CENT)),
            "cancelled": result.cancelled,
            "metrics": figures.to_json(),
        }

    def fills_csv(self) -> str:
        """The fills as CSV."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["time", "instrument", "side", "quantity", "price", "fee", "currency"])
        for fill in self.result.fills:
            writer.writerow(
                [
                    format_ns(fill.time_ns), fill.instrument, fill.side.value, fill.quantity,
                    fill.price, fill.fee, fill.currency,
                ]
            )  # fmt: skip
        return text.getvalue()


def execute(
    request: Request,
    *,
    strategies: Path | None = None,
    progress: Callable[[int], bool] | None = None,
    sized: Callable[[int], None] | None = None,
) -> Outcome:
    """Run `request`; `progress(bars_done)` is asked now and then, False cancels.

    `sized` is told how many bars there are before the first one.

    Raises:
        TradedeckError: NOT_FOUND, INVALID, INVALID_DATA (with the row), STRATEGY.
    """
    strategy = _strategy(request.strategy, strategies)
    params = _preset(strategy, request.preset) | request.params
    checked = build_params(strategy, params)
    series = _series(request)
    instrument = instrument_of(series)
    calendar = tables.load(instrument.calendar)
    spec = BacktestSpec(
        strategy,
        checked,
        instrument,
        balance=request.balance,
        sizing=request.sizing,
        model=request.model,
        session_open=calendar.open_to if request.session_gate else None,
    )
    bars = _between(series, request.start, request.end)
    if sized is not None:
        sized(len(bars))
    result = run_backtest(
        spec, (series[i] for i in bars) if len(bars) < len(series) else series, progress
    )
    if not result.bars:
        raise TradedeckError(
            Code.INVALID_DATA, f"{request.data} has no bars between start and end."
        )
    return Outcome(request, instrument, params, series.end[bars[0]], series.end[bars[-1]], result)


def instrument_of(series: BarSeries) -> Instrument:
    """The catalogue's instrument, or a plain one: US dollars, always open, fully paid."""
    known = CATALOGUE.get(series.instrument)
    if known is not None:
        return known
    places = max(
        (len(repr(price).partition(".")[2]) for price in series.close[:TICK_ROWS]), default=2
    )
    tick = Decimal(1).scaleb(-min(max(places, 2), TICK_PLACES_MAX))
    return Instrument(series.instrument, "USD", tick, Decimal("0.0001"), "24x7")


def _strategy(name: str, folder: Path | None) -> type[Strategy]:
    if name in registry.BUILTIN:
        return registry.builtin(name)
    found = registry.discover(folder)
    if name not in found:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"There is no strategy {name!r}.",
            hint=f"There is {', '.join(sorted(found))}.",
        )
    return found[name]


def _preset(strategy: type[Strategy], name: str) -> dict[str, Any]:
    if not name:
        return {}
    presets = strategy.meta.presets
    if name not in presets:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"{strategy.meta.name} has no preset {name!r}.",
            hint=f"It has {', '.join(presets) or 'none'}.",
        )
    return dict(presets[name])


def _series(request: Request) -> BarSeries:
    wanted = [request.instrument] if request.instrument else _guess(request.data)

    def calendar_of(symbol: str) -> Any:
        known = CATALOGUE.get(symbol)
        return tables.load(known.calendar if known else "24x7")

    found = load(request.data, wanted, calendar_of, request.interval)
    if len(found) > 1:
        raise TradedeckError(
            Code.INVALID,
            f"{request.data} has {len(found)} instruments; one is tested at a time.",
            hint=f"Say --instrument: {', '.join(sorted(found)[:20])}.",
        )
    return next(iter(found.values()))


def _guess(data: str) -> list[str]:
    """Without a column that names it, a file is called after its instrument."""
    if data.startswith(PREFIX):
        bundle = BUNDLES.get(data.removeprefix(PREFIX))
        return [] if bundle is None else sorted(bundle.instruments)
    path = Path(data).expanduser()
    if path.is_dir() or not path.is_file() or _names_symbols(path):
        return []
    stem = path.name.split(".")[0].upper()
    return ["".join(c for c in stem if c.isalnum() or c in "_-")[:32] or "DATA"]


def _names_symbols(path: Path) -> bool:
    name = path.name.lower()
    if name.endswith(".parquet"):
        import duckdb

        with duckdb.connect(":memory:") as db:
            try:
                rows = db.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            except duckdb.Error:
                return False  # the reader says what is wrong with it
        columns = [str(row[0]) for row in rows]
    else:
        opener = gzip.open if name.endswith(".gz") else open
        try:
            with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
                columns = str(file.readline(10_000)).split(",")
        except (OSError, EOFError):
            return False
    return any(column.strip().strip('"').lower() in SYMBOL_NAMES for column in columns)


def _between(series: BarSeries, start: str, end: str) -> range:
    first, last = 0, len(series)
    if start:
        first = _place(series, _instant(start, "T00:00:00Z"))
    if end:
        last = _place(series, _instant(end, "T23:59:59.999999Z") + 1)
    return range(first, last)


def _place(series: BarSeries, time_ns: int) -> int:
    from bisect import bisect_left

    return bisect_left(series.time, time_ns)


def _instant(text: str, rest: str) -> int:
    try:
        return parse_ns(text if "T" in text else text + rest)
    except ValueError as error:
        raise TradedeckError(
            Code.INVALID, f"{text!r} is not a day or an instant.", hint="Write it as 2008-09-15."
        ) from error
