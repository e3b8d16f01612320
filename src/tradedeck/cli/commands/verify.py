"""`verify`: the whole installation, checked end to end by the supervisor's own main."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tradedeck.cli import home
from tradedeck.cli.commands.processes import become
from tradedeck.cli.output import AsJson


def add(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel="Processes")(verify)


def verify(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this check; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check this installation end to end; each finding names its cause and what to do."""
    os.environ["TRADEDECK_HOME"] = str(home.find())
    options = [word for name in only or [] for word in ("--only", name)]
    become("supervisor.verify", [*options, *(["--json"] if as_json else [])])
