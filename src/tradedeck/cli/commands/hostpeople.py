"""Whom the trading host trusts, and the key by which a person signs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tradedeck.cli import home, personkey
from tradedeck.cli.output import AsJson, done, fields, items, print_json, table
from tradedeck.ops import guardact
from tradedeck.ops.files import read_json

people = typer.Typer(
    help="On the trading host: whom it trusts with acts of two people.", no_args_is_help=True
)
key = typer.Typer(help="The key by which you sign approvals.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name that the person signs in with.")]


def _me() -> str:
    return f"host:{os.environ.get('USER') or os.geteuid()}"


def _listed(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({name: told[name] for name in ("people", "demands_two", "fault")})
        return
    rows = [
        {**person, "shown": ", ".join(f"{k['kind']} {k['public'][:16]}…" for k in person["keys"])}
        for person in items(told.get("people"))
    ]
    columns = [("NAME", "name"), ("ROLE", "role"), ("KEYS", "shown")]
    table(rows, columns, empty="This host names nobody: a code of the host lifts.")
    if told.get("fault"):
        print(f"Nothing is lifted over the wire: {told['fault']}.")
    elif told.get("demands_two"):
        print("A lift over the wire takes the word of two of those of role risk or admin.")


@people.command("list")
def list_(as_json: AsJson = False) -> None:
    """Whom this host trusts."""
    _listed(guardact.ask(home.find(), "people"), as_json=as_json)


@people.command()
def trust(
    name: Name,
    role: Annotated[str, typer.Option(help="risk and admin may lift.")] = "risk",
    public: Annotated[
        str, typer.Option("--key", help="The public half, as `tradedeck key show` prints it.")
    ] = "",
    passkey: Annotated[
        Path | None,
        typer.Option(help="A file with a passkey: {kind, public, rp, origins} as JSON."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Trust a person by a public key. With two who may lift, no code lifts over the wire."""
    if bool(public) == (passkey is not None):
        raise typer.BadParameter("give either --key or --passkey")
    given = {"kind": "ed25519", "public": public.strip().lower()}
    if passkey is not None:
        given = fields(read_json(passkey))
    answer = guardact.ask(home.find(), "people_trust", name=name, role=role, key=given, by=_me())
    _listed(answer, as_json=as_json)


@people.command()
def distrust(name: Name, as_json: AsJson = False) -> None:
    """Trust a person no more, with all keys."""
    _listed(guardact.ask(home.find(), "people_distrust", name=name, by=_me()), as_json=as_json)


@key.command()
def create(name: Name, as_json: AsJson = False) -> None:
    """Make your key on this machine, and print the public half for the host."""
    made = personkey.create(name)
    _told(f"Your key is in {personkey.path()}; keep it to yourself.", made, as_json=as_json)


@key.command()
def show(as_json: AsJson = False) -> None:
    """The public half of your key."""
    _told("", personkey.shown(), as_json=as_json)


def _told(words: str, made: dict[str, str], *, as_json: bool) -> None:
    command = f"tradedeck people trust {made['name']} --role risk --key {made['public']}"
    done(f"{words}\nOn the trading host: {command}".strip(), made, as_json=as_json)
