"""What a person must look at, and what stops trading by itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tradedeck.cli import client
from tradedeck.cli.commands.state import Limit
from tradedeck.cli.output import AsJson, done, show

group = typer.Typer(help="Alerts: list, acknowledge.")
COLUMNS = [
    ("ALERT", "id"), ("LAST", "last_at"), ("SEVERITY", "severity"), ("CODE", "code"),
    ("SUBJECT", "subject"), ("TIMES", "count"), ("DETAIL", "detail"), ("BY", "acknowledged_by"),
]  # fmt: skip
BREAKERS = [
    ("SCOPE", "scope"), ("BREAKER", "breaker"), ("STATE", "state"), ("USED", "used"),
    ("BOUND", "bound"), ("UNIT", "unit"), ("ACTION", "action"), ("RESUMES", "resume"),
    ("LIFTED BY", "lifted_by"), ("OPEN SINCE", "open_since"), ("REASON", "reason"),
]  # fmt: skip


class Severity(StrEnum):
    """Of an alert."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


def add(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="alerts")
    app.command()(breakers)


@group.callback(invoke_without_command=True)
def alerts(context: typer.Context, as_json: AsJson = False) -> None:
    """Without a command: list what nobody has acknowledged."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json)


@group.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Acknowledged ones too.")] = False,
    severity: Annotated[Severity | None, typer.Option(help="Only of this severity.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Newest first."""
    state = "all" if every else "open"
    answer = client.get("/alerts", state=state, severity=severity, limit=limit)
    show(answer, as_json=as_json, columns=COLUMNS, empty="No alerts.")


@group.command()
def acknowledge(
    alert: Annotated[str, typer.Argument(help="Its number, as `tradedeck alerts` shows it.")],
    note: Annotated[str | None, typer.Option("--note", "-n", help="What you found.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say that you look after it; recorded with who and when."""
    body = {} if note is None else {"note": note}
    answer = client.post(f"/alerts/{alert}/acknowledge", body)
    done(f"Alert {alert} is yours.", answer, as_json=as_json)


def breakers(as_json: AsJson = False) -> None:
    """What stops trading by itself: how near each is, and who lifts it."""
    answer = client.get("/breakers")
    show(answer, as_json=as_json, columns=BREAKERS, empty="No account has a breaker.")
