"""A user's strategies reach the catalogue by the runner's word, never by importing their code."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.deck import Wire, running
from tradedeck.api.library import Library
from tradedeck.testkit.journals import MemoryJournal

OWN = {
    "name": "mine", "title": "Mine", "description": "d", "intervals": [], "instruments": [],
    "presets": {"calm": {"period": 9}}, "origin": "host",
    "schema": {
        "type": "object", "additionalProperties": False,
        "properties": {"period": {"type": "integer", "minimum": 2, "maximum": 50}},
    },
}  # fmt: skip


def users_modules() -> set[str]:
    """Modules of users' strategies in this process; other tests of it may have loaded some."""
    return {name for name in sys.modules if name.startswith("tradedeck_user_")}


def test_what_the_runner_named_can_be_chosen(tmp_path: Path):
    before = users_modules()

    async def scenario() -> None:
        wire, journal = Wire(), MemoryJournal()
        await wire.play(journal)
        journal.append("runner.started", {"runner": "local", "strategies": [OWN, {"name": 1}, 7]})
        async with running(tmp_path / "h", wire) as deck, deck.client() as client:
            async with asyncio.timeout(60):
                # The library is level within a second; there is nothing to be woken by.
                mine = "/strategies/mine"
                while (await client.get(mine)).status_code != 200:  # noqa: ASYNC110 - why: above
                    await asyncio.sleep(0.05)
            for params, status in (({"period": 1}, 422), ({"x": 1}, 422), ({"period": 5}, 200)):
                body = {"strategy": "mine", "params": params}
                assert (await client.post("/activate", json=body)).status_code == status
            report = await client.get("/strategies/mine/presets/calm/report")
            assert report.status_code == 404

    asyncio.run(scenario())
    assert users_modules() == before


@pytest.mark.parametrize(
    "wrong", [{"name": "x"}, {**OWN, "name": "../x"}, {**OWN, "name": "momentum", "title": "Evil"}]
)
def test_what_is_malformed_or_takes_a_built_in_name_is_left_out(wrong: Any):
    before = Library().entries()
    library = Library([wrong])
    assert library.entries() == before
