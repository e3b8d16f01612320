"""Kills through the api: never limited, never delayed, and honest about who has taken them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.api.plane import Plane, plane
from tests.raw import raw
from tradedeck.api import kills, pull
from tradedeck.closing import report
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.projections.apply import apply
from tradedeck.projections.check import parse_page
from tradedeck.testkit.journals import MemoryJournal, TradingDay

Scenario = Callable[[Plane], Coroutine[Any, Any, None]]
Play = Callable[..., None]
KILLS = "/api/v1/kills"
ALL = {"scope": "all"}


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Scenario, **settings: Any) -> None:
        async def whole() -> None:
            async with plane(tmp_path / "h", **settings) as p:
                await scenario(p)

        asyncio.run(whole())

    return run


async def taken(p: Plane, journal: MemoryJournal) -> None:
    """The journal's entries, as the api takes them over."""
    page = parse_page(journal.source, journal.answer({"max": 500}))
    done = await p.context.store.write(lambda w: apply(w, page, p.clock.now_ns()))
    pull.announce(p.context, done.events)


async def one(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    answer = await client.get(f"{KILLS}/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until(true: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait for it, generously."""
    async with asyncio.timeout(60):
        while not await true():  # noqa: ASYNC110 - what it waits for is behind a request
            await asyncio.sleep(0.02)


def killed(p: Plane) -> list[dict[str, Any]]:
    return [body for kind, body in p.guard.told if kind == "kill"]


def test_inv_6_a_kill_goes_to_guard_and_runner_at_once_and_says_who_has_it(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        body = {"scope": "trader/aapl-momentum", "reason": "odd prices"}
        answer = await client.post(KILLS, json=body)
        assert answer.status_code == 202, answer.text
        receipt = answer.json()
        assert (receipt["guard"]["latched"], receipt["runner"]["latched"]) == (True, True)
        (told,) = killed(p)
        sent = p.runner.bodies[-1]
        assert (sent["command"], sent["args"]) == ("kill", told)
        assert told == {
            "id": receipt["id"], "scope": "trader/aapl-momentum", "step": "flatten",
            "flatten": True, "reason": "odd prices", "by": "t-operator",
            "at_ns": p.clock.now_ns(),
        }  # fmt: skip
        kill = await one(client, receipt["id"])
        assert kill["latched"]["store"] is not None
        halts = (await client.get("/api/v1/halts")).json()["items"]
        assert [(h["scope"], h["level"], h["holders"]) for h in halts] == [
            ("trader/aapl-momentum", "halted", ["store"])
        ]
        acts = await p.client(Role.ADMIN)
        found = (await acts.get("/api/v1/audit", params={"audit_id": receipt["audit_id"]})).json()[
            "items"
        ]
        assert [r["outcome"] for r in reversed(found)] == ["started", "done"]

    play(scenario)


@pytest.mark.parametrize("role", list(Role))
def test_viewers_may_not_stop_and_everyone_else_may(play: Play, role: Role):
    async def scenario(p: Plane) -> None:
        client = await p.client(role)
        expected = 403 if role is Role.VIEWER else 202
        for step in ("pause", "reduce_only", "flatten"):
            answer = await client.post(KILLS, json={**ALL, "step": step})
            assert answer.status_code == expected, (role, step, answer.text)
        assert len(killed(p)) == (0 if role is Role.VIEWER else 3)

    play(scenario)


@pytest.mark.parametrize(("guard", "runner"), [(False, True), (True, False)])
def test_one_of_the_two_is_enough_and_the_other_is_named(play: Play, guard: bool, runner: bool):
    async def scenario(p: Plane) -> None:
        p.guard.away, p.runner.away = not guard, not runner
        answer = await (await p.client()).post(KILLS, json=ALL)
        assert answer.status_code == 202
        receipt = answer.json()
        assert (receipt["guard"]["latched"], receipt["runner"]["latched"]) == (guard, runner)
        assert ("The guard has not" in receipt["detail"]) is not guard
        assert ("The runner has not" in receipt["detail"]) is not runner
        assert p.context.kills.unanswered == {}

    play(scenario)


def test_a_runner_that_only_queues_it_has_not_latched_it(play: Play):
    async def scenario(p: Plane) -> None:
        p.guard.away = True
        p.runner.code = "PENDING"  # accepted, for the next safe point
        answer = await (await p.client()).post(KILLS, json=ALL)
        assert answer.status_code == 503

    play(scenario)


def test_when_nobody_answers_it_says_what_to_do_and_is_sent_again(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        p.hub.set_up(up=False)
        key = {"idempotency-key": "kill_0123456789"}
        body = {"scope": "account/paper", "step": "flatten"}
        answer = await client.post(KILLS, json=body, headers=key)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (503, "UNAVAILABLE")
        assert "kill_0123456789" in problem["detail"]
        assert "`tradedeck kill account/paper --step flatten --local`" in problem["hint"]
        kill = await one(client, "kill_0123456789")
        assert kill["state"] == "unanswered"  # and latched in the store
        assert kill["latched"]["store"] is not None
        p.context.kills.unanswered.clear()  # as after a restart of the api
        p.hub.set_up(up=True)
        again = asyncio.create_task(kills.again(p.context))

        async def guarded() -> bool:
            return (await one(client, "kill_0123456789"))["latched"]["guard"] is not None

        await until(guarded)
        again.cancel()
        assert [body["id"] for body in killed(p)] == ["kill_0123456789"]
        assert killed(p)[0]["at_ns"] == p.clock.now_ns()

    play(scenario)


def test_a_kill_that_nobody_took_is_given_up_when_it_is_old(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        p.hub.set_up(up=False)
        await client.post(KILLS, json=ALL)
        p.clock.advance(601 * NS_PER_S)
        p.hub.set_up(up=True)
        again = asyncio.create_task(kills.again(p.context))

        async def given_up() -> bool:
            return not p.context.kills.unanswered

        await until(given_up)
        again.cancel()
        assert killed(p) == []

    play(scenario)


def test_inv_6_a_kill_works_with_a_store_that_takes_no_write(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        await client.get("/api/v1/session")
        for table in ("audit", "entries", "kills"):
            raw(p.context.whole, f"ALTER TABLE {table} RENAME TO x_{table}")
        answer = await client.post(KILLS, json=ALL, headers={"idempotency-key": "k"})
        assert answer.status_code == 202, answer.text
        assert answer.json()["audit_id"] == ""
        assert len(killed(p)) == 1

    play(scenario)


def test_inv_6_a_kill_does_not_wait_for_a_store_that_hangs(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        await client.get("/api/v1/session")
        entered, release = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def hang(_: Any) -> None:
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

        hung = asyncio.create_task(p.context.store.write(hang))
        await entered.wait()
        try:
            async with asyncio.timeout(60):
                answer = await client.post(KILLS, json=ALL)
        except TimeoutError:
            release.set()  # or the thread would keep this process
            raise
        assert answer.status_code == 202
        assert len(killed(p)) == 1
        assert not hung.done()
        release.set()
        await hung

        async def recorded() -> bool:
            return (await client.get(KILLS)).json()["items"] != []

        await until(recorded)  # the record follows when there is a store again

    play(scenario)


def test_inv_6_no_bound_on_acts_stops_a_kill(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        one = await client.post("/api/v1/traders/aapl-momentum/restart")
        two = await client.post("/api/v1/traders/aapl-momentum/restart")
        assert (one.status_code, two.status_code) == (200, 429)  # the bound is real for the rest
        assert int(two.headers["retry-after"]) == 60
        answers = await asyncio.gather(
            *(
                client.post(KILLS, json=ALL, headers={"idempotency-key": f"k{number}"})
                for number in range(100)
            )
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({body["id"] for body in killed(p)}) == 100

    play(scenario, control_per_minute=1)


def test_ctl_1_fifty_kills_at_once_with_one_key_are_one_kill(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        headers = {"idempotency-key": "k-1"}
        answers = await asyncio.gather(
            *(client.post(KILLS, json=ALL, headers=headers) for _ in range(50))
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert {orjson.dumps(body) for body in killed(p)} == {orjson.dumps(killed(p)[0])}
        assert len((await client.get(KILLS)).json()["items"]) == 1
        other = await client.post(KILLS, json={"scope": "account/paper"}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "INVALID")
        p.context.kills.recent.clear()  # as after a restart: the store knows the key
        again = await client.post(KILLS, json=ALL, headers=headers)
        assert again.json()["id"] == answers[0].json()["id"]
        refused = await client.post(KILLS, json={**ALL, "step": "pause"}, headers=headers)
        assert refused.status_code == 422

    play(scenario)


def test_a_scope_that_means_nothing_is_refused_before_anybody_believes_it(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        for scope in ("trader/appel", "account/papre", "strategy/nope", "tenant/other"):
            for path in (KILLS, f"{KILLS}/preview"):
                answer = await client.post(path, json={"scope": scope})
                assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), scope
        assert killed(p) == []
        known = (await client.get(f"{KILLS}/scopes")).json()["items"]
        assert {"all", "account/paper", "trader/aapl-momentum", "strategy/momentum"} <= set(known)
        for scope in [*known, "instrument/GME"]:  # somebody may hold it by hand
            assert (await client.post(KILLS, json={"scope": scope})).status_code == 202, scope
        wrong = await client.post(KILLS, json={"scope": "everything"})
        assert wrong.status_code == 422

    play(scenario)


def book(**working: Any) -> dict[str, Any]:
    order = {
        "client_id": "hand-1", "venue_order": "v-9", "instrument": "GME", "side": "BUY",
        "type": "LIMIT", "remaining": "5", "reduce_only": False, "purpose": "entry",
        "trader": "", "strategy": "", "limit_price": "10", "stop_price": None,
    }  # fmt: skip
    positions = {"AAPL": "130", "GME": "7"}
    seen = {"positions": positions, "working": [order | working], "seq": 4, "detail": ""}
    return {"accounts": {"paper": seen}, "at_ns": 10**18}


async def traded(p: Plane) -> None:
    journal = MemoryJournal()
    day = TradingDay(journal)
    day.start("paper")
    names = {"trader": "aapl-momentum", "account": "paper"}
    day.decide("15.00", **names)
    day.trade("BUY", "100", "15.00", **names)
    day.order("SELL", "40", **names)
    await taken(p, journal)


async def look(client: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await client.post(f"{KILLS}/preview", json={**ALL, **wish})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_preview_counts_what_the_venue_shows_and_names_what_is_foreign(play: Play):
    async def scenario(p: Plane) -> None:
        await traded(p)
        p.runner.result = book()
        client = await p.client(Role.VIEWER)  # looking is no act
        found = await look(client)
        assert (found["seen"], found["orders"], found["positions"]) == ("venue", 1, 2)
        assert found["foreign"] == 3  # the order, the position by hand, the one that differs
        (account,) = found["accounts"]
        held = {item["instrument"]: item for item in account["positions"]}
        assert (held["AAPL"]["ours"], held["AAPL"]["quantity"]) == ("100", "130")
        assert held["AAPL"]["notional"] == "1950.00"
        assert (held["GME"]["ours"], held["GME"]["notional"]) == ("0", None)
        assert found["totals"] == [{"currency": "USD", "notional": None, "cost": None}]
        p.runner.result = book(client_id="c2")
        assert (await look(client))["accounts"][0]["orders"][0]["foreign"] is False
        part = await look(client, scope="trader/aapl-momentum")
        assert (part["positions"], part["orders"]) == (1, 0)
        # 1 bp of spread, 1 bp of slippage, 1 bp of fee: 0.585 of 1950.00, rounded to even
        assert part["totals"] == [{"currency": "USD", "notional": "1950.00", "cost": "0.58"}]
        whole = (await look(client, scope="instrument/GME"))["accounts"][0]
        assert [item["instrument"] for item in whole["positions"]] == ["GME"]

    play(scenario)


def test_a_position_that_no_trader_made_is_foreign_though_our_book_follows_it(play: Play):
    async def scenario(p: Plane) -> None:
        journal = MemoryJournal()
        day = TradingDay(journal)
        day.start("paper")
        day.trade("BUY", "7", "10.00", trader="", account="paper", instrument="GME")
        await taken(p, journal)
        p.runner.result = book()
        held = (await look(await p.client(), scope="instrument/GME"))["accounts"][0]["positions"]
        assert [(item["ours"], item["foreign"], item["trader"]) for item in held] == [
            ("7", True, None)
        ]

    play(scenario)


def test_the_preview_of_a_milder_step_costs_nothing(play: Play):
    async def scenario(p: Plane) -> None:
        await traded(p)
        p.runner.result = book()
        client = await p.client()
        for wish in ({"step": "pause"}, {"step": "reduce_only"}):
            found = await look(client, scope="trader/aapl-momentum", **wish)
            assert (found["totals"][0]["cost"], found["seconds"]) == ("0.00", 0.0)
            assert found["positions"] == 1
        kept = await look(client, scope="trader/aapl-momentum", flatten=False)
        assert kept["totals"][0]["cost"] == "0.00"

    play(scenario)


def test_without_the_venue_the_preview_says_that_it_is_our_book(play: Play):
    async def scenario(p: Plane) -> None:
        await traded(p)
        p.runner.away = True
        client = await p.client()
        found = await look(client)
        assert (found["seen"], found["orders"], found["positions"]) == ("ours", 1, 1)
        assert found["foreign"] == 0
        assert "foreign ones may be missing" in found["accounts"][0]["detail"]

    play(scenario)


def test_the_report_is_sealed_and_its_hash_is_in_name_and_header(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        name = (await client.post(KILLS, json=ALL)).json()["id"]
        guard = MemoryJournal("guard", "g1")
        guard.append("kill.requested", {**killed(p)[0], "origin": "bus", "accounts": {}})
        step = {"id": name, "account": "paper", "by": "guard", "words": "cancel sent"}
        guard.append("kill.step", {**step, "numbers": {"orders": 2}, "ref": ""})
        guard.append("kill.done", {"id": name, "scope": "all", "totals": {}, "ms": {}})
        await taken(p, guard)
        answer = await client.get(f"{KILLS}/{name}/report")
        assert answer.status_code == 200
        sha256 = answer.headers["x-content-sha256"]
        assert sha256[:16] in answer.headers["content-disposition"]
        assert report.content_hash(report.verify(answer.content)) == sha256
        assert (await client.get(f"{KILLS}/kill_00000000/report")).status_code == 404
        acts = (await client.get("/api/v1/audit")).json()["items"]
        assert acts[0]["act"] == "readmodels:data:export"

    play(scenario)


def test_drills_go_to_the_guard_and_nobody_there_is_said(play: Play):
    async def scenario(p: Plane) -> None:
        client, viewer = await p.client(Role.OPERATOR), await p.client(Role.VIEWER)
        assert (await viewer.post("/api/v1/drills")).status_code == 403
        begun = await client.post("/api/v1/drills", json={"orders": 5, "positions": 6})
        assert begun.status_code == 202
        kind, body = p.guard.told[-1]
        assert (kind, body["orders"], body["positions"]) == ("drill", 5, 6)
        assert body["id"] == begun.json()["id"]
        p.guard.away = True
        lost = await client.post("/api/v1/drills")
        assert (lost.status_code, lost.json()["code"]) == (503, "TIMEOUT")
        assert "tradedeck drill --local" in lost.json()["hint"]
        assert p.runner.bodies == []

    play(scenario)


def test_the_guard_is_unknown_then_running_then_silent(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        assert (await client.get("/api/v1/guard")).json()["state"] == "unknown"
        journal = MemoryJournal("guard", "g1")
        journal.append("guard.started", {"pid": 42, "build": "b"})
        await taken(p, journal)
        told = {"runner": {"connected": True, "pid": 7, "silent_ms": 3}, "halts": [{}]}
        pull.take_telemetry(p.context, "guard", told)
        found = (await client.get("/api/v1/guard")).json()
        assert (found["state"], found["pid"], found["latched"]) == ("running", 42, 1)
        assert found["runner"]["connected"] is True
        p.clock.advance(30 * NS_PER_S)
        assert (await client.get("/api/v1/guard")).json()["state"] == "silent"

    play(scenario)


def test_what_only_the_store_holds_can_be_lifted_with_the_guards_consent(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.RISK)
        p.hub.set_up(up=False)
        await client.post(KILLS, json=ALL)
        p.hub.set_up(up=True)
        body = {"scope": "all", "reason": "nothing was running", "code": p.guard.code}
        p.guard.refuse = ("STEP_UP_REQUIRED", "the code was wrong")
        assert (await client.post("/api/v1/lifts", json=body)).status_code == 403
        assert len((await client.get("/api/v1/halts")).json()["items"]) == 1
        p.guard.refuse = ("NOT_FOUND", "nothing is halted in all")
        lifted = await client.post("/api/v1/lifts", json=body)
        assert lifted.status_code == 202, lifted.text
        p.clock.advance(2 * NS_PER_S)
        assert (await client.get("/api/v1/halts")).json()["items"] == []

    play(scenario)
