"""Stopping: `kill`, what came of it (`kills`), `lift`, `drill`, and the guard itself.

With `--local` each becomes the guard's own program on this host: no api, no network, no account.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from tradedeck.cli import client, home
from tradedeck.cli.commands.processes import become
from tradedeck.cli.output import AsJson, cell, confirm, done, fields, items, print_json, show, table
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.ops.exits import Exit

POLL_S: Final = 0.1
TIMEOUT_S: Final = 120.0
DRILL_S: Final = 120.0
_PASSING: Final = frozenset({Code.UNAVAILABLE, Code.TIMEOUT, Code.NOT_FOUND})
_DOES: Final = {
    "pause": "No new entries in {scope}; exits and protective orders go on.",
    "reduce_only": "Only what brings a position nearer to zero in {scope}.",
    "flatten": "Cancels {orders} working orders and closes {positions} positions in {scope}.",
    "cancel": "Cancels {orders} working orders in {scope} and leaves {positions} positions.",
}
Step = Literal["pause", "reduce_only", "flatten"]
Local = Annotated[
    bool, typer.Option("--local", help="By the guard on this host: works without the api.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _scopes(incomplete: str) -> list[str]:
    """For the shell: the scopes that have a name here; `all` where nobody answers."""
    try:
        answer = fields(client.get("/kills/scopes"))
    except TradedeckError:
        answer = {"items": ["all"]}
    known = [str(scope) for scope in answer.get("items") or ()]
    return [scope for scope in known if scope.startswith(incomplete)]


Scope = Annotated[
    str,
    typer.Argument(
        help="all, or tenant/ account/ trader/ strategy/ instrument/ with a name.",
        autocompletion=_scopes,
    ),
]

app = typer.Typer(help="The guard: how it stands, and codes for lifting.", no_args_is_help=True)


def add(root: typer.Typer) -> None:
    """Add these commands."""
    panel = "Stop"
    for command in (kill, kills, lift, drill):
        root.command(rich_help_panel=panel)(command)
    root.add_typer(app, name="guard", rich_help_panel=panel)


def _local(*arguments: str) -> None:
    """Become the guard's program, on the home that this command is about."""
    os.environ["TRADEDECK_HOME"] = str(home.find())
    become("guard", list(arguments))


# -- kill -----------------------------------------------------------------------------------------


