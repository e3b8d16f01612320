"""`backtest`: runs on this host, in the worker's own main; no api is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradedeck.cli.commands.processes import become
from tradedeck.cli.output import AsJson


def add(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel="Looking")(backtest)


def backtest(
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Which strategy.")],
    data: Annotated[
        str,
        typer.Option("--data", "-d", help="A .csv, .csv.gz or .parquet file, or bundled:us-daily."),
    ] = "bundled:us-daily",
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="May be repeated."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Parameters of a preset.")] = None,
    instrument: Annotated[
        str | None, typer.Option("--instrument", "-i", help="Which of several in the data.")
    ] = None,
    balance: Annotated[str, typer.Option(help="Opening balance.")] = "100000",
    sizing: Annotated[
        str, typer.Option(help="equity_fraction, units or risk, then = and the value.")
    ] = "equity_fraction=1",
    start: Annotated[str | None, typer.Option(help="First day.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the fills as CSV.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="Of the bars, such as 1d or 5m.")] = None,
    spread_bps: Annotated[str, typer.Option(help="Where the data has no bid and ask.")] = "2",
    slippage_bps: Annotated[str, typer.Option(help="Against market and stop orders.")] = "1",
    fee_bps: Annotated[str, typer.Option(help="Of the value of each fill.")] = "1",
    fee_min: Annotated[str, typer.Option(help="Least fee of a fill.")] = "0",
    no_session_gate: Annotated[
        bool, typer.Option("--no-session-gate", help="Enter outside the sessions too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a strategy over prices through the gate and ledger of live trading."""
    options = ["--strategy", strategy, "--data", data]
    for text in param or []:
        options += ["--param", text]
    given = {
        "--preset": preset,
        "--instrument": instrument,
        "--balance": balance,
        "--sizing": sizing,
        "--start": start,
        "--end": end,
        "--output": str(output) if output else None,
        "--interval": interval,
        "--spread-bps": spread_bps,
        "--slippage-bps": slippage_bps,
        "--fee-bps": fee_bps,
        "--fee-min": fee_min,
    }
    for name, value in given.items():
        if value is not None:
            options += [name, value]
    if no_session_gate:
        options.append("--no-session-gate")
    become("worker.backtest", [*options, *(["--json"] if as_json else [])])
