"""Tenants, on the host: added, planned, suspended."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradedeck.cli import home
from tradedeck.cli.output import AsJson, done, show
from tradedeck.ops.hostact import call

app = typer.Typer(help="On the host: the tenants of this deck.", no_args_is_help=True)
PLANS = ("free", "pro", "team", "enterprise")
Plan = Annotated[str, typer.Option("--plan", help="free, pro, team or enterprise.")]


def _planned(plan: str) -> str:
    if plan not in PLANS:
        raise typer.BadParameter(f"the plan is one of {', '.join(PLANS)}")
    return plan


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every tenant."""
    columns = [
        ("NAME", "name"), ("PLAN", "plan"), ("SUSPENDED", "suspended_at"), ("REASON", "reason"),
        ("CREATED", "created_at"),
    ]  # fmt: skip
    show(call(home.find(), "/host/tenants", {}), as_json=as_json, columns=columns)


@app.command()
def add(
    name: str,
    plan: Plan = "free",
    title: Annotated[str, typer.Option("--title", help="How people know it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a tenant. `tradedeck token link --tenant NAME` lets its first admin in."""
    body = {"name": name, "display_name": title, "plan": _planned(plan)}
    _say(call(home.find(), "/host/tenants/add", body), f"{name} is there.", as_json=as_json)


@app.command()
def plan(name: str, plan: Plan, as_json: AsJson = False) -> None:
    """Another plan, from now on."""
    made = call(home.find(), f"/host/tenants/{name}/plan", {"plan": _planned(plan)})
    _say(made, f"{name} has the plan {plan}.", as_json=as_json)


@app.command()
def suspend(
    name: str,
    reason: Annotated[str, typer.Option("--reason", help="What its people are told.")],
    as_json: AsJson = False,
) -> None:
    """Suspend a tenant: its people can still look, stop, cancel and close."""
    made = call(home.find(), f"/host/tenants/{name}/suspend", {"reason": reason})
    _say(made, f"{name} is suspended.", as_json=as_json)


@app.command()
def resume(name: str, as_json: AsJson = False) -> None:
    """End a suspension."""
    made = call(home.find(), f"/host/tenants/{name}/suspend", {"reason": ""})
    _say(made, f"{name} goes on.", as_json=as_json)


def _say(made: Any, words: str, *, as_json: bool) -> None:
    done(words, made, as_json=as_json)
