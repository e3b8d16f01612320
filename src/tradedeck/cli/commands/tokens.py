"""Credentials made on the host: sign-in links for people, bearer tokens for programs."""

from __future__ import annotations

from typing import Annotated

import typer

from tradedeck.cli import client, home
from tradedeck.cli.output import AsJson, done, print_json, show
from tradedeck.ops.hostact import call

app = typer.Typer(help="Sign-in links and bearer tokens.", no_args_is_help=True)
Role = Annotated[str, typer.Option("--role", help="viewer, operator, risk or admin.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose, by name.")]
ROLES = ("viewer", "operator", "risk", "admin")


def checked(role: str) -> str:
    """One of the roles."""
    if role not in ROLES:
        raise typer.BadParameter(f"the role is one of {', '.join(ROLES)}")
    return role


@app.command()
def create(
    role: Role,
    name: Annotated[str, typer.Option(help="What it is for.")] = "token",
    days: Annotated[float, typer.Option(min=0.01, max=366, help="How long it works.")] = 30,
    account: Annotated[
        str | None, typer.Option(help="The service account whose it is; it ends with it.")
    ] = None,
    permission: Annotated[
        list[str] | None, typer.Option(help="Only this of the role; may be said several times.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a bearer token. It is shown this once."""
    body: dict[str, object] = {"name": name, "role": checked(role), "days": days}
    body |= {"account": account} if account else {}
    body |= {"permissions": permission} if permission else {}
    issued = call(home.find(), "/host/tokens", body)
    if as_json:
        print_json(issued)
        return
    print(issued["token"])
    typer.echo(f"role {issued['role']}, until {issued['expires_at']}, id {issued['id']}", err=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """All tokens, without their secrets."""
    columns = [
        ("ID", "id"), ("NAME", "name"), ("ROLE", "role"), ("BY", "created_by"),
        ("EXPIRES", "expires_at"), ("SEEN", "seen_at"), ("REVOKED", "revoked_at"),
    ]  # fmt: skip
    show(client.get("/tokens", role="admin"), as_json=as_json, columns=columns)


@app.command()
def revoke(identifier: str, as_json: AsJson = False) -> None:
    """Make a token useless at once."""
    answer, _ = client.ask("DELETE", f"/tokens/{identifier}", role="admin")
    done(f"{identifier} is revoked.", answer, as_json=as_json)


@app.command("step-up")
def step_up(tenant: Tenant = "main", as_json: AsJson = False) -> None:
    """A one-time code that stands for your presence on this host, for what loosens a limit."""
    issued = call(home.find(), f"/host/step-up?tenant={tenant}", {})
    if as_json:
        print_json(issued)
        return
    print(issued["code"])
    typer.echo(f"works once, until {issued['expires_at']}", err=True)


@app.command()
def link(
    role: Annotated[
        str | None, typer.Option(help="Of an account that the link makes; else its own.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The account; made when the link is used.")
    ] = None,
    tenant: Tenant = "main",
    as_json: AsJson = False,
) -> None:
    """A sign-in link for a browser: works once, for 15 minutes, for the account admin."""
    body = {"name": name, "role": None if role is None else checked(role)}
    issued = call(
        home.find(), f"/host/sign-in-link?tenant={tenant}", {k: v for k, v in body.items() if v}
    )
    port = client.url().rsplit(":", 1)[1]
    address = f"http://localhost:{port}{issued['path']}"
    if as_json:
        print_json({"url": address, "expires_at": issued["expires_at"]})
    else:
        print(f"Sign in: {address}")
