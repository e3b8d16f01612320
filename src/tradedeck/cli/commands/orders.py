"""Orders: list, show, cancel."""

from __future__ import annotations

from typing import Annotated

import typer

from tradedeck.cli import client
from tradedeck.cli.commands.state import Limit, Trader, Yes
from tradedeck.cli.output import (
    AsJson,
    confirm,
    done,
    fields,
    items,
    pairs,
    print_json,
    show,
    table,
)

group = typer.Typer(help="Orders: list, show, cancel.")
COLUMNS = [
    ("ORDER", "id"), ("TIME", "created"), ("TRADER", "trader"), ("INSTRUMENT", "instrument"),
    ("SIDE", "side"), ("TYPE", "type"), ("QUANTITY", "quantity"), ("FILLED", "filled"),
    ("AVERAGE", "average_price"), ("STATUS", "status"),
]  # fmt: skip


def add(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(group, name="orders")


@group.callback(invoke_without_command=True)
def orders(context: typer.Context, as_json: AsJson = False) -> None:
    """Without a command: list them."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json)


@group.command("list")
def list_(
    trader: Trader = None,
    status: Annotated[str | None, typer.Option(help="Only of this status.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Newest first."""
    answer = client.get("/orders", trader=trader, status=status, limit=limit)
    show(answer, as_json=as_json, columns=COLUMNS, empty="No orders.")


@group.command("show")
def show_(order: str, as_json: AsJson = False) -> None:
    """One order with its life cycle."""
    answer = client.get(f"/orders/{order}")
    if as_json:
        print_json(answer)
        return
    pairs(fields(answer.get("order")))
    print()
    table(items(answer.get("steps")), [("AT", "at"), ("STEP", "kind"), ("DETAIL", "body")])


@group.command()
def cancel(
    order: Annotated[str | None, typer.Argument(help="An order; none: see the options.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every working order.")] = False,
    trader: Trader = None,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Only of this instrument.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel one order, or all of a trader, an account, an instrument, or all."""
    if order is not None:
        answer = client.post(f"/orders/{order}/cancel")
        done(f"The cancel of {order} was sent.", answer, as_json=as_json)
        return
    given = {"trader": trader, "account": account, "instrument": instrument}
    scope = {name: value for name, value in given.items() if value is not None}
    if not scope and not every:
        raise typer.BadParameter("name an order, or say --all, --trader, --account, --instrument")
    confirm(f"Cancel every working order{' of ' + str(scope) if scope else ''}?", yes=yes)
    done("The cancels were sent.", client.post("/orders/cancel", scope), as_json=as_json)
