"""`tradedeck backtest`: one run on this host, no api needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import orjson

from tradedeck import settings
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import exits
from tradedeck.ops.files import write_private
from tradedeck.venue.model import ExchangeModel
from tradedeck.worker.run import Outcome, Request, execute


def main(arguments: list[str]) -> int:
    """Exit code 0 after a finished run."""
    options = _parser().parse_args(arguments)
    try:
        request = _request(options)
        folder = settings.load().strategies_path
        outcome = execute(
            request, strategies=folder, progress=_progress() if sys.stderr.isatty() else None
        )
        if options.output:
            write_private(Path(options.output).absolute(), outcome.fills_csv().encode())
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        for fault in error.faults:
            sys.stderr.write(f"  {fault.path}: {fault.reason}\n")
        return exits.of(error.code)
    except KeyboardInterrupt:
        return exits.Exit.INTERRUPTED
    found = outcome.to_json()
    if options.json:
        sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _people(outcome, found)
    return exits.Exit.OK


def _people(outcome: Outcome, found: dict[str, Any]) -> None:
    metrics = found["metrics"]

    def percent(name: str) -> str:
        value = metrics[name]
        return "–" if value is None else f"{100 * value:.2f} %"

    def number(name: str) -> str:
        value = metrics[name]
        return "–" if value is None else f"{value:.2f}"

    params = " ".join(f"{key}={value}" for key, value in found["params"].items())
    print(f"{found['strategy']} {params}  on {found['instrument']}")
    print(f"{found['first'][:10]} to {found['last'][:10]}, {found['bars']} bars")
    currency = outcome.instrument.currency
    lines = [
        ("final equity", f"{found['final_equity']} {currency}"),
        ("P&L", f"{found['pnl']} {currency} ({percent('total_return')})"),
        ("fees", f"{found['fees']} {currency}"),
        ("per year", f"{percent('annual_return')}, volatility {percent('volatility')}"),
        ("Sharpe", number("sharpe")),
        ("max drawdown", percent("max_drawdown")),
        ("trades", f"{metrics['trades']}, won {percent('win_rate')}"),
        ("exposure", percent("exposure")),
        ("orders", f"{found['orders']}, fills {found['fills']}, denied {found['denied']}"),
        ("speed", f"{found['bars_per_second']:,} bars/s in {found['seconds']:.2f} s"),
    ]
    for name, text in lines:
        print(f"  {name:<13} {text}")
    for reason, count in found["denials"].items():
        print(f"  denied        {count} x {reason}")


def _request(options: argparse.Namespace) -> Request:
    kind, _, value = options.sizing.partition("=")
    if kind not in [k.value for k in SizingKind]:
        raise TradedeckError(
            Code.INVALID,
            f"The sizing {kind!r} is not known.",
            hint="Write equity_fraction=1, units=100 or risk=0.01.",
        )
    model = ExchangeModel(
        spread_bps=_number("--spread-bps", options.spread_bps),
        slippage_bps=_number("--slippage-bps", options.slippage_bps),
        fee_bps=_number("--fee-bps", options.fee_bps),
        fee_min=_number("--fee-min", options.fee_min),
    )
    return Request(
        strategy=options.strategy,
        data=options.data,
        instrument=options.instrument,
        interval=options.interval or None,
        preset=options.preset,
        params=dict(_param(text) for text in options.param),
        balance=_number("--balance", options.balance),
        sizing=Sizing(SizingKind(kind), _number("--sizing", value)),
        model=model,
        start=options.start,
        end=options.end,
        session_gate=not options.no_session_gate,
    )


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise TradedeckError(Code.INVALID, f"--param {text!r} is not of the form NAME=VALUE.")
    try:
        return name.strip(), orjson.loads(value)
    except orjson.JSONDecodeError:
        return name.strip(), value.strip()


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise TradedeckError(Code.INVALID, f"{name} was {text!r}; it must be a number from 0.")
    return number


def _progress() -> Callable[[int], bool]:
    def tell(bars: int) -> bool:
        sys.stderr.write(f"\r{bars:,} bars")
        sys.stderr.flush()
        return True

    return tell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tradedeck backtest")
    parser.add_argument("--strategy", required=True)
    parser.add_argument("--data", default="bundled:us-daily")
    parser.add_argument("--param", action="append", default=[])
    defaults = {"--balance": "100000", "--sizing": "equity_fraction=1", "--spread-bps": "2",
                "--slippage-bps": "1", "--fee-bps": "1", "--fee-min": "0"}  # fmt: skip
    for name in ("--preset", "--instrument", "--interval", "--start", "--end", "--output"):
        parser.add_argument(name, default="")
    for name, value in defaults.items():
        parser.add_argument(name, default=value)
    parser.add_argument("--no-session-gate", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
