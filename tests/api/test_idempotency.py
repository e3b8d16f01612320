"""CTL-1: one key, one effect; over real HTTP, and across the end of an api."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from tests.api.deck import Deck, Wire, running, stepped_up
from tests.api.plane import Plane, plane
from tradedeck.api.app import build
from tradedeck.api.front import SAFE
from tradedeck.api.idempotency import DEMANDED, ControlRoute, StopRoute
from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity import repeats
from tradedeck.identity.repeats import Claim
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError

KEY = "idempotency-key"
SWITCH = {"strategy": "ema-cross", "preset": "balanced", "trader": "aapl-momentum"}
RESTART = "/api/v1/traders/aapl-momentum/restart"
# Posts that are no acts, or whose key is something else; each with the reason.
KEYLESS = {
    "/api/v1/sessions": "a link and a password are their own key, and nobody has signed in",
    "/api/v1/sessions/password": "as above",
    "/api/v1/sessions/invitation": "an invitation is accepted once",
    "/api/v1/sessions/passkey": "its question is its key",
    "/api/v1/sessions/passkey/start": "a question more changes nothing",
    "/api/v1/sessions/oidc/start": "a question more changes nothing",
    "/api/v1/sessions/second": "its question is its key",
    "/api/v1/audit/cosignatures": "the same signature twice is the same signature",
    "/api/v1/config/validate": "changes nothing",
    "/api/v1/config/diff": "changes nothing",
    "/api/v1/kills/preview": "changes nothing",
    "/api/v1/kills": "its key is its id, and nothing may keep it up",
    "/api/v1/alerts/{alert}/acknowledge": "acknowledged twice is acknowledged",
    "/api/v1/traders/preview": "changes nothing",
}
STOPS = {
    "POST /api/v1/traders/{trader}/pause",
    "POST /api/v1/traders/{trader}/stop",
    "POST /api/v1/orders/cancel",
    "POST /api/v1/orders/{order}/cancel",
    "POST /api/v1/positions/close",
    "POST /api/v1/flatten",
    "POST /api/v1/halts",
    "DELETE /api/v1/lifts/{lift_id}",
    "DELETE /api/v1/config/pending/{identifier}",
    "POST /api/v1/approvals/{identifier}/refuse",
}


def on_deck(home: Path, scenario: Any, **settings: Any) -> None:
    async def whole() -> None:
        async with running(home / "h", Wire(), **settings) as deck:
            await asyncio.wait_for(scenario(deck), 60)

    asyncio.run(whole())


def on_plane(home: Path, scenario: Any, **settings: Any) -> None:
    async def whole() -> None:
        async with plane(home / "h", **settings) as p:
            await asyncio.wait_for(scenario(p), 60)

    asyncio.run(whole())


def bare(deck: Deck) -> httpx.AsyncClient:
    """A client that adds nothing."""
    headers = {"authorization": f"Bearer {deck.token}"}
    return httpx.AsyncClient(base_url=f"{deck.url}/api/v1", headers=headers, timeout=60)


def test_ctl_1_every_post_and_patch_demands_a_key_or_says_why_not():
    seen: set[str] = set()
    for found in iter_route_contexts(build().routes):
        route = found.original_route
        if not isinstance(route, APIRoute) or found.path is None:
            continue
        for method in set(route.methods or ()) - SAFE:
            name = f"{method} {found.path}"
            if isinstance(route, StopRoute):
                assert name in STOPS, f"{name} is not known to only stop"
                seen.add(name)
            elif found.path in KEYLESS and method in DEMANDED:
                seen.add(found.path)
            else:
                assert isinstance(route, ControlRoute), f"{name} takes no key"
    assert seen == STOPS | set(KEYLESS)


def test_ctl_1_fifty_at_once_over_http_have_one_effect(tmp_path: Path):
    async def scenario(deck: Deck) -> None:
        async with bare(deck) as client:
            answers = await asyncio.gather(
                *(client.post("/activate", json=SWITCH, headers={KEY: "k-1"}) for _ in range(50))
            )
            assert {answer.status_code for answer in answers} <= {200, 409}
            done = [answer for answer in answers if answer.status_code == 200]
            first = [answer for answer in done if "idempotency-replayed" not in answer.headers]
            assert len(first) == 1
            assert {answer.content for answer in done} == {first[0].content}
            assert deck.context.desired.generation == 2
            versions = (await client.get("/config/history")).json()["items"]
            assert [version["generation"] for version in versions] == [2, 1]
            again = await client.post("/activate", json=SWITCH, headers={KEY: '"k-1"'})
            assert again.headers["idempotency-replayed"] == "true"  # the draft's own spelling
            other = await client.post(
                "/activate", json=SWITCH | {"preset": "steady"}, headers={KEY: "k-1"}
            )
            assert (other.status_code, other.json()["code"]) == (422, "KEY_REUSED")
            missing = await client.post("/activate", json=SWITCH)
            assert (missing.status_code, missing.json()["code"]) == (400, "KEY_REQUIRED")
            assert deck.context.desired.generation == 2

    on_deck(tmp_path, scenario)


def test_ctl_1_what_stops_never_fails_for_a_missing_key(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        client.event_hooks = {}
        for path, body in (
            ("/flatten", {"scope": "all"}),
            ("/halts", {"scope": "all", "level": "pause", "reason": "r"}),
            ("/orders/cancel", {}),
            ("/traders/aapl-momentum/pause", {}),
            ("/traders/aapl-momentum/stop", {}),
            ("/kills", {"scope": "all"}),
        ):
            for _ in range(3):
                answer = await client.post(f"/api/v1{path}", json=body)
                assert answer.status_code < 300, (path, answer.text)
        assert (await client.post(RESTART)).status_code == 400

    on_plane(tmp_path, scenario, control_per_minute=1, reads_per_minute=1)


def test_a_key_is_its_owners_for_a_day(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        headers = {KEY: "k-1"}
        first = await client.post(RESTART, headers=headers)
        second = await client.post(RESTART, headers=headers)
        assert second.json() == first.json()
        assert len(p.runner.bodies) == 1
        stranger = await p.client(Role.OPERATOR)
        await stranger.post(RESTART, headers=headers)
        assert len(p.runner.bodies) == 2
        p.clock.advance(25 * 3600 * NS_PER_S)
        await client.post(RESTART, headers=headers)
        assert len(p.runner.bodies) == 3
        bad = await client.post(RESTART, headers={KEY: "a b"})
        assert bad.status_code == 422

    on_plane(tmp_path, scenario)


def test_a_replay_bears_the_version_that_the_first_answer_bore(tmp_path: Path):
    async def scenario(deck: Deck) -> None:
        async with bare(deck) as client:
            wish, headers = {"patch": {"feeds": {"us-daily": {"speed": "7"}}}}, {KEY: "k"}
            headers["if-match"] = '"1"'
            first = await client.patch("/config", json=wish, headers=headers)
            second = await client.patch("/config", json=wish, headers=headers)
            assert (first.status_code, second.status_code) == (200, 200), first.text
            assert second.headers["etag"] == first.headers["etag"] == '"2"'

    on_deck(tmp_path, scenario)


def test_a_refused_act_may_be_tried_again_with_its_key(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        p.hub.set_up(up=False)
        first = await client.post(RESTART, headers={KEY: "k-1"})
        p.hub.set_up(up=True)
        second = await client.post(RESTART, headers={KEY: "k-1"})
        assert (first.status_code, second.status_code) == (503, 200)

    on_plane(tmp_path, scenario)


def test_ctl_1_an_act_that_nobody_answered_for_is_not_done_again_under_its_key(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        p.runner.away = True  # it had the command, and its answer was lost
        first = await client.post(RESTART, headers={KEY: "k-1"})
        p.runner.away = False
        second = await client.post(RESTART, headers={KEY: "k-1"})
        assert (first.status_code, second.status_code) == (503, 409)
        assert "cut off" in second.json()["detail"]
        assert p.runner.bodies == []
        p.runner.away = True
        await client.post("/api/v1/flatten", json={"scope": "all"}, headers={KEY: "k-2"})
        p.runner.away = False
        stop = await client.post("/api/v1/flatten", json={"scope": "all"}, headers={KEY: "k-2"})
        assert stop.status_code == 200  # what stops goes again

    on_plane(tmp_path, scenario)


def test_ctl_1_in_flight_is_409_also_across_the_end_of_the_api(tmp_path: Path):
    tokens: list[str] = []

    async def cut_off(p: Plane) -> None:
        client = await p.client()
        tokens.append(client.headers["authorization"])
        held = asyncio.Event()

        async def hold(_: Any) -> Any:
            held.set()
            await asyncio.Event().wait()

        p.hub.services[:] = [each for each in p.hub.services if each[0] != "cmd.local"]
        await p.runner.bus.serve("cmd.local", hold)
        asked = asyncio.create_task(client.post(RESTART, headers={KEY: "k-1"}))
        await asyncio.wait_for(held.wait(), 30)
        beside = await client.post(RESTART, headers={KEY: "k-1"})
        assert (beside.status_code, beside.headers["retry-after"]) == (409, "1")
        assert "being worked on" in beside.json()["detail"]
        asked.cancel()

    async def after(p: Plane) -> None:
        client = p.anonymous(authorization=tokens[0])
        answer = await client.post(RESTART, headers={KEY: "k-1"})
        assert (answer.status_code, p.runner.bodies) == (409, [])
        assert "cut off" in answer.json()["detail"]
        assert (await client.post(RESTART, headers={KEY: "k-2"})).status_code == 200

    on_plane(tmp_path, cut_off)
    on_plane(tmp_path, after)


@pytest.mark.parametrize("recorded", [False, True])
def test_ctl_1_a_crash_before_the_record_frees_the_key_and_after_it_does_not(
    tmp_path: Path, recorded: bool
):
    claim = Claim("k", "main", "token:tok_1", "b", 1_000)

    async def cut_off(p: Plane) -> None:
        await p.context.store.write(lambda w: repeats.begin(w, claim))
        for session, at in (("token:tok_2", 2_000), ("token:tok_1", 999)):
            act = Act(Action.CONFIG_APPLY, Who("x", "admin", session))
            await p.context.store.write(lambda w, a=act, t=at: audit.append(w, a, now_ns=t))
        if recorded:
            act = Act(Action.CONFIG_APPLY, Who("x", "admin", "token:tok_1"))
            await p.context.store.write(lambda w: audit.append(w, act, now_ns=1_001))

    async def after(p: Plane) -> None:
        again = p.context.store.write(lambda w: repeats.begin(w, claim))
        if not recorded:
            assert await again is None
            return
        with pytest.raises(TradedeckError) as refused:
            await again
        assert refused.value.code is Code.CONFLICT

    on_plane(tmp_path, cut_off)
    on_plane(tmp_path, after)


def test_a_secret_is_shown_once_and_made_once(tmp_path: Path):
    async def scenario(deck: Deck) -> None:
        async with bare(deck) as client:
            client.headers["authorization"] = f"Bearer {await stepped_up(deck.context)}"
            client.headers["x-tradedeck-request"] = "1"
            body = {"name": "ci", "role": "viewer", "days": 1}
            answers = await asyncio.gather(
                *(client.post("/tokens", json=body, headers={KEY: "k"}) for _ in range(10))
            )
            assert sorted(a.status_code for a in answers) == [201] + [409] * 9
            late = await client.post("/tokens", json=body, headers={KEY: "k"})
            assert (late.status_code, "token" in late.json()) == (409, False)
            names = [each["name"] for each in (await client.get("/tokens")).json()["items"]]
            assert names.count("ci") == 1
        secret = next(a for a in answers if a.status_code == 201).json()["token"]
        assert secret.encode() not in deck.context.settings.store_path.read_bytes()

    on_deck(tmp_path, scenario)
