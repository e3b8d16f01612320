"""`tradedeck witness`: runs on another machine, remembers what an audit log signed, co-signs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradedeck.cli.commands.processes import become
from tradedeck.cli.output import AsJson

app = typer.Typer(help="A witness of an audit log, on another machine.", no_args_is_help=True)
State = Annotated[Path, typer.Option("--state", help="The witness's own folder.")]


def _json(wanted: bool) -> list[str]:
    return ["--json"] if wanted else []


@app.command()
def key(
    state: State,
    name: Annotated[str, typer.Option(help="Its name, when the key is made.")] = "",
    as_json: AsJson = False,
) -> None:
    """The witness's verifier key; with --name it is made where there is none."""
    become(
        "witness",
        ["key", "--state", str(state), *(["--name", name] if name else []), *_json(as_json)],
    )


@app.command()
def run(
    state: State,
    log: Annotated[str, typer.Option(help="The log's verifier key: `tradedeck audit key`.")],
    origin: Annotated[
        str,
        typer.Option("--from", help="The api's URL (with TRADEDECK_TOKEN), or a copy of the log."),
    ],
    publish: Annotated[
        Path | None, typer.Option(help="Where to write the co-signed note, with a folder.")
    ] = None,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 60,
    silent_after: Annotated[
        float, typer.Option(min=1, help="Seconds without the log before it is an alarm.")
    ] = 900,
    on_alarm: Annotated[
        str, typer.Option(help="A program to start with the finding and its sentence.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at the log, co-sign what extends it, raise an alarm on what does not."""
    options = ["--state", str(state), "--log", log, "--from", origin]
    options += ["--publish", str(publish)] if publish else []
    options += ["--every", str(every), "--silent-after", str(silent_after)]
    options += ["--on-alarm", on_alarm] if on_alarm else []
    become("witness", ["run", *options, *(["--once"] if once else []), *_json(as_json)])
