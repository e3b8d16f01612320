"""Traders: an account, a strategy, its parameters and an instrument."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradedeck.cli import client
from tradedeck.cli.output import (
    AsJson,
    StepUp,
    cell,
    changed,
    confirm,
    done,
    fields,
    items,
    pairs,
    print_json,
    role_with,
    show,
    table,
)
from tradedeck.cli.values import merge_params
from tradedeck.kernel.errors import Code, Fault, TradedeckError

app = typer.Typer(help="Traders: list, deploy, start, pause, resume, stop, restart, remove.")
Trader = Annotated[str, typer.Argument(help="The trader's id.")]
Params = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="May be repeated.")
]
COLUMNS = [
    ("TRADER", "id"), ("ACCOUNT", "account"), ("INSTRUMENT", "instrument"),
    ("STRATEGY", "strategy"), ("STATE", "state"), ("DESIRED", "desired_state"),
    ("POSITION", "position"), ("REALISED", "realised"), ("UNREALISED", "unrealised"),
    ("REASON", "reason"),
]  # fmt: skip

CHECKS = [
    ("LIMIT", "limit"), ("SCOPE", "scope"), ("USED", "used"), ("AFTER", "after"),
    ("BOUND", "bound"), ("PASSES", "passes"),
]  # fmt: skip


@app.callback(invoke_without_command=True)
def _root(context: typer.Context, as_json: AsJson = False) -> None:
    """Without a command: list them."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """All traders."""
    show(client.get("/traders"), as_json=as_json, columns=COLUMNS, empty="No traders.")


@app.command("show")
def show_(trader: Trader, as_json: AsJson = False) -> None:
    """One trader."""
    answer = client.get(f"/traders/{trader}")
    if as_json:
        print_json(answer)
    else:
        pairs(answer)


@app.command()
def deploy(
    trader: Trader,
    account: Annotated[str, typer.Option("--account", "-a", help="On which account.")],
    instrument: Annotated[str, typer.Option("--instrument", "-i", help="What it trades.")],
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="By which strategy.")],
    feed: Annotated[str | None, typer.Option(help="Prices; by default the only feed.")] = None,
    preset: Annotated[str | None, typer.Option(help="Parameters of a preset.")] = None,
    param: Params = None,
    sizing: Annotated[
        str, typer.Option(help="equity_fraction, units or risk, then = and the value.")
    ] = "equity_fraction=0.1",
    paused: Annotated[bool, typer.Option("--paused", help="Begin paused.")] = False,
    step_up: StepUp = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Deploy a trader."""
    kind, _, value = sizing.partition("=")
    body: dict[str, Any] = {
        "id": trader,
        "account": account,
        "feed": feed or _only_feed(),
        "instrument": instrument,
        "strategy": strategy,
        "params": merge_params(_preset(strategy, preset), param),
        "sizing": {"kind": kind, "value": value},
        "state": "paused" if paused else "running",
    }
    if preview:
        _preview(trader, fields(client.post("/traders/preview", body)), as_json=as_json)
        return
    body["step_up"] = step_up
    changed(client.post("/traders", body, role=role_with(step_up)), as_json=as_json)


def _preview(trader: str, answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    if not answer.get("valid"):
        faults = tuple(Fault(str(e["path"]), str(e["reason"])) for e in items(answer.get("errors")))
        raise TradedeckError(
            Code(str(answer.get("code") or Code.INVALID)),
            f"{trader} cannot be deployed like this.",
            hint="Nothing was changed.",
            faults=faults,
        )
    if as_json:
        return
    print(f"parameters  {cell(answer.get('params'), whole=True) or 'none'}")
    for change in items(answer.get("changes")):
        made = change.get("old") is None
        new = "added" if made else f"{cell(change.get('old'))} → {cell(change.get('new'))}"
        print(f"changes     {change.get('path')}: {new}")
    if answer.get("needs_step_up"):
        print(f"needs       a code of the host, then {cell(answer.get('wait_s'))} s of waiting")
    if answer.get("time") is None:
        said = f"{answer.get('detail') or ''} {answer.get('hint') or ''}".strip()
        print(f"signal      none yet: {said}")
        return
    signal = fields(answer.get("signal"))
    wanted = f"target {cell(signal.get('target'))}, {signal.get('reason')}" if signal else "none"
    print(f"bar         {answer['time']} at {cell(answer.get('price'))}")
    print(f"inputs      {cell(answer.get('inputs'), whole=True) or 'none'}")
    print(f"signal      {wanted}")
    for order in items(answer.get("orders")):
        why = f", {order['reason']}" if order.get("reason") else ""
        print(f"order       {order['side']} {order['quantity']}: {order['verdict']}{why}")
    checks = items(answer.get("checks"))
    if checks:
        print()
        table([{**check, "passes": check.get("ok")} for check in checks], CHECKS)


def _act(name: str, text: str) -> None:
    def command(trader: Trader, as_json: AsJson = False) -> None:
        done(
            f"{trader}: {name} was sent.", client.post(f"/traders/{trader}/{name}"), as_json=as_json
        )

    command.__doc__ = text
    app.command(name)(command)


_act("start", "Let a stopped trader trade.")
_act("pause", "No new entries; exits go on.")
_act("resume", "Entries again.")
_act("restart", "A fresh strategy host; position and memory are kept.")


@app.command()
def stop(
    trader: Trader,
    close: Annotated[
        bool, typer.Option("--close", help="Close its position too; else it is kept.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End entries and cancel its orders; the position is kept unless --close."""
    answer = client.post(f"/traders/{trader}/stop", {"close": close})
    kept = "its position is being closed" if close else "its position is kept"
    done(f"{trader}: stop was sent, {kept}.", answer, as_json=as_json)


@app.command()
def remove(
    trader: Trader,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a trader out of the configuration. Its history stays."""
    confirm(f"Remove {trader}?", yes=yes)
    generation = client.get("/config")["generation"]
    answer, _ = client.ask(
        "DELETE", f"/traders/{trader}", role="operator", headers={"if-match": f'"{generation}"'}
    )
    changed(answer, as_json=as_json)


def _only_feed() -> str:
    feeds = [feed["id"] for feed in client.get("/config")["document"].get("feeds", [])]
    if len(feeds) == 1:
        return feeds[0]
    raise typer.BadParameter(f"say --feed: one of {', '.join(feeds) or 'none configured'}")


def _preset(strategy: str, preset: str | None) -> dict[str, Any]:
    if preset is None:
        return {}
    found = client.get(f"/strategies/{strategy}").get("presets")
    named = {str(item["id"]): item for item in items(found)} or fields(found)
    if preset not in named:
        raise typer.BadParameter(f"{strategy} has no preset {preset}: {', '.join(named)}")
    chosen = fields(named[preset])
    return fields(chosen.get("params", chosen))
