"""`tradedeck`: all commands, and the one place where a refusal becomes a sentence and a code.

Nothing here imports a server, a store or an HTTP client: `tradedeck --help` answers in 0.4 s.
"""

from __future__ import annotations

import os
import sys

import typer

from tradedeck import __version__
from tradedeck.cli.commands import (
    alerts,
    approvals,
    audit,
    backtest,
    config,
    export,
    feeds,
    hostpeople,
    logs,
    orders,
    people,
    processes,
    state,
    stop,
    strategies,
    tenants,
    tokens,
    traders,
    verify,
    witness,
)
from tradedeck.cli.output import complain
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import exits

app = typer.Typer(
    name="tradedeck",
    help="The control plane for live algorithmic trading.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,  # one sentence for people; the traceback is in the log
    rich_markup_mode=None,
)

for module in (
    processes, state, stop, alerts, strategies, orders, backtest, logs, export, verify, people
):  # fmt: skip
    module.add(app)
app.add_typer(traders.app, name="traders")
app.add_typer(config.app, name="config")
app.add_typer(feeds.app, name="replay")
app.add_typer(tokens.app, name="token")
app.add_typer(tenants.app, name="tenant")
app.add_typer(people.user, name="user")
app.add_typer(people.session, name="session")
app.add_typer(approvals.app, name="approvals")
app.add_typer(audit.app, name="audit")
app.add_typer(hostpeople.people, name="people")
app.add_typer(hostpeople.key, name="key")
app.add_typer(witness.app, name="witness")


def _version(value: bool) -> None:
    if value:
        print(f"tradedeck {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    """Start it with `tradedeck up --demo`; every command has --help and --json."""


def run() -> None:
    """The program. Ends the process with a documented exit code."""
    try:
        app()
    except TradedeckError as error:
        complain(error)
        sys.exit(exits.of(error.code))
    except KeyboardInterrupt:
        sys.exit(exits.Exit.INTERRUPTED)
    except BrokenPipeError:  # `tradedeck … | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.Exit.OK)
