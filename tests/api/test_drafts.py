"""Previews of drafts: faults at their fields, what would change, and why there is no signal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.plane import Plane, plane
from tradedeck.adapters.bus.types import Message
from tradedeck.identity.types import Role
from tradedeck.ops.files import write_json

DRAFT: dict[str, Any] = {
    "id": "two",
    "account": "paper",
    "feed": "daily",
    "instrument": "IBM",
    "strategy": "ema-cross",
    "params": {"fast": 5, "slow": 30},
}
REPLY = {
    "wishes": [{"target": 1.0, "reason": "up", "stop": None}],
    "inputs": {"fast": 2.0},
    "bar_end_ns": 1_096_574_400_000_000_000,
    "price": 101.5,
    "orders": [{"side": "BUY", "quantity": "9", "verdict": "denied", "reason": "ORDER_VALUE"}],
    "checks": [{"limit": "order_value_max", "scope": "account", "ok": False}],
}


def _seed(home: Path) -> None:
    """A first version with a feed of two instruments, an account, and a trader on the first."""
    trader = {**DRAFT, "id": "one", "instrument": "AAPL", "limits": {"order_value_max": "100"}}
    home.mkdir(mode=0o700)
    write_json(
        home / "seed.yaml",
        {
            "version": 1,
            "feeds": [
                {
                    "id": "daily",
                    "kind": "replay",
                    "source": "bundled:us-daily",
                    "instruments": ["AAPL", "IBM"],
                }
            ],
            "accounts": [
                {"id": "paper", "broker": "paper", "currency": "USD", "starting_balance": "100000"}
            ],
            "traders": [trader],
        },
    )


async def _preview(deck: Plane, **change: Any) -> dict[str, Any]:
    async with await deck.client(Role.VIEWER) as client:
        answer = await client.post("/api/v1/traders/preview", json={**DRAFT, **change})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def _answers(deck: Plane) -> None:
    """A runner that previews instead of the one that only accepts."""

    async def command(message: Message) -> Any:
        opened = deck.runner.verifier.open(message.data, kind="command", now_ns=deck.clock.now_ns())
        deck.runner.bodies.append(opened.body)
        return {"id": opened.id, "accepted": True, "code": "", "result": REPLY}

    deck.hub.services.clear()
    await deck.runner.bus.serve("cmd.local", command)


def _play(home: Path, scenario: Any) -> None:
    async def whole() -> None:
        _seed(home)
        async with plane(home) as deck:
            await scenario(deck)

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_a_valid_draft_shows_signal_limits_and_change(tmp_path: Path) -> None:
    async def scenario(deck: Plane) -> None:
        await _answers(deck)
        generation = deck.context.desired.generation
        found = await _preview(deck)
        assert found["valid"] is True
        assert found["errors"] == []
        assert (found["signal"]["reason"], found["price"]) == ("up", "101.5")
        assert found["orders"][0]["reason"] == "ORDER_VALUE"
        assert found["checks"][0]["ok"] is False
        assert [change["path"] for change in found["changes"]] == ["traders.two"]
        # Nothing was stored, and what was asked was a question, not a command.
        assert deck.context.desired.generation == generation
        assert [body["command"] for body in deck.runner.bodies] == ["signals.preview"]
        assert deck.runner.bodies[0]["audit"] is None

    _play(tmp_path / "h", scenario)


def test_parameters_are_shown_in_full(tmp_path: Path) -> None:
    async def scenario(deck: Plane) -> None:
        await _answers(deck)
        found = await _preview(deck, params={"fast": 7})
        assert found["params"]["fast"] == 7
        assert found["params"]["slow"] > 7
        sent = deck.runner.bodies[0]["args"]["draft"]
        assert sent["params"] == {"fast": 7}

    _play(tmp_path / "h", scenario)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"params": {"fast": 0}}, "params.fast"),
        ({"params": {"fast": 50, "slow": 20}}, "params"),
        ({"params": {"fasst": 5}}, "params.fasst"),
        ({"strategy": "none-such"}, "strategy"),
        ({"instrument": "GOOG"}, "instrument"),
        ({"instrument": "AAPL"}, "(trader)"),
        ({"sizing": {"kind": "risk", "value": "2"}}, "sizing"),
    ],
)
def test_a_fault_is_named_at_the_drafts_own_field(
    tmp_path: Path, change: dict[str, Any], path: str
) -> None:
    async def scenario(deck: Plane) -> None:
        found = await _preview(deck, **change)
        assert (found["valid"], found["code"]) == (False, "INVALID_CONFIG")
        assert found["errors"][0]["path"] == path
        assert found["errors"][0]["reason"]
        assert deck.runner.bodies == []  # the runner is not asked about what is not possible

    _play(tmp_path / "h", scenario)


def test_a_change_that_loosens_says_what_it_needs(tmp_path: Path) -> None:
    async def scenario(deck: Plane) -> None:
        await _answers(deck)
        one = {"id": "one", "instrument": "AAPL"}
        tighter = await _preview(deck, **one, limits={"order_value_max": "50"})
        assert (tighter["effect"], tighter["needs_step_up"]) == ("tightens", False)
        looser = await _preview(deck, **one, limits={"order_value_max": "500"})
        assert (looser["effect"], looser["needs_step_up"]) == ("loosens", True)
        assert looser["wait_s"] == deck.context.settings.loosening_wait_s > 0

    _play(tmp_path / "h", scenario)


def test_a_draft_without_a_signal_is_valid_and_says_why(tmp_path: Path) -> None:
    async def scenario(deck: Plane) -> None:
        deck.runner.refuse = ("CONFLICT", "IBM has no bar yet")
        found = await _preview(deck)
        assert (found["valid"], found["code"]) == (True, "CONFLICT")
        assert found["detail"] == "IBM has no bar yet"
        assert found["signal"] is None
        assert found["changes"]
        deck.hub.services.clear()
        found = await _preview(deck)
        assert (found["valid"], found["code"]) == (True, "UNAVAILABLE")
        assert found["hint"]

    _play(tmp_path / "h", scenario)
