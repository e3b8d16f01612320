"""Exports: trades, fills, orders, ledger, equity as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tradedeck.cli import client
from tradedeck.ops.files import write_private

PATHS = {
    "trades": "/trades",
    "fills": "/fills",
    "orders": "/orders",
    "ledger": "/ledger",
    "equity": "/accounts/{account}/equity",
}
FORMATS = ("csv", "json", "parquet")


def add(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel="Looking")(export)


def export(
    what: Annotated[str, typer.Argument(help="trades, fills, orders, ledger or equity.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; its ending chooses the format.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--format", help="csv, json or parquet.")] = None,
    account: Annotated[str | None, typer.Option(help="Which account (equity).")] = None,
    trader: Annotated[str | None, typer.Option(help="Only this trader.")] = None,
) -> None:
    """Write a table to a file, or to standard output."""
    if what not in PATHS:
        raise typer.BadParameter(f"{what!r} is none of {', '.join(PATHS)}")
    chosen = kind or (output.suffix[1:] if output and output.suffix else "csv")
    if chosen not in FORMATS:
        raise typer.BadParameter(f"the format is one of {', '.join(FORMATS)}")
    path = (
        PATHS[what].format(account=account or _only_account()) if what == "equity" else PATHS[what]
    )
    data = client.download(path, format=chosen, trader=trader)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_private(output.absolute(), data)
    typer.echo(f"{output}: {len(data)} bytes.", err=True)


def _only_account() -> str:
    names = [str(row["id"]) for row in client.get("/status").get("accounts", [])]
    if len(names) == 1:
        return names[0]
    raise typer.BadParameter(f"say --account: one of {', '.join(names) or 'none'}")
