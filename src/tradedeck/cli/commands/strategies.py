"""Strategies: what there is, and switching to another."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradedeck.cli import client
from tradedeck.cli.output import AsJson, cell, changed, fields, items, print_json, show, table
from tradedeck.cli.values import pair

group = typer.Typer(help="Strategies and their presets.")
COLUMNS = [
    ("STRATEGY", "id"), ("NAME", "name"), ("ORIGIN", "origin"), ("INTERVALS", "intervals"),
    ("DESCRIPTION", "description"),
]  # fmt: skip


def add(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="strategies")
    app.command(rich_help_panel="Changing")(activate)


@group.callback(invoke_without_command=True)
def strategies(context: typer.Context, as_json: AsJson = False) -> None:
    """Without a command: list them."""
    if context.invoked_subcommand is None:
        show(client.get("/strategies"), as_json=as_json, columns=COLUMNS)


@group.command("show")
def show_(strategy: str, as_json: AsJson = False) -> None:
    """One strategy: its parameters with bounds, and its presets."""
    answer = client.get(f"/strategies/{strategy}")
    if as_json:
        print_json(answer)
        return
    schema = fields(answer.get("schema"))
    for name in ("id", "name", "description", "origin", "intervals", "instruments"):
        print(f"{name:<12} {cell(answer.get(name), whole=True)}")
    print()
    known = fields(schema.get("properties"))
    rows = [{"name": name, **fields(field)} for name, field in known.items()]
    columns = [
        ("PARAMETER", "name"), ("TYPE", "type"), ("DEFAULT", "default"), ("FROM", "minimum"),
        ("TO", "maximum"), ("MEANING", "description"),
    ]  # fmt: skip
    table(rows, columns, empty="No parameters.")
    for preset in items(answer.get("presets")):
        print(f"\npreset {preset['id']}: {cell(preset.get('params'), whole=True)}", end="")
    print()


def activate(
    strategy: Annotated[str, typer.Argument(help="The strategy to switch to.")],
    trader: Annotated[
        str | None, typer.Option("--trader", "-t", help="Which trader; else say --all.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every trader.")] = False,
    preset: Annotated[
        str | None, typer.Option(help="conservative, balanced or aggressive.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="May be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Switch a trader to another strategy, without a restart; the position is inherited."""
    if (trader is None) == (not every):
        raise typer.BadParameter("say --trader ID or --all")
    body: dict[str, Any] = {"strategy": strategy, "trader": "all" if every else trader}
    if preset is not None:
        body["preset"] = preset
    if param:
        body["params"] = dict(pair(text) for text in param)
    changed(client.post("/activate", body), as_json=as_json)
