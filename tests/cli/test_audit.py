"""`tradedeck audit` against a real api and against the files it left; what it wrote is verified by
the program that shares no code with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.deck import Wire, running
from tests.cli.conftest import Api, Outcome
from tests.program import PROGRAM
from tests.raw import untriggered
from tradedeck.audit.types import Act, Action, Who
from tradedeck.ops.exits import Exit

PATHS = [str(PROGRAM), *sys.path]
VERIFIER = Path(__file__).parents[2] / "tools" / "verify_audit.py"


def tradedeck(*arguments: str, **environ: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", "audit", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(PATHS), **environ},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def verified(path: Path, key: str, *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, VERIFIER, path, "--key", key, "--json", *options],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    return json.loads(done.stdout)


def served(home: Path, *commands: list[str]) -> list[Outcome]:
    """Commands while the api of a home with some records runs."""

    async def scenario() -> list[Outcome]:
        async with running(home, Wire()) as deck:
            for number in range(5):
                who = Who("ada", "risk")
                await deck.context.audit(Act(Action.FLATTEN, who, f"trader/{number}"))
            given = {"TRADEDECK_URL": deck.url, "TRADEDECK_TOKEN": deck.token}
            return [await asyncio.to_thread(tradedeck, *each, **given) for each in commands]

    return asyncio.run(scenario())


def test_the_running_log_is_verified_proved_exported(tmp_path: Path):
    home, file = tmp_path / "h", tmp_path / "log.tar"
    verify, prove, export, key = served(
        home, ["verify"], ["prove", "3", "--json"], ["export", "-o", str(file)], ["key"]
    )
    assert verify[0] == 0
    assert "under the signed root" in verify[1]
    proof = json.loads(prove[1])
    assert proof["checkpoint"]["key"] == key[1].strip()
    assert (export[0], key[0]) == (0, 0)
    found = verified(file, key[1].strip())
    assert found["ok"]
    assert found["records"] >= 5
    assert file.stat().st_mode & 0o077 == 0


def test_a_stopped_log_says_the_same_without_an_api(tmp_path: Path):
    home, file = tmp_path / "h", tmp_path / "log.tar"
    running_key = served(home, ["verify"], ["key"])[1][1]
    here = {"TRADEDECK_HOME": str(home)}
    code, said, _ = tradedeck("verify", "--json", **here)
    assert (code, json.loads(said)["ok"]) == (0, True)
    count = json.loads(said)["tree"]
    assert tradedeck("key", **here)[:2] == (0, running_key)
    assert tradedeck("prove", "2", **here)[1].startswith(f"Record 2 is in the tree of {count} ")
    assert tradedeck("export", "-o", str(file), **here)[0] == 0
    found = verified(file, running_key.strip(), "--database", str(home / "store" / "tradedeck.db"))
    assert (found["ok"], found["records"]) == (True, count)
    code, _, error = tradedeck("prove", str(count + 1), **here)
    assert (code, f"has {count} records" in error) == (Exit.NOT_FOUND, True)


def test_inv_13_a_log_that_breaks_ends_with_1_running_and_stopped(tmp_path: Path):
    home = tmp_path / "h"

    async def scenario() -> Outcome:
        async with running(home, Wire()) as deck:
            for _ in range(5):
                await deck.context.audit(Act(Action.FLATTEN, Who("ada", "risk")))
            await deck.context.trail.caught_up()
            untriggered(deck.context.whole, "UPDATE audit SET actor='eve' WHERE seq=3")
            given = {"TRADEDECK_URL": deck.url, "TRADEDECK_TOKEN": deck.token}
            return await asyncio.to_thread(tradedeck, "verify", **given)

    for code, said, _ in (asyncio.run(scenario()), tradedeck("verify", TRADEDECK_HOME=str(home))):
        assert code == Exit.FAILED
        assert "breaks at 3" in said


def test_a_home_without_a_log_says_what_to_do(tmp_path: Path):
    code, _, error = tradedeck("verify", TRADEDECK_HOME=str(tmp_path / "none"))
    assert (code, "tradedeck up" in error) == (Exit.NOT_FOUND, True)


@pytest.mark.parametrize("command", [["verify"], ["prove", "0"], ["export"]])
def test_what_is_refused_or_not_understood(api: Api, deck: Any, command: list[str]):
    detail = {"code": "FORBIDDEN", "detail": "The role viewer may not do this."}
    api.give("GET", "/audit/verify", detail, 403)
    code, _, error = deck("audit", *command)
    assert code == (Exit.UNAUTHORISED if command == ["verify"] else Exit.USAGE)
    assert error
