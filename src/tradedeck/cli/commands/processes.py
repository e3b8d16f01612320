"""Starting and stopping: `up`, the single processes, `down`, `processes`, `restart`.

Each start replaces this program by the process, so that no command line stays in memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from tradedeck.cli import home
from tradedeck.cli.output import AsJson, done, show
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.child import ask_supervisor
from tradedeck.ops.files import read_json
from tradedeck.ops.lifeline import age_s

PROBE_S = 5.0
Cycles = Annotated[
    int, typer.Option(min=0, metavar="N", help="Stop after N cycles of the runner; 0: never.")
]


def add(app: typer.Typer) -> None:
    """Add these commands."""
    panel = "Processes"
    app.command(rich_help_panel=panel)(up)
    app.command(rich_help_panel=panel)(down)
    app.command(rich_help_panel=panel)(processes)
    app.command(rich_help_panel=panel)(restart)
    app.command(rich_help_panel=panel)(probe)
    app.command(rich_help_panel=panel)(service)
    app.command(rich_help_panel=panel)(desktop)
    for name in ("nats", "api", "exchange", "worker"):
        app.command(name, rich_help_panel=panel, help=f"Run the {name} alone, in front.")(
            _alone(name)
        )
    app.command(rich_help_panel=panel)(runner)
    app.command(rich_help_panel=panel)(completion)


def up(
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="A home of its own: four traders on paper, real prices from 2004 on."
        ),
    ] = False,
    cycles: Cycles = 0,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the cockpit in the browser, signed in.")
    ] = False,
) -> None:
    """Start everything and print the sign-in link. Ctrl-C stops it in order."""
    options = [
        *(["--demo"] if demo else []),
        *(["--cycles", str(cycles)] if cycles else []),
        *(["--open"] if open_page else []),
    ]
    become("supervisor", options)


def runner(cycles: Cycles = 0) -> None:
    """Run the runner alone, in front."""
    if cycles:
        os.environ["MAX_ITERATIONS"] = str(cycles)
    become("supervisor", ["only", "runner"])


def down(as_json: AsJson = False) -> None:
    """Stop everything that `up` started on this home. Positions are kept."""
    done("Stopping.", ask_supervisor(home.find(), "stop"), as_json=as_json)


def processes(as_json: AsJson = False) -> None:
    """The processes of this home, as their supervisor sees them."""
    answer = ask_supervisor(home.find(), "status")
    columns = [
        ("PROCESS", "name"),
        ("STATE", "state"),
        ("PID", "pid"),
        ("RESTARTS", "restarts"),
        ("SINCE", "since"),
        ("DETAIL", "detail"),
    ]
    show({"processes": answer["processes"]}, as_json=as_json, columns=columns)
    if as_json:
        return
    nats = read_json(home.find() / "run" / "nats.json")
    if nats:
        print(f"\nhome {home.find()}")


def restart(
    process: Annotated[str, typer.Argument(help="nats, api, exchange, runner or worker.")],
    as_json: AsJson = False,
) -> None:
    """Start a process of this home again, also one that was given up."""
    done("", ask_supervisor(home.find(), "restart", process), as_json=as_json)


def probe(
    process: Annotated[
        str, typer.Argument(help="api, exchange, guard, runner or worker.", metavar="PROCESS")
    ] = "api",
    within: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How old its last word may be.")
    ] = PROBE_S,
    as_json: AsJson = False,
) -> None:
    """Whether the working loop of a process of this home turns: exit code 0 if so, else 4."""
    age = age_s(home.find(), process)
    if age is None or age > within:
        said = "has said nothing" if age is None else f"was last heard {age:.1f} s ago"
        raise TradedeckError(
            Code.UNAVAILABLE, f"{process} {said}.", hint="See `tradedeck processes` and its log."
        )
    done(
        f"{process} was heard {age:.1f} s ago.",
        {"process": process, "age_s": round(age, 3)},
        as_json=as_json,
    )


class Install(StrEnum):
    """Acts on the entries of the desktop."""

    INSTALL = "install"
    REMOVE = "remove"


def desktop(
    act: Annotated[Install, typer.Argument(help="install or remove.")],
    demo: Annotated[bool, typer.Option("--demo", help="For the demo's home.")] = False,
) -> None:
    """Start and stop by a click: entries in the desktop's menu."""
    become("supervisor", ["desktop", act.value, *(["--demo"] if demo else [])])


def service(
    folder: Annotated[str, typer.Argument(help="For example /etc/systemd/system.")],
    user: Annotated[str, typer.Option(help="Who runs it; default: you.")] = "",
) -> None:
    """Write systemd units of this installation into a folder."""
    become("supervisor", ["service", "write", folder, *(["--user", user] if user else [])])


def completion(
    shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")] = "bash",
) -> None:
    """Print the completion script of a shell: `eval "$(tradedeck completion bash)"`."""
    from typer._completion_shared import get_completion_script

    print(
        get_completion_script(
            prog_name="tradedeck", complete_var="_TRADEDECK_COMPLETE", shell=shell
        )
    )


def become(process: str, options: list[str]) -> None:
    """Replace this program by `python -m tradedeck.<process>`."""
    sys.stdout.flush()
    arguments = [sys.executable, "-m", f"tradedeck.{process}", *options]
    os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter and module


def _alone(name: str) -> Callable[[], None]:
    def start() -> None:
        become("supervisor", ["only", name])

    return start
