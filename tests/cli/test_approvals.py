"""CTL-2 and CTL-18 by the command line: two people on two machines, a real api, a real guard."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.desk_of_two import Desk, desk_of_two
from tests.program import PROGRAM
from tradedeck.guard import types as t
from tradedeck.ops.exits import Exit

pytestmark = pytest.mark.processes


async def run(d: Desk, home: Path, *words: str) -> tuple[int, str]:
    """A command of whoever's home that is: exit code, and what it printed."""
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(PROGRAM), "TRADEDECK_HOME": str(home),
        "TRADEDECK_URL": d.deck.url,
    }  # fmt: skip
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tradedeck.cli", *words],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


async def machine(d: Desk, home: Path, name: str) -> Path:
    """A person's own: signed in and stepped up there, with a key that the host trusts."""
    await d.person(name)
    (home / name / "keys").mkdir(parents=True, mode=0o700)
    kept = {d.deck.url: {"secret": d.secrets[name], "expires_at": "2099-01-01T00:00:00Z"}}
    file = home / name / "keys" / "login.json"
    file.write_text(json.dumps(kept))
    file.chmod(0o600)
    code, out = await run(d, home / name, "key", "create", name, "--json")
    assert code == Exit.OK, out
    made = json.loads(out)
    d.book.trust(name, "risk", {"kind": made["kind"], "public": made["public"]})
    return home / name


def test_ctl_2_the_right_pair_lifts_and_nobody_else_by_command(tmp_path: Path):
    async def scenario() -> None:
        async with desk_of_two(tmp_path) as d:
            ann, bob = [await machine(d, tmp_path, name) for name in ("ann", "bob")]
            d.halt()
            await d.heard()

            async def told(home: Path, *words: str) -> Any:
                code, out = await run(d, home, *words, "--json")
                assert code == Exit.OK, out
                return json.loads(out)

            code, out = await run(d, ann, "lift", "all", "-r", "calm", "--code", "12345678")
            assert (code, "takes two people" in out) == (Exit.REFUSED, True)
            asked = await told(ann, "approvals", "lift", "all", "-r", "calm")
            assert asked["signed_by"] == ["ann"]
            name = asked["id"]
            code, out = await run(d, ann, "approvals", "approve", name, "--yes")
            assert (code, "their own request" in out) == (Exit.REFUSED, True)
            code, out = await run(d, ann, "lift", "all", "-r", "calm", "--approval", name)
            assert code == Exit.CONFLICT, out
            assert [row["id"] for row in (await told(bob, "approvals", "list"))["items"]] == [name]
            assert name in (await run(d, bob, "approvals", "show", name))[1]
            code, out = await run(d, bob, "approvals", "approve", name, "--yes")
            assert (code, f"--approval {name}" in out) == (Exit.OK, True), out
            code, out = await run(d, ann, "lift", "all", "-r", "calm", "--approval", name)
            assert code == Exit.OK, out
            d.guard.happened(t.Tick())
            assert "all" not in d.guard.core.latch.halts
            code, out = await run(d, ann, "lift", "all", "-r", "calm", "--approval", name)
            assert code == Exit.CONFLICT, out
            d.halt("kill_b")
            await d.heard()
            other = (await told(ann, "approvals", "lift", "all", "-r", "again"))["id"]
            code, out = await run(d, bob, "approvals", "refuse", other, "-r", "not yet")
            assert (code, "is refused" in out) == (Exit.OK, True)
            assert (await told(bob, "approvals", "list"))["items"] == []
            assert "all" in d.guard.core.latch.halts

    asyncio.run(asyncio.wait_for(scenario(), 170))
