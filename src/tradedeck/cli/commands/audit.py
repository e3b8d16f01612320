"""`tradedeck audit`: whether the log holds, proofs and exports for those who do not trust it.

Through the api where it runs, else by the supervisor's main, which reads the files alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tradedeck.cli import client, home
from tradedeck.cli.commands.processes import become
from tradedeck.cli.output import AsJson, print_json
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.exits import Exit
from tradedeck.ops.files import write_private

app = typer.Typer(help="The audit log: verify, prove, export, key.", no_args_is_help=True)
WALK_S = 600.0  # it reads every record there is


def _or_offline(command: list[str], path: str, *, role: str, as_json: bool) -> Any:
    """The api's answer; where no api runs on this home, the process becomes the offline main."""
    try:
        return client.ask("GET", path, role=role, timeout_s=WALK_S)[0]
    except TradedeckError as error:
        _offline(error, [*command, *(["--json"] if as_json else [])])
        raise


def _offline(error: TradedeckError, command: list[str]) -> None:
    if error.code is Code.UNAVAILABLE and not os.environ.get("TRADEDECK_URL"):
        os.environ["TRADEDECK_HOME"] = str(home.find())
        become("supervisor.audit", command)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Walk every record: the chain, the tree, its files, the signed root."""
    found = _or_offline(["verify"], "/audit/verify", role="risk", as_json=as_json)
    if as_json:
        print_json(found)
    elif found["ok"]:
        under = f"{found['tree']} of them under the signed root {found['root']}"
        print(f"{found['records']} records hold, {under}.")
    else:
        print(found["detail"])
    raise typer.Exit(Exit.OK if found["ok"] else Exit.FAILED)


@app.command()
def prove(
    seq: Annotated[int, typer.Argument(min=1, help="The record's number, as the page shows it.")],
    as_json: AsJson = False,
) -> None:
    """That a record is in the signed tree; --json gives all that another program needs."""
    found = _or_offline(["prove", str(seq)], f"/audit/proof/{seq}", role="risk", as_json=as_json)
    if as_json:
        print_json(found)
        return
    tree = found["checkpoint"]
    print(f"Record {seq} is in the tree of {tree['size']} with the root {tree['root']}.")


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The tar file to write.")],
    as_json: AsJson = False,
) -> None:
    """Write the whole log as one tar file, for `tools/verify_audit.py` on another machine."""
    try:
        data = client.download("/audit/export", role="risk", timeout_s=WALK_S)
    except TradedeckError as error:
        flags = ["--json"] if as_json else []
        _offline(error, ["export", "--output", str(output), *flags])
        raise
    write_private(output.absolute(), data)
    if as_json:
        print_json({"file": str(output), "bytes": len(data)})
    else:
        typer.echo(f"{output}: {len(data)} bytes.", err=True)


@app.command()
def key(as_json: AsJson = False) -> None:
    """The log's verifier key. Keep it elsewhere: it is what a verifier and a witness go by."""
    found = _or_offline(["key"], "/audit/checkpoint", role="viewer", as_json=as_json)
    if as_json:
        print_json({"key": found["key"], "origin": found["origin"]})
    else:
        print(found["key"])
