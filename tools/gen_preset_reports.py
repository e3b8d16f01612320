"""Writes the performance report of each preset of each built-in strategy.

Bundled prices for all but gold, whose file is not part of the checkout: name it with --gold to
renew that report, else it stays as it is. JSON goes into the package (the API serves it), the
same as Markdown into docs/reference/presets/.

Usage: python tools/gen_preset_reports.py [--gold XAUUSD.csv.gz]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradedeck.adapters.calendars import tables
from tradedeck.engine import performance
from tradedeck.engine.backtest import BacktestSpec, run_backtest
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.kernel.clock import format_ns
from tradedeck.marketdata.files import read_bars
from tradedeck.marketdata.series import BarSeries
from tradedeck.marketdata.sources import load
from tradedeck.strategies.interface import Strategy, build_params
from tradedeck.strategies.registry import BUILTIN, builtin
from tradedeck.trading.instrument import CATALOGUE
from tradedeck.venue.model import ExchangeModel

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/tradedeck/strategies/preset_reports"
DOCS = ROOT / "docs/reference/presets"
GOLD = "gold-scalping"
INSTRUMENTS = ("AAPL", "GOOG", "IBM", "MSFT")
BALANCE = Decimal(100_000)
# Half of equity: what a careful person gives one strategy on one stock.
SIZING = Sizing(SizingKind.EQUITY_FRACTION, Decimal("0.5"))
STOCKS = ExchangeModel(
    spread_bps=Decimal(2), slippage_bps=Decimal(1), fee_bps=Decimal(1), fee_min=Decimal(1)
)
# Quoted on both sides: the spread is the real one.
QUOTED = ExchangeModel(slippage_bps=Decimal("0.5"))
CURVE_POINTS = 120
DISCLAIMER = (
    "A backtest on past prices with assumed costs; market orders fill at the close they were "
    "decided on, half a spread and the slippage worse. It says nothing certain about the future. "
    "The presets were not fitted to these prices."
)


def run(
    strategy: type[Strategy], values: Mapping[str, Any], series: BarSeries, model: ExchangeModel
) -> dict[str, Any]:
    """One preset on one instrument."""
    instrument = CATALOGUE[series.instrument]
    spec = BacktestSpec(
        strategy,
        build_params(strategy, values),
        instrument,
        balance=BALANCE,
        sizing=SIZING,
        model=model,
    )
    result = run_backtest(spec, series)
    figures = performance.measure(
        result.curve,
        performance.round_trips(result.fills, float(instrument.multiplier)),
        opening=float(BALANCE),
        exposure=result.exposure,
        max_drawdown=result.max_drawdown,
    )
    step = max(1, len(result.curve) // CURVE_POINTS)
    return {
        "instrument": series.instrument,
        "first": format_ns(series.end[0]),
        "last": format_ns(series.end[-1]),
        "bars": result.bars,
        "orders": result.orders,
        "fills": len(result.fills),
        "denied": result.denied,
        "final_equity": str(result.final_equity.quantize(Decimal("0.01"))),
        "fees": str(result.fees.quantize(Decimal("0.01"))),
        "figures": figures.to_json(),
        "equity": [[format_ns(at)[:10], round(value, 2)] for at, value in result.curve[::step]],
    }


def reports_of(
    name: str, bars: Mapping[str, BarSeries], model: ExchangeModel, source: str
) -> dict[str, Any]:
    """The document of one strategy: all its presets, each beside buy-and-hold."""
    strategy = builtin(name)
    hold = builtin("buy-and-hold")
    held = {symbol: run(hold, {}, series, model)["figures"] for symbol, series in bars.items()}
    presets: dict[str, Any] = {}
    for preset, values in strategy.meta.presets.items():
        runs = [run(strategy, values, series, model) for series in bars.values()]
        presets[preset] = {
            "strategy": name,
            "preset": preset,
            "params": dict(values),
            "source": source,
            "balance": str(BALANCE),
            "sizing": {"kind": SIZING.kind.value, "value": str(SIZING.value)},
            "costs": {
                "spread_bps": "as quoted" if model is QUOTED else str(model.spread_bps),
                "slippage_bps": str(model.slippage_bps),
                "fee_bps": str(model.fee_bps),
                "fee_min": str(model.fee_min),
            },
            "formulas": "tradedeck.engine.performance",
            "disclaimer": DISCLAIMER,
            "instruments": [{**entry, "buy_and_hold": held[entry["instrument"]]} for entry in runs],
        }
    return {"strategy": name, "title": strategy.meta.title, "presets": presets}


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


TABLE = (
    (
        "| | from | return | per year | volatility | Sharpe | max drawdown | trades | win rate "
        "| profit factor | expectancy in R | exposure | buy and hold |"
    ),
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
)


def conditions(report: Mapping[str, Any]) -> str:
    """What was run on what, in one paragraph."""
    params = ", ".join(f"`{key}` {value}" for key, value in report["params"].items())
    costs, last = report["costs"], report["instruments"][0]["last"][:10]
    spread = costs["spread_bps"]
    if spread != "as quoted":
        spread += " bps"
    return (
        f"{params}. Source: {report['source']}, to {last}; {report['balance']} to begin with, "
        f"{report['sizing']['value']} of equity per entry; spread {spread}, "
        f"slippage {costs['slippage_bps']} bps, fees {costs['fee_bps']} bps."
    )


def markdown(document: Mapping[str, Any]) -> str:
    """The same for people to read."""
    name = document["strategy"]
    lines = [
        f"# Presets of {name}",
        "",
        "Generated by `make docs`; do not edit.",
        "",
        builtin(name).meta.description,
        "",
        f"> {DISCLAIMER}",
    ]
    for preset, report in document["presets"].items():
        lines += ["", f"## {preset}", "", conditions(report), "", *TABLE]
        for entry in report["instruments"]:
            figures = entry["figures"]
            cells = [
                entry["instrument"],
                entry["first"][:10],
                percent(figures["total_return"]),
                percent(figures["annual_return"]),
                percent(figures["volatility"]),
                number(figures["sharpe"]),
                percent(figures["max_drawdown"]),
                str(figures["trades"]),
                percent(figures["win_rate"]),
                number(figures["profit_factor"]),
                number(figures["expectancy_r"]),
                percent(figures["exposure"]),
                percent(entry["buy_and_hold"]["total_return"]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Formulas: `tradedeck.engine.performance`. R is the average loss, as in Tharp (2007).",
    ]
    return "\n".join(lines) + "\n"


def bundled() -> dict[str, BarSeries]:
    return load("bundled:us-daily", INSTRUMENTS, lambda _name: tables.load("XNYS"))


def text_of(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":")) + "\n"


def generate(gold: Path | None = None) -> dict[Path, str]:
    """Path → text of every report that can be made."""
    bars = bundled()
    made: dict[Path, str] = {}
    for name in BUILTIN:
        if name != GOLD:
            document = reports_of(name, bars, STOCKS, "bundled:us-daily")
        elif gold is not None:
            series = read_bars(gold, ["XAUUSD"], lambda _name: tables.load("FX"))
            document = reports_of(name, series, QUOTED, "hourly bid and ask quoted by OANDA")
        else:
            document = json.loads((PACKAGE / f"{name}.json").read_text(encoding="utf-8"))
        made[PACKAGE / f"{name}.json"] = text_of(document)
        made[DOCS / f"{name}.md"] = markdown(document)
    return made


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gold", type=Path, help="hourly bid and ask of XAUUSD")
    for path, text in generate(parser.parse_args(arguments).gold).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
