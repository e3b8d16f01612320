"""People from the command line, against a real api on loopback and its socket in the home."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.deck import Wire, running
from tests.program import PROGRAM
from tradedeck.ops.exits import Exit

pytestmark = pytest.mark.processes
PASSWORD = "four words nobody joins"


async def run(home: Path, *words: str, given: str = "", **environment: str) -> tuple[int, str, str]:
    """A command in a process of its own: exit code, output, errors."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM), "TRADEDECK_HOME": str(home)}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tradedeck.cli", *words],
        env=env | environment, input=given, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


async def told(home: Path, *words: str, **environment: str) -> Any:
    code, out, errors = await run(home, *words, "--json", **environment)
    assert code == 0, errors
    return json.loads(out)


def test_people_are_invited_listed_and_disabled_on_the_host(tmp_path: Path):
    async def scenario() -> None:
        home = tmp_path / "h"
        async with running(home, Wire()) as deck:
            code, out, errors = await run(home, "user", "invite", "rita", "--role", "risk")
            assert (code, "rita as risk" in errors) == (0, True)
            address = out.strip()
            assert address.startswith("http://localhost:")
            assert "/sign-in?invitation=tdi_" in address
            async with deck.client("") as browser:
                answer = await browser.post(
                    "/sessions/invitation",
                    json={
                        "token": address.rpartition("=")[2], "display_name": "Rita",
                        "password": PASSWORD,
                    },
                )  # fmt: skip
                assert answer.status_code == 201, answer.text
            code, _, _ = await run(home, "user", "add", "robot", "--role", "operator")
            assert code == 0
            people = (await told(home, "user", "list"))["items"]
            assert [(p["name"], p["kind"], p["role"]) for p in people] == [
                ("rita", "person", "risk"), ("robot", "service", "operator"),
            ]  # fmt: skip
            sessions = (await told(home, "session", "list"))["items"]
            assert [s["actor"] for s in sessions] == ["rita"]
            code, out, _ = await run(home, "session", "revoke", sessions[0]["id"])
            assert (code, (await told(home, "session", "list"))["items"]) == (0, [])
            assert (await run(home, "user", "role", "rita", "--role", "viewer"))[0] == 0
            assert (await run(home, "user", "disable", "rita"))[0] == 0
            assert (await told(home, "user", "list"))["items"][0]["disabled"] is True
            assert (await run(home, "user", "disable", "nobody"))[0] == Exit.NOT_FOUND
            words = ("token", "create", "--role", "operator", "--account", "robot",
                     "--permission", "read", "--permission", "kill")  # fmt: skip
            token = (await told(home, *words))["token"]
            async with deck.client(token) as machine:
                me = (await machine.get("/session")).json()
            assert (me["actor"], me["permissions"]) == ("robot", ["kill", "read"])

    asyncio.run(asyncio.wait_for(scenario(), 170))


def test_who_signs_in_at_a_terminal_acts_in_their_name(tmp_path: Path):
    async def scenario() -> None:
        home = tmp_path / "h"
        async with running(home, Wire()) as deck:
            out = (await run(home, "user", "invite", "olga", "--role", "operator"))[1]
            async with deck.client("") as browser:
                body = {"token": out.strip().rpartition("=")[2], "display_name": "Olga"}
                body["password"] = PASSWORD
                await browser.post("/sessions/invitation", json=body)
            code, _, errors = await run(home, "login", "--name", "olga", given="wrong\n")
            assert (code, "name or the password" in errors) == (Exit.UNAUTHORISED, True)
            code, out, errors = await run(home, "login", "--name", "olga", given=PASSWORD + "\n")
            assert code == 0, errors
            assert out.startswith("Signed in as olga (operator)")
            file = home / "keys" / "login.json"
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert PASSWORD not in file.read_text()
            # Elsewhere the same way, with an address and nothing else.
            far = {"TRADEDECK_URL": deck.url}
            code, _, errors = await run(tmp_path / "far", "status", **far)
            assert (code, "tradedeck login" in errors) == (Exit.UNAUTHORISED, True)
            code, _, _ = await run(
                tmp_path / "far", "login", "--name", "olga", given=PASSWORD + "\n", **far
            )
            assert code == 0
            code, _, errors = await run(tmp_path / "far", "user", "list", **far)
            assert (code, "people.read" in errors) == (Exit.UNAUTHORISED, True)
            sessions = (await told(home, "session", "list"))["items"]
            assert [s["method"] for s in sessions].count("password") == 2
            assert (await run(home, "logout"))[0] == 0
            assert (await run(home, "logout"))[0] == Exit.NOT_FOUND
            # On the host a command goes on as the host's own.
            assert (await run(home, "token", "list"))[0] == 0

    asyncio.run(asyncio.wait_for(scenario(), 170))
