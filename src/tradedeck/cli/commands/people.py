"""People, service accounts, sessions, and signing in at a terminal.

On the host these go over the socket in the home, also when nobody can sign in any more; with
TRADEDECK_URL they go to that api, as whoever is signed in there.
"""

from __future__ import annotations

import getpass
import os
import sys
from typing import Annotated, Any

import typer

from tradedeck.cli import client, home, signedin
from tradedeck.cli.commands.tokens import checked
from tradedeck.cli.output import AsJson, confirm, done, fields, items, print_json, show
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.hostact import call

user = typer.Typer(help="People and service accounts.", no_args_is_help=True)
session = typer.Typer(help="Open sessions of people.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The account.")]
Role = Annotated[str, typer.Option("--role", help="viewer, operator, risk or admin.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def add(app: typer.Typer) -> None:
    """Put `login` and `logout` beside the groups."""
    app.command()(login)
    app.command()(logout)


def _remote() -> bool:
    return bool(os.environ.get("TRADEDECK_URL"))


def _list(host: str, path: str) -> Any:
    return client.get(path, role="admin") if _remote() else call(home.find(), host, {})


def _id(name: str) -> str:
    found = items(fields(client.get("/people", role="admin")).get("items"))
    for row in found:
        if row["name"] == name:
            return str(row["id"])
    raise TradedeckError(Code.NOT_FOUND, f"There is no account {name}.")


def _act(name: str, word: str) -> Any:
    if _remote():
        return client.post(f"/people/{_id(name)}/{word}", role="admin")
    return call(home.find(), f"/host/people/{name}/{word}", {})


@user.command("list")
def list_users(as_json: AsJson = False) -> None:
    """Every account."""
    columns = [
        ("NAME", "name"), ("KIND", "kind"), ("ROLE", "role"), ("DISABLED", "disabled"),
        ("ENROLLED", "enrolled"), ("LOCKED", "locked"), ("SEEN", "seen_at"), ("BY", "created_by"),
    ]  # fmt: skip
    show(_list("/host/people", "/people"), as_json=as_json, columns=columns)


@user.command("add")
def add_user(name: Name, role: Role, as_json: AsJson = False) -> None:
    """Make a service account; give it tokens with `token create --account`."""
    body = {"name": name, "role": checked(role)}
    if _remote():
        answer = client.post("/service-accounts", body, role="admin")
    else:
        answer = call(home.find(), "/host/service-accounts", body)
    done(f"The service account {name} is there.", answer, as_json=as_json)


@user.command()
def invite(
    name: Name,
    role: Role,
    days: Annotated[float, typer.Option(min=0.01, max=30, help="How long it works.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Invite a person: a link by which they set their password. It is shown this once."""
    body = {"name": name, "role": checked(role), "days": days}
    if _remote():
        answer = client.post("/invitations", body, role="admin")
    else:
        answer = call(home.find(), "/host/invitations", body)
    if as_json:
        print_json(answer)
        return
    print(f"{_page()}{answer['path']}")
    typer.echo(f"for {name} as {role}, works once, until {answer['expires_at']}", err=True)


def _page() -> str:
    """The address under which a browser opens the cockpit."""
    base = client.url()
    return base if _remote() else f"http://localhost:{base.rsplit(':', 1)[1]}"


@user.command("role")
def set_role(name: Name, role: Role, as_json: AsJson = False) -> None:
    """Give an account another role; its open sessions have it at once."""
    body = {"role": checked(role)}
    if _remote():
        answer, _ = client.ask("PUT", f"/people/{_id(name)}/role", role="admin", body=body)
    else:
        answer = call(home.find(), f"/host/people/{name}/role", body)
    done(f"{name} is {role} now.", answer, as_json=as_json)


@user.command()
def disable(name: Name, as_json: AsJson = False) -> None:
    """Nobody signs in as it any more; its sessions and tokens end."""
    done(f"{name} is disabled.", _act(name, "disable"), as_json=as_json)


@user.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """It may sign in again; its tokens stay revoked."""
    done(f"{name} may sign in again.", _act(name, "enable"), as_json=as_json)


@user.command()
def unlock(name: Name, as_json: AsJson = False) -> None:
    """End its waiting after wrong passwords or codes."""
    done(f"{name} waits no more.", _act(name, "unlock"), as_json=as_json)


@user.command("reset-factors")
def reset_factors(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Forget its second factors, lost ones for instance; its sessions end."""
    confirm(f"Forget every second factor of {name}?", yes=yes)
    done(f"{name} has no second factor now.", _act(name, "reset-factors"), as_json=as_json)


@session.command("list")
def list_sessions(as_json: AsJson = False) -> None:
    """Everybody's open sessions."""
    columns = [
        ("ID", "id"), ("WHO", "actor"), ("ROLE", "role"), ("BY", "method"), ("MFA", "mfa"),
        ("FROM", "address"), ("SINCE", "created_at"), ("SEEN", "seen_at"),
    ]  # fmt: skip
    show(_list("/host/sessions", "/sessions"), as_json=as_json, columns=columns)


@session.command()
def revoke(
    identifier: Annotated[str | None, typer.Argument(help="A session.")] = None,
    of: Annotated[str | None, typer.Option("--user", help="Every one of this account.")] = None,
    as_json: AsJson = False,
) -> None:
    """End a session, or all of an account; their streams close within five seconds."""
    if (identifier is None) == (of is None):
        raise typer.BadParameter("name one session, or an account with --user")
    if of is not None:
        if _remote():
            answer, _ = client.ask("DELETE", f"/people/{_id(of)}/sessions", role="admin")
        else:
            answer = call(home.find(), f"/host/people/{of}/end-sessions", {})
        done(f"The sessions of {of} are ended.", answer, as_json=as_json)
        return
    if _remote():
        answer, _ = client.ask("DELETE", f"/sessions/{identifier}", role="admin")
    else:
        answer = call(home.find(), f"/host/sessions/{identifier}/end", {})
    done(f"{identifier} is ended.", answer, as_json=as_json)


def login(
    name: Annotated[str | None, typer.Option(help="The account.")] = None,
    step_up: Annotated[
        bool, typer.Option("--step-up", help="Show the second factor again, in this session.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in at this terminal: what follows is done in your name. Asks for what it needs."""
    base = client.url()
    if step_up:
        body = _code("Code of the app, or a recovery code: ")
        answer = client.post("/session/step-up", body, role="viewer")
        done(f"Stepped up until {answer['stepped_up_until']}.", answer, as_json=as_json)
        return
    name = name or _ask("Name: ")
    answer, cookie = client.sign_in("/sessions/password", {"name": name, "password": _password()})
    if "challenge" in answer:
        body = {"challenge": answer["challenge"]} | _code("Code of the app, or a recovery code: ")
        answer, cookie = client.sign_in("/sessions/second", body)
    signedin.keep(base, cookie, answer["expires_at"])
    text = f"Signed in as {answer['actor']} ({answer['role']}) until {answer['expires_at']}."
    done(text, answer, as_json=as_json)


def logout(as_json: AsJson = False) -> None:
    """End the session of this terminal."""
    base = client.url()
    if signedin.secret(base) is None:
        raise TradedeckError(Code.NOT_FOUND, "Nobody is signed in at this terminal.")
    try:
        client.ask("DELETE", "/session", role="viewer")
    finally:
        signedin.forget(base)
    done("Signed out.", None, as_json=as_json)


def _password() -> str:
    return (
        getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    )


def _code(prompt: str) -> dict[str, str]:
    code = _ask(prompt).strip()
    return {"way": "totp" if code.replace(" ", "").isdigit() else "recovery", "code": code}


def _ask(prompt: str) -> str:
    if sys.stdin.isatty():
        sys.stderr.write(prompt)
        sys.stderr.flush()
    return sys.stdin.readline().rstrip("\n")