def kill(
    scope: Scope = "all",
    step: Annotated[Step, typer.Option(help="How far: each includes the one before.")] = "flatten",
    no_flatten: Annotated[
        bool, typer.Option("--no-flatten", help="Latch and cancel, but leave positions.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")] = "",
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for the proof; 0: until it is there.")
    ] = TIMEOUT_S,
    yes: Yes = False,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Stop now: latch, cancel, close, and see it flat at the broker.

    Ends with 0 only when the guard's own reads of the broker prove it (for a milder step: when it
    is latched); with 8 when the proof did not come in time, and the kill goes on; with 4 when
    nobody took it: then `--local` on the host.
    """
    if local:
        _kill_here(scope, step, reason, timeout, no_flatten=no_flatten, yes=yes, as_json=as_json)
        return
    wish: dict[str, Any] = {"scope": scope, "step": step, "flatten": not no_flatten}
    if not yes:
        _preview(wish)
        confirm(f"Kill {scope} ({step})?", yes=yes)
    name = new_id("kill", time.time_ns())
    body = wish | {"reason": reason or "from the command line"}
    try:
        receipt = fields(
            client.ask(
                "POST", "/kills", role="operator", body=body, headers={"idempotency-key": name}
            )[0]
        )
    except TradedeckError as error:
        raise _instead(error, scope, step) from error
    if not as_json:
        print(f"{name}: {receipt.get('detail')}")
    try:
        told = _followed(name, timeout, quiet=as_json)
    except KeyboardInterrupt:
        sys.stderr.write(f"{name} goes on without this command; see `tradedeck kills {name}`.\n")
        raise typer.Exit(Exit.INTERRUPTED) from None
    if as_json:
        print_json(told)
    if told.get("state") != "done":
        sys.stderr.write(
            f"No proof within {timeout:g} s; {name} goes on. See `tradedeck kills {name}`.\n"
        )
        raise typer.Exit(Exit.TIMEOUT)
    if not as_json:
        print(_proved(told))


def _kill_here(
    scope: str,
    step: str,
    reason: str,
    timeout: float,
    *,
    no_flatten: bool,
    yes: bool,
    as_json: bool,
) -> None:
    confirm(f"Kill {scope} ({step}) on this host?", yes=yes)
    arguments = ["kill", scope, "--step", step, "--timeout", str(timeout)]
    arguments += ["--no-flatten"] if no_flatten else []
    arguments += ["--reason", reason] if reason else []
    _local(*arguments, *(["--json"] if as_json else []))


def _instead(error: TradedeckError, scope: str, step: str) -> TradedeckError:
    """What to do when the api cannot: the guard on the host needs none."""
    if error.code not in (Code.UNAVAILABLE, Code.TIMEOUT) or "--local" in error.hint:
        return error
    words = f"On the trading host run `tradedeck kill {scope} --step {step} --local`."
    return TradedeckError(error.code, error.detail, hint=words)


def _preview(wish: dict[str, Any]) -> None:
    """What it would do; a preview that fails stops no kill, but a scope that is none does."""
    try:
        found = fields(client.ask("POST", "/kills/preview", role="viewer", body=wish)[0])
    except TradedeckError as error:
        if error.code not in (Code.UNAVAILABLE, Code.TIMEOUT, Code.INTERNAL, Code.STORAGE):
            raise
        sys.stderr.write(f"No preview: {error.detail}\n")
        return
    does = _DOES["cancel" if wish["step"] == "flatten" and not wish["flatten"] else wish["step"]]
    print(does.format(**{name: found.get(name) for name in ("scope", "orders", "positions")}))
    held = [
        {**item, "account": account.get("account"), "note": "foreign" if item["foreign"] else ""}
        for account in items(found.get("accounts"))
        for item in items(account.get("positions"))
    ]
    if held:
        columns = [("ACCOUNT", "account"), ("INSTRUMENT", "instrument"), ("QUANTITY", "quantity"),
                   ("NOTIONAL", "notional"), ("TRADER", "trader"), ("", "note")]  # fmt: skip
        table(held, columns)
    for total in items(found.get("totals")):
        print(
            f"Notional {cell(total.get('notional'))} {total.get('currency')}, estimated cost "
            f"{cell(total.get('cost'))}, at least {cell(found.get('seconds'))} s at declared rates."
        )
    if found.get("foreign"):
        print(f"{found['foreign']} of these are foreign: not placed or held by Tradedeck.")
    if found.get("seen") != "venue":
        print("The broker's own book could not be seen: foreign ones may be missing here.")


def _followed(name: str, timeout: float, *, quiet: bool) -> dict[str, Any]:
    """The kill when it is done, or as far as it came in time; each new step is a line."""
    deadline = time.monotonic() + timeout if timeout else None
    told: dict[str, Any] = {}
    seen = 0
    while told.get("state") != "done":
        if deadline is not None and time.monotonic() > deadline:
            break
        try:
            told = fields(client.get(f"/kills/{name}"))
        except TradedeckError as error:
            if error.code not in _PASSING:  # the kill goes on, whatever the api does meanwhile
                raise
        seen = _progress(told, seen, quiet=quiet)
        if told.get("state") != "done":
            time.sleep(POLL_S)
    return told


def _progress(told: Mapping[str, Any], seen: int, *, quiet: bool) -> int:
    steps = items(told.get("steps"))
    for step in steps[seen:] if not quiet else []:
        ref = f" [{step['ref']}]" if step.get("ref") else ""
        numbers = cell(step["numbers"]) if step.get("numbers") else ""
        line = f"{step['account']}: {step['step']} ({step['by']}) {numbers}"
        print(f"{line.rstrip()}{ref}", flush=True)
    return len(steps)


def _proved(told: Mapping[str, Any]) -> str:
    legs = items(told.get("legs"))
    if not legs:
        return f"Latched: {told.get('scope')}."
    flat = ", ".join(f"{leg['account']} at {leg['flat_at']}" for leg in legs)
    return (
        f"Flat as seen at the broker: {flat}. Decision to last cancel sent "
        f"{cell(told.get('to_last_cancel_sent_ms'))} ms, to flat {cell(told.get('to_flat_ms'))} ms."
    )


def kills(
    kill_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One kill.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write its evidence to this file, hash verified.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(help="Say whether the evidence in this file is what was sealed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Kills and how they went; the evidence of one."""
    if verify is not None:
        sha256 = _sealed(verify.read_bytes())
        done(f"It is what was sealed: {sha256}", {"sha256": sha256}, as_json=as_json)
        return
    if kill_id is None:
        columns = [
            ("TIME", "at"), ("ID", "id"), ("SCOPE", "scope"), ("STEP", "step"), ("BY", "by"),
            ("STATE", "state"), ("LAST CANCEL MS", "to_last_cancel_sent_ms"),
            ("FLAT MS", "to_flat_ms"), ("REASON", "reason"),
        ]  # fmt: skip
        show(client.get("/kills"), as_json=as_json, columns=columns, empty="No kill yet.")
        return
    if report is not None:
        data = client.download(f"/kills/{kill_id}/report")
        sha256 = _sealed(data)
        report.write_bytes(data)
        answer = {"file": str(report), "sha256": sha256}
        done(f"{report}: {len(data)} bytes, SHA-256 {sha256}", answer, as_json=as_json)
        return
    told = fields(client.get(f"/kills/{kill_id}"))
    if as_json:
        print_json(told)
        return
    show({k: v for k, v in told.items() if not isinstance(v, list)}, as_json=False)
    columns = [("ACCOUNT", "account"), ("STATE", "state"), ("BY", "by"), ("FLAT AT", "flat_at"),
               ("STEPS", "steps")]  # fmt: skip
    table(items(told.get("legs")), columns, empty="No account had anything in scope.")
    _progress(told, 0, quiet=False)


