"""Acts on traders and the book: recorded before and after, signed, once for a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.api.plane import Plane, plane
from tests.raw import raw
from tradedeck.api import desk
from tradedeck.audit.verify import verify
from tradedeck.desired import service
from tradedeck.desired.types import PendingKind
from tradedeck.identity.service import HOST
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S

Scenario = Callable[[Plane], Coroutine[Any, Any, None]]
Play = Callable[..., None]
TRADER = "/api/v1/traders/aapl-momentum"
NEW = {
    "id": "ibm-ema", "account": "paper", "feed": "us-daily", "instrument": "IBM",
    "strategy": "ema-cross", "params": {"fast": 5, "slow": 20},
    "sizing": {"kind": "equity_fraction", "value": "0.1"},
}  # fmt: skip


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Scenario, **settings: Any) -> None:
        async def whole() -> None:
            async with plane(tmp_path / "h", **settings) as p:
                await scenario(p)

        asyncio.run(whole())

    return run


def traders(p: Plane) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in p.context.desired.document["traders"]}


async def records(p: Plane, audit_id: str) -> list[tuple[str, str]]:
    client = await p.client()
    answer = await client.get("/api/v1/audit", params={"audit_id": audit_id})
    return [(r["act"], r["outcome"]) for r in reversed(answer.json()["items"])]


@pytest.mark.parametrize(
    ("path", "body", "command", "args"),
    [
        ("/flatten", {"scope": "all"}, "flatten", {"scope": "all"}),
        ("/flatten", {"scope": "trader/a"}, "flatten", {"scope": "trader/a"}),
        ("/orders/o-1/cancel", {}, "order.cancel", {"order": "o-1"}),
        ("/orders/cancel", {}, "orders.cancel", {}),
        ("/orders/cancel", {"trader": "a"}, "orders.cancel", {"trader": "a"}),
        ("/positions/close", {"account": "paper", "instrument": "AAPL"}, "position.close",
         {"account": "paper", "instrument": "AAPL"}),
        ("/halts", {"scope": "all", "level": "pause", "reason": "news"}, "halt.set",
         {"scope": "all", "level": "pause", "reason": "news"}),
        ("/feeds/us-daily/replay", {"speed": 8.0, "paused": False}, "replay.set",
         {"feed": "us-daily", "speed": 8.0, "paused": False}),
        ("/traders/aapl-momentum/restart", {}, "trader.restart", {"trader": "aapl-momentum"}),
    ],
)  # fmt: skip
def test_an_act_is_a_signed_command_between_two_records(
    play: Play, path: str, body: Any, command: str, args: Any
):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        answer = await client.post(f"/api/v1{path}", json=body)
        assert answer.status_code == 200, answer.text
        receipt = answer.json()
        sent = p.runner.bodies[-1]
        assert (sent["command"], sent["args"], sent["by"]) == (command, args, "t-operator")
        assert sent["audit"] == receipt["audit_id"]
        assert receipt["id"].startswith("env_")
        assert [o for _, o in await records(p, receipt["audit_id"])] == ["started", "done"]

    play(scenario)


def test_what_the_runner_refuses_is_answered_and_recorded(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        p.runner.refuse = ("NOT_FOUND", "there is no such order")
        answer = await client.post("/api/v1/orders/o-9/cancel", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert answer.json()["detail"] == "there is no such order"
        found = (await client.get("/api/v1/audit")).json()["items"][0]
        assert (found["outcome"], found["code"]) == ("refused", "NOT_FOUND")

    play(scenario)


def test_without_a_runner_an_act_is_503_and_recorded_as_failed(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        p.hub.set_up(up=False)
        answer = await client.post("/api/v1/flatten", json={"scope": "all"})
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        found = (await client.get("/api/v1/audit")).json()["items"][0]
        assert (found["act"], found["outcome"]) == ("runner:book:flatten", "failed")

    play(scenario)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/flatten", {"scope": "everything"}),
        ("/flatten", {}),
        ("/halts", {"scope": "all", "level": "off", "reason": "x"}),
        ("/halts", {"scope": "all", "level": "pause", "reason": ""}),
        ("/positions/close", {"account": "paper"}),
        ("/feeds/us-daily/replay", {}),
        ("/feeds/us-daily/replay", {"speed": -1}),
        ("/feeds/us-daily/replay", {"seek": "yesterday"}),
        ("/feeds/us-daily/replay", {"seek": "2008-01-01T00:00:00"}),
        ("/traders/aapl-momentum/stop", {"close": "yes"}),
    ],
)
def test_what_is_not_valid_reaches_nobody(play: Play, path: str, body: Any):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        answer = await client.post(f"/api/v1{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
        assert p.runner.bodies == []

    play(scenario)


def test_deploy_change_and_remove_a_trader(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        refused = await client.post("/api/v1/traders", json=NEW)
        assert refused.json()["errors"][0]["path"] == "traders[1].instrument"
        carry = {"feeds": {"us-daily": {"instruments": ["AAPL", "IBM"]}}}
        await client.patch("/api/v1/config", json={"patch": carry}, headers={"if-match": "1"})
        made = await client.post("/api/v1/traders", json=NEW)
        assert (made.status_code, made.json()["generation"]) == (201, 3), made.text
        again = await client.post("/api/v1/traders", json=NEW)
        assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
        address = "/api/v1/traders/ibm-ema"
        assert (await client.patch(address, json={"params": {}})).status_code == 428
        changed = await client.patch(
            address, json={"params": {"fast": 7}}, headers={"if-match": "3"}
        )
        assert changed.json()["generation"] == 4
        assert traders(p)["ibm-ema"]["params"] == {"fast": 7}
        gone = await client.delete(address, headers={"if-match": "4"})
        assert gone.status_code == 200
        assert "ibm-ema" not in traders(p)
        assert (await client.delete(address, headers={"if-match": "*"})).status_code == 404

    play(scenario)


def test_pause_lasts_and_is_at_once(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        receipt = (await client.post(f"{TRADER}/pause", json={})).json()
        assert receipt["generation"] == 2
        assert traders(p)["aapl-momentum"]["state"] == "paused"
        assert p.runner.bodies[-1]["command"] == "trader.pause"
        again = (await client.post(f"{TRADER}/pause", json={})).json()
        assert again["generation"] is None
        assert len(p.runner.bodies) == 2
        await client.post(f"{TRADER}/resume", json={})
        assert traders(p)["aapl-momentum"]["state"] == "running"

    play(scenario)


def test_pause_while_the_runner_is_away_waits_for_it(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        p.hub.set_up(up=False)
        answer = await client.post(f"{TRADER}/pause")
        assert answer.status_code == 200
        assert "as soon as" in answer.json()["detail"]
        assert traders(p)["aapl-momentum"]["state"] == "paused"
        closing = await client.post(f"{TRADER}/stop", json={"close": True})
        assert closing.status_code == 503  # a close cannot wait unseen

    play(scenario)


def test_stopping_works_with_a_store_that_takes_no_write(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        await client.get("/api/v1/session")
        raw(p.context.whole, "ALTER TABLE audit RENAME TO gone")
        for path, body in (
            ("/flatten", {"scope": "all"}),
            ("/halts", {"scope": "all", "level": "halted", "reason": "disk"}),
            ("/orders/cancel", {}),
            ("/traders/aapl-momentum/pause", {}),
        ):
            answer = await client.post(
                f"/api/v1{path}", json=body, headers={"idempotency-key": path}
            )
            assert answer.status_code == 200, answer.text
        assert [b["command"] for b in p.runner.bodies] == [
            "flatten", "halt.set", "orders.cancel", "trader.pause",
        ]  # fmt: skip
        started = await client.post("/api/v1/feeds/us-daily/replay", json={"speed": 9})
        assert started.status_code == 503  # what does not reduce is refused without its record
        assert len(p.runner.bodies) == 4

    play(scenario)


def test_activate_one_and_all(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        body = {"strategy": "ema-cross", "preset": "balanced", "trader": "aapl-momentum"}
        receipt = (await client.post("/api/v1/activate", json=body)).json()
        assert receipt["generation"] == 2
        trader = traders(p)["aapl-momentum"]
        preset = p.context.library.preset("ema-cross", "balanced")
        assert (trader["strategy"], trader["params"]) == ("ema-cross", preset)
        for wrong, status in (
            ({"strategy": "nope"}, 404),
            ({"strategy": "momentum", "preset": "nope"}, 404),
            ({"strategy": "momentum", "trader": "nobody"}, 404),
            ({"strategy": "momentum", "params": {"nope": 1}}, 422),
            ({"strategy": "momentum", "params": {}, "preset": "balanced"}, 422),
        ):
            answer = await client.post("/api/v1/activate", json=wrong)
            assert answer.status_code == status, answer.text
        assert p.context.desired.generation == 2

    play(scenario)


def test_every_strategy_its_schema_presets_and_reports(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.VIEWER)
        items = (await client.get("/api/v1/strategies")).json()["items"]
        assert {"momentum", "ema-cross", "mean-reversion"} <= {item["id"] for item in items}
        for item in items:
            assert item["schema"]["type"] == "object"
            for preset in item["presets"]:
                assert p.context.library.faults(item["id"], preset["params"]) == []
                report = await client.get(preset["report"])
                assert report.status_code == 200, preset["report"]
                assert report.json()["disclaimer"]

    play(scenario)


def test_inv_7_lifting_needs_right_reason_and_the_guards_own_code(play: Play):
    async def scenario(p: Plane) -> None:
        operator, risk = await p.client(Role.OPERATOR), await p.client(Role.RISK)
        body = {"scope": "all", "reason": "looked at it"}
        for path, field in (("/api/v1/halts/clear", "step_up"), ("/api/v1/lifts", "code")):
            assert (await operator.post(path, json=body)).status_code == 403
            refused = await risk.post(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "STEP_UP_REQUIRED")
            assert "tradedeck guard code" in refused.json()["hint"]
            guessed = await risk.post(path, json={**body, field: await p.code()})
            assert guessed.json()["code"] == "STEP_UP_REQUIRED"  # the api's codes lift nothing
            waits = await risk.post(path, json={**body, field: p.guard.code})
            assert waits.json()["hold_until"] == "2026-11-20T14:01:00Z"
            assert waits.json()["pending"] == "lift_played00"
            kind, told = p.guard.told[-1]
            assert (kind, told["scope"], told["reason"], told["by"]) == (
                "lift", "all", "looked at it", "t-risk",
            )  # fmt: skip
            assert p.runner.bodies == []  # nothing that lifts ever goes to the runner from here
        cancelled = await operator.delete("/api/v1/lifts/lift_played00")
        assert cancelled.status_code == 200
        assert p.guard.told[-1] == ("lift_cancel", {"id": "lift_played00", "by": "t-operator"})
        assert (await p.context.store.read(verify)).ok

    play(scenario)


def test_a_lift_that_waited_in_an_earlier_version_is_refused_not_carried_out(play: Play):
    async def scenario(p: Plane) -> None:
        def waits(write: Any) -> Any:
            return service.wait(
                write, kind=PendingKind.HALT_CLEAR, body={"scope": "all"}, changes=(),
                base_generation=0, who=HOST, reason="r", wait_ns=NS_PER_S,
                now_ns=p.clock.now_ns(),
            )  # fmt: skip

        await p.context.store.write(waits)
        p.clock.advance(60 * NS_PER_S)
        turn = asyncio.create_task(desk.countdowns(p.context))
        client = await p.client()

        async def waiting() -> bool:
            return bool((await client.get("/api/v1/config/pending")).json()["items"])

        async with asyncio.timeout(60):
            while await waiting():  # noqa: ASYNC110 - what it waits for is behind a request
                await asyncio.sleep(0.02)
        turn.cancel()
        assert (p.runner.bodies, p.guard.told) == ([], [])

    play(scenario)
