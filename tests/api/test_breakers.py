"""`GET /breakers`: every rule of the document beside how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.api.plane import Plane, plane
from tests.api.test_kills import taken
from tradedeck.api import pull
from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.testkit.journals import MemoryJournal, TradingDay

OWN = "account/paper"
LATCHED = {"scope": OWN, "level": "pause", "by": "breaker", "reason": "rejects: 5 rejects in 60 s"}
REJECTS = {
    "scope": OWN, "breaker": "rejects", "action": "pause", "reason": "5 rejects in 60 s",
    "numbers": {"count": 5, "bound": 5}, "halts": [OWN],
}  # fmt: skip
AWAY = {
    "scope": "feed/us-daily", "breaker": "feed_disconnected", "action": "pause", "reason": "stale",
    "numbers": {"seconds": 31.0}, "halts": [],
}  # fmt: skip


Play = Callable[[Callable[[Plane], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Callable[[Plane], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            async with plane(tmp_path / "h") as p:
                await scenario(p)

        asyncio.run(whole())

    return run


async def listed(p: Plane) -> dict[tuple[str, str], dict[str, Any]]:
    answer = await (await p.client()).get("/api/v1/breakers")
    assert answer.status_code == 200, answer.text
    return {(row["scope"], row["breaker"]): row for row in answer.json()["items"]}


def test_rsk_3_every_rule_stands_there_before_anything_happened(play: Play):
    async def scenario(p: Plane) -> None:
        rows = await listed(p)
        assert {row["account"] for row in rows.values()} == {"paper"}
        assert {row["state"] for row in rows.values()} == {"closed"}
        rejects = rows[OWN, "rejects"]
        assert (rejects["bound"], rejects["window_s"], rejects["action"]) == (5, 60, "pause")
        assert (rejects["resume"], rejects["lifted_by"]) == ("person", "risk")
        assert rejects["cooldown_s"] is None
        clock = rows[OWN, "clock_offset"]
        assert (clock["resume"], clock["cooldown_s"], clock["lifted_by"]) == ("auto", 60, None)
        assert rows["feed/us-daily", "stale_checks"]["bound"] == 3
        assert ("feed/us-daily", "feed_disconnected") in rows
        assert ("trader/aapl-momentum", "repeated_execution") in rows
        drawdown = rows[OWN, "drawdown_max"]
        assert (drawdown["bound"], drawdown["action"]) == (0.2, "reduce_only")

    play(scenario)


@pytest.mark.parametrize(
    ("scope", "drawdown", "again"),
    [
        (OWN, "0.21", True),
        ("all", "0.21", True),
        ("tenant/default", "0.21", True),
        (OWN, "0.19", False),
        ("trader/aapl-momentum", "0.21", False),
        ("account/other", "0.21", False),
    ],
)
def test_rsk_4_before_a_lift_it_is_said_what_would_stop_it_again(
    play: Play, scope: str, drawdown: str, again: bool
):
    async def scenario(p: Plane) -> None:
        journal = MemoryJournal()
        day = TradingDay(journal)
        day.start("paper")
        day.equity("79000", account="paper", drawdown=drawdown)
        await taken(p, journal)
        client = await p.client()
        answer = await client.get("/api/v1/lifts/preview", params={"scope": scope})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["again"] is again
        named = [(c["scope"], c["breaker"]) for c in told["causes"] if c["crossed"]]
        assert named == ([(OWN, "drawdown_max")] if again else [])
        assert ("0.21 of 0.2" in told["detail"]) is again

    play(scenario)


def test_rsk_4_what_nobody_reported_is_not_said_to_be_right(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        told = (await client.get("/api/v1/lifts/preview", params={"scope": "all"})).json()
        assert {c["crossed"] for c in told["causes"]} == {None}
        assert told["causes"]
        refused = await client.get("/api/v1/lifts/preview", params={"scope": "planet/x"})
        assert refused.status_code == 422, refused.text

    play(scenario)


def test_headroom_of_what_had_no_price_is_unknown(play: Play):
    async def scenario(p: Plane) -> None:
        journal = MemoryJournal()
        TradingDay(journal).start("paper")
        check = {"limit": "gross_exposure_max", "scope": "account", "used": "0",
                 "after": "unknown", "bound": "1", "ok": False}  # fmt: skip
        journal.append("decision", {
            "trader": "aapl-momentum", "account": "paper", "strategy": "momentum",
            "instrument": "AAPL", "time_ns": 1, "seen_ns": 1, "price": 10.0, "inputs": {},
            "signal": {"target": "1", "stop": None, "reason": ""}, "position": "0",
            "verdict": "denied", "orders": [], "refusals": [], "checks": [check],
        })  # fmt: skip
        await taken(p, journal)
        answer = await (await p.client()).get("/api/v1/accounts/paper/limits")
        assert answer.status_code == 200, answer.text

    play(scenario)


def test_rsk_3_an_open_one_says_why_since_when_and_what_it_latched(play: Play):
    async def scenario(p: Plane) -> None:
        journal = MemoryJournal()
        TradingDay(journal).start("paper")
        journal.append("breaker.tripped", REJECTS)
        journal.append("breaker.reset", REJECTS)
        journal.append("breaker.tripped", REJECTS)
        journal.append("halt.set", LATCHED)
        journal.append("breaker.tripped", AWAY)
        await taken(p, journal)
        closes = p.clock.now_ns() + 9 * NS_PER_S
        gauges = {
            "breakers": [
                {"scope": OWN, "breaker": "rejects", "used": 2},
                {"scope": "feed/us-daily", "breaker": "feed_disconnected", "used": 31.0,
                 "closes_ns": closes},
            ],
            "feeds": {"us-daily": {"stale_checks": 31}},
        }  # fmt: skip
        pull.take_telemetry(p.context, p.context.settings.runner, gauges)
        rows = await listed(p)
        assert [row["state"] for row in rows.values()][:2] == ["open", "open"]
        rejects = rows[OWN, "rejects"]
        assert (rejects["state"], rejects["trips"], rejects["used"]) == ("open", 2, 2)
        assert rejects["reason"] == "5 rejects in 60 s"
        assert rejects["numbers"]["count"] == 5
        assert rejects["open_since"] == rejects["last_tripped"] is not None
        (halt,) = rejects["halts"]
        assert (halt["scope"], halt["level"], halt["by"]) == (OWN, "pause", "breaker")
        away = rows["feed/us-daily", "feed_disconnected"]
        assert (away["halts"], away["closes_at"]) == ([], format_ns(closes))
        assert rows["feed/us-daily", "stale_checks"]["used"] == 31
        journal.append("breaker.reset", AWAY)
        journal.append("limit.breached", {"scope": OWN, "limit": "drawdown_max", "value": "0.4",
                                          "bound": "0.2", "action": "reduce_only"})  # fmt: skip
        journal.append("halt.set", {"scope": OWN, "level": "reduce_only", "by": "limit",
                                    "reason": "drawdown_max 0.4 of 0.2"})  # fmt: skip
        await taken(p, journal)
        p.clock.advance(2 * NS_PER_S)
        rows = await listed(p)
        assert rows["feed/us-daily", "feed_disconnected"]["state"] == "closed"
        drawdown = rows[OWN, "drawdown_max"]
        assert (drawdown["state"], drawdown["halts"][0]["level"]) == ("open", "reduce_only")

    play(scenario)