def _sealed(data: bytes) -> str:
    """The hash of a report's content, computed here; raises CHAIN_BROKEN where it is another."""
    try:
        document = fields(canonical.decode(data))
        found = canonical.digest(canonical.encode(document["report"]))
        stated = str(document["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise TradedeckError(Code.INVALID_DATA, "This is no report of a kill.") from error
    if found != stated:
        raise TradedeckError(
            Code.CHAIN_BROKEN,
            f"The report is not what was sealed: its content has {found}, it says {stated}.",
        )
    return found


# -- lift, drill, guard ---------------------------------------------------------------------------


def lift(
    scope: Scope,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")],
    code: Annotated[
        str | None, typer.Option(help="What `tradedeck guard code` prints on the host.")
    ] = None,
    approval: Annotated[
        str | None, typer.Option(help="Where it takes two: as `tradedeck approvals` shows it.")
    ] = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Lift a latch: a reason and a code of the host, then a waiting time; on the host no code."""
    if local:
        _local("lift", scope, "--reason", reason, *(["--json"] if as_json else []))
    _warn(scope)
    if code is None and approval is None and sys.stdin.isatty():
        code = typer.prompt("Code of the host (`tradedeck guard code`)")
    body = {"scope": scope, "reason": reason, "code": code, "approval": approval}
    answer = fields(client.post("/lifts", body, role="risk"))
    until = answer.get("hold_until")
    words = f"{scope} is lifted at {until}; `tradedeck guard cancel-lift {answer.get('pending')}` "
    done(f"{words}takes it back." if until else f"{scope}:", answer, as_json=as_json)


def _warn(scope: str) -> None:
    """Say before a lift that what is still crossed stops it again; the lift is not barred by it."""
    try:
        told = fields(client.get("/lifts/preview", scope=scope))
    except TradedeckError as error:
        typer.echo(f"What it would meet could not be looked at: {error.detail}", err=True)
        return
    if told.get("again"):
        typer.echo(str(told.get("detail")), err=True)
        if sys.stdin.isatty():
            confirm(f"Lift {scope} all the same?", yes=False)


def drill(
    orders: Annotated[int, typer.Option(min=1, max=2000, help="Working orders to seed.")] = 50,
    positions: Annotated[int, typer.Option(min=1, max=500, help="Positions to seed.")] = 50,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Have the guard close an account made for it, and measure how long that takes."""
    if local:
        flags = ["--json"] if as_json else []
        _local("drill", "--orders", str(orders), "--positions", str(positions), *flags)
    before = _newest_drill()
    client.post("/drills", {"orders": orders, "positions": positions})
    deadline = time.monotonic() + DRILL_S
    while True:
        told = _newest_drill()
        if told is not None and told != before:
            break
        if time.monotonic() > deadline:
            raise TradedeckError(Code.TIMEOUT, f"The drill did not end within {DRILL_S:g} s.")
        time.sleep(POLL_S)
    if as_json:
        print_json(told)
    else:
        _said(told)
    if not told.get("ok"):
        raise typer.Exit(Exit.FAILED)


def _newest_drill() -> dict[str, Any] | None:
    found = items(fields(client.get("/drills", limit=1)).get("items"))
    return found[0] if found else None


def _said(told: Mapping[str, Any]) -> None:
    verdict = "passed" if told.get("ok") else f"FAILED: {told.get('detail')}"
    print(
        f"Drill of {cell(told.get('orders'))} orders and {cell(told.get('positions'))} positions "
        f"{verdict}. Last cancel sent {cell(told.get('to_last_cancel_sent_ms'))} ms, cancelled "
        f"{cell(told.get('to_cancelled_ms'))} ms, flat {cell(told.get('to_flat_ms'))} ms."
    )


@app.command("status")
def guard_status(local: Local = False, as_json: AsJson = False) -> None:
    """How the guard stands and how it sees the runner."""
    if local:
        _local("status", *(["--json"] if as_json else []))
    show(client.get("/guard"), as_json=as_json)


@app.command("code")
def guard_code(as_json: AsJson = False) -> None:
    """On the host: a one-time code for lifting a latch, valid for five minutes."""
    _local("code", *(["--json"] if as_json else []))


@app.command("cancel-lift")
def cancel_lift(
    lift_id: Annotated[str, typer.Argument(metavar="ID", help="As `lift` printed it.")],
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Take a waiting lift back: the latch stays."""
    if local:
        _local("cancel-lift", lift_id, *(["--json"] if as_json else []))
    answer = client.ask("DELETE", f"/lifts/{lift_id}", role="operator")[0]
    done(f"{lift_id} was taken back.", answer, as_json=as_json)


@app.command("serve")
def guard_serve() -> None:
    """Run the guard alone, in front."""
    _local("serve")
