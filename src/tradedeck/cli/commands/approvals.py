"""A second person's word from the command line: ask, look, say yes or no.

What is signed is spelled out first, and its hash is computed here: the control plane is not
believed about what it is that one agrees to.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradedeck.authority import approval
from tradedeck.cli import client, personkey
from tradedeck.cli.output import AsJson, confirm, done, fields, items, pairs, print_json, show
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError

app = typer.Typer(help="Acts that take two people.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", help="As `approvals list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """What waits for a second person."""
    answer = fields(client.get("/approvals"))
    if not every:
        kept = [row for row in items(answer.get("items")) if row["status"] in ("open", "approved")]
        answer = {"items": kept}
    columns = [
        ("ID", "id"), ("KIND", "kind"), ("STATUS", "status"), ("BY", "requester"),
        ("APPROVED BY", "approver"), ("REASON", "reason"), ("EXPIRES", "expires_at"),
    ]  # fmt: skip
    show(answer, as_json=as_json, columns=columns, empty="Nothing waits for a second person.")


@app.command("show")
def show_one(identifier: Id, as_json: AsJson = False) -> None:
    """One request, its act in full."""
    told = _read(identifier)
    if as_json:
        print_json(told)
        return
    pairs({name: value for name, value in told.items() if name != "act"})
    print("The act:")
    pairs(fields(told["act"]))


@app.command()
def lift(
    scope: Annotated[str, typer.Argument(help="As `tradedeck lift` takes it.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask for the lift of a latch, and sign it where you have a key."""
    told = _asked({"kind": "halt.lift", "scope": scope, "reason": reason})
    _checked(told)
    given = fields(told["act"])
    if (given["scope"], given["reason"]) != (scope, reason):
        raise TradedeckError(Code.BAD_SIGNATURE, "The api made another act of it; not signed.")
    signature = _signature(told)
    if signature is not None:
        told = fields(_post(f"/approvals/{told['id']}/sign", {"signature": signature}))
    _waits(told, as_json=as_json)


@app.command()
def grant(
    name: Annotated[str, typer.Argument(help="The account.")],
    role: Annotated[str, typer.Option(help="viewer, operator, risk or admin.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask for a role for somebody."""
    known = items(fields(client.get("/people", role="admin")).get("items"))
    user = next((row["id"] for row in known if row["name"] == name), None)
    if user is None:
        raise TradedeckError(Code.NOT_FOUND, f"There is no account {name}.")
    told = _asked({"kind": "role.grant", "user": user, "role": role, "reason": reason})
    _waits(told, as_json=as_json)


@app.command()
def solo(
    right: Annotated[str, typer.Argument(help="halt.clear, config.loosen or people.manage.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask that one person suffices again for a right."""
    _waits(_asked({"kind": "profile.solo", "right": right, "reason": reason}), as_json=as_json)


@app.command()
def approve(identifier: Id, yes: Yes = False, as_json: AsJson = False) -> None:
    """Say yes to exactly what is shown, and sign it where you have a key."""
    told = _read(identifier)
    if not as_json:
        print(f"{told['requester']} asks ({told['reason']}):")
        pairs(fields(told["act"]))
    confirm("Approve exactly this?", yes=yes)
    body: dict[str, Any] = {"digest": _checked(told)}
    signature = _signature(told)
    if signature is not None:
        body["signature"] = signature
    answer = fields(_post(f"/approvals/{identifier}/approve", body))
    words = f"{identifier} is {answer.get('status')}."
    if answer.get("kind") == "halt.lift":
        act = fields(answer["act"])
        words += f" Lift it: tradedeck lift {act['scope']} -r … --approval {identifier}"
    done(words, answer, as_json=as_json)


@app.command()
def refuse(identifier: Id, reason: Reason, as_json: AsJson = False) -> None:
    """Say no, or take your own request back."""
    answer = fields(_post(f"/approvals/{identifier}/refuse", {"reason": reason}))
    done(f"{identifier} is {answer.get('status')}.", answer, as_json=as_json)


def _read(identifier: str) -> dict[str, Any]:
    return fields(client.get(f"/approvals/{identifier}"))


def _post(path: str, body: dict[str, Any]) -> Any:
    return client.post(path, body, role="risk")


def _asked(wish: dict[str, Any]) -> dict[str, Any]:
    return fields(_post("/approvals", wish))


def _checked(told: dict[str, Any]) -> str:
    """The act's hash, computed here; raises CHAIN_BROKEN where the api says another."""
    found = canonical.digest(canonical.encode(told["act"]))
    if found != told["digest"]:
        raise TradedeckError(
            Code.CHAIN_BROKEN, "The api's digest is not that of the act it shows; nothing was said."
        )
    return found


def _signature(told: dict[str, Any]) -> dict[str, str] | None:
    """One's own over a lift, as the trading host verifies it; None without a key."""
    if told["kind"] != "halt.lift" or not personkey.path().exists():
        return None
    name, key = personkey.load()
    return approval.sign(key, name, approval.act_of(told["act"])).body()


def _waits(told: dict[str, Any], *, as_json: bool) -> None:
    words = f"{told['id']} waits for another person until {told['expires_at']}:"
    done(f"{words} tradedeck approvals approve {told['id']}", told, as_json=as_json)
