"""SEC-3: a second tenant's people see and change nothing of the first, by any route."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from tests.api.plane import Plane, plane
from tests.tables import metadata
from tradedeck.audit.store import batch
from tradedeck.audit.types import Act, Action, Who
from tradedeck.store.scope import TENANT, Door

CANARY = "canary"
OF_MAIN = "record-of-main"
ID = "00000000000000000000000000"
Play = Callable[[Callable[[Plane], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Callable[[Plane], Coroutine[Any, Any, None]]) -> None:
        async def inside() -> None:
            async with plane(tmp_path / "h") as p:
                await scenario(p)

        asyncio.run(inside())

    return run


async def tenant(p: Plane, name: str, plan: str = "enterprise") -> httpx.AsyncClient:
    """A client of an admin of a new tenant, with a token of the host."""
    made = await p.host.post("/host/tenants/add", json={"name": name, "plan": plan})
    assert made.status_code == 201, made.text
    return await admin(p, name)


async def admin(p: Plane, name: str) -> httpx.AsyncClient:
    body = {"name": "ci", "role": "admin", "days": 1}
    issued = await p.host.post(f"/host/tokens?tenant={name}", json=body)
    assert issued.status_code == 201, issued.text
    return p.anonymous(authorization=f"Bearer {issued.json()['token']}")


def sample(column: Any) -> Any:
    kind = str(column.type)
    if kind in {"TEXT", "VARCHAR"}:
        return CANARY
    if kind == "BOOLEAN":
        return False
    return b"x" if kind == "BLOB" else 1


async def plant(p: Plane) -> None:
    """A row of the first tenant in every table that one can write, and a record."""
    await p.context.audit(Act(Action.FLATTEN, Who("ada", "risk"), OF_MAIN))
    for table in metadata.sorted_tables:
        if TENANT not in table.c or table.name == "audit":
            continue
        row = {c.name: sample(c) for c in table.columns if c.name != TENANT}
        if table.name == "desired_versions":
            row["generation"] = 99
        await p.context.store.write(lambda w, table=table, row=row: w.insert(table, [row]))


def routes(p: Plane) -> list[tuple[str, str]]:
    """Every method and path of the API, its parameters filled with what the first tenant has."""
    found: list[tuple[str, str]] = []
    for route in iter_route_contexts(p.app._app.routes):
        if not isinstance(route.original_route, APIRoute):
            continue
        path = re.sub(r"\{(seq|generation|alert|number)[^}]*\}", "1", route.path)
        path = re.sub(r"\{[^}]*\}", CANARY, path)
        found += [(method, path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


def test_sec_3_no_route_shows_or_changes_another_tenants(play: Play):
    async def scenario(p: Plane) -> None:
        client = await tenant(p, "acme")
        first = await p.client()
        await plant(p)
        seen = 0
        for method, path in routes(p):
            if path.endswith("/events") or "stream" in path or not path.startswith("/api/"):
                continue
            before = {t.name: await rows(p, t) for t in changing()}
            answer = await client.request(
                method, path, json={} if method not in {"GET", "DELETE"} else None,
                headers={"idempotency-key": f"{method}{path}"},
            )  # fmt: skip
            seen += 1
            assert answer.status_code < 500, (method, path, answer.text)
            # What was asked for may be named in a refusal; an answer may not hold it.
            assert OF_MAIN not in answer.text, (method, path)
            if path != "/api/v1/audit":  # its own refusals name what it asked for
                assert answer.status_code >= 400 or CANARY not in answer.text, (method, path)
            assert {t.name: await rows(p, t) for t in changing()} == before, (method, path)
        assert seen > 60
        assert p.runner.bodies == []
        assert p.guard.told == []
        found = await first.get("/api/v1/tokens")
        assert CANARY not in (await client.get("/api/v1/tokens")).text
        assert found.status_code >= 400 or CANARY in found.text  # it was there to be seen

    play(scenario)


def changing() -> list[Any]:
    """Tables of the first tenant that nothing but its own acts change."""
    names = ("desired_versions", "jobs", "alerts", "users", "tokens", "invitations", "sessions")
    return [metadata.tables[name] for name in names]


async def rows(p: Plane, table: Any) -> list[Any]:
    found = await p.context.store.read(lambda r: r.all(table.select()))
    return [{k: v for k, v in row.items() if k != "seen_at_ns"} for row in found]


def test_sec_3_streams_carry_the_own_tenants_events_alone(play: Play):
    async def scenario(p: Plane) -> None:
        await tenant(p, "acme")
        own = p.context.of("acme")
        assert own.live.hub is not p.context.live.hub
        assert own.live.status is not p.context.live.status
        client = await admin(p, "acme")
        theirs, ours = (
            await client.get("/api/v1/status"),
            await (await p.client()).get("/api/v1/status"),
        )
        assert theirs.status_code == ours.status_code == 200
        assert theirs.json()["traders"] == []

    play(scenario)


def test_sec_3_a_tenant_that_is_not_known_is_refused(play: Play):
    async def scenario(p: Plane) -> None:
        client = await tenant(p, "acme")
        del p.context.tenants["acme"]
        assert (await client.get("/api/v1/alerts")).status_code == 403
        assert (await p.host.post("/host/tokens?tenant=none", json={})).status_code in {403, 422}

    play(scenario)


def test_sec_3_the_same_names_are_others_people(play: Play):
    async def scenario(p: Plane) -> None:
        await tenant(p, "acme")
        for name in ("main", "acme"):
            made = await p.host.post(f"/host/sign-in-link?tenant={name}", json={"name": "ada"})
            browser = p.anonymous(**{"x-tradedeck-request": "1", "origin": "http://deck.test"})
            token = made.json()["token"]
            opened = await browser.post("/api/v1/sessions", json={"token": token})
            assert (opened.status_code, opened.json()["tenant"]) == (201, name)
        await admin(p, "acme")
        log = p.context.whole.beyond(Door.AUDIT)
        kept = await log.read(lambda r: batch(r, after_seq=0, limit=999))
        own = [row for row in kept if row["tenant"] == "acme"]
        assert {row["actor"] for row in own} == {"host", "ada"}
        assert all(row["session"].startswith("acme/") for row in own)
        assert not any("/" in row["session"] for row in kept if row not in own)
        assert (await (await p.client()).get("/api/v1/audit/verify")).json()["ok"]

    play(scenario)


def test_sec_3_plans_bound_exports_and_people(play: Play):
    async def scenario(p: Plane) -> None:
        client = await tenant(p, "acme", "free")
        refused = await client.get("/api/v1/trades?format=csv")
        assert (refused.status_code, "plan free" in refused.json()["detail"]) == (403, True)
        body = {"name": "bob", "role": "viewer"}
        invited = await p.host.post("/host/invitations?tenant=acme", json=body)
        assert invited.status_code == 403, invited.text
        await p.host.post("/host/tenants/acme/plan", json={"plan": "team"})
        assert (await client.get("/api/v1/trades?format=csv")).status_code == 200
        invited = await p.host.post("/host/invitations?tenant=acme", json=body)
        assert invited.status_code == 201, invited.text

    play(scenario)


def test_sec_3_a_suspended_tenant_looks_stops_and_closes_and_does_nothing_else(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        told = {"reason": "unpaid"}
        assert (await p.host.post("/host/tenants/main/suspend", json=told)).status_code == 200
        assert (await client.get("/api/v1/status")).status_code == 200
        key = {"idempotency-key": "k"}
        kill = {"scope": "all", "step": "halt", "reason": "x"}
        for path, body in (
            ("/orders/cancel", {}),
            ("/flatten", {"scope": "all"}),
            ("/kills", kill),
        ):
            answer = await client.post(f"/api/v1{path}", json=body, headers=key)
            assert answer.status_code in {200, 201, 202, 422}, (path, answer.text)
        assert p.runner.bodies
        resumed = await client.post("/api/v1/traders/aapl-momentum/resume", headers=key)
        assert (resumed.status_code, "suspended: unpaid" in resumed.text) == (403, True)
        config = await client.patch("/api/v1/config", json={}, headers=key)
        assert (config.status_code, "suspended" in config.text) == (403, True)
        await p.host.post("/host/tenants/main/suspend", json={"reason": ""})
        resumed = await client.post(
            "/api/v1/traders/aapl-momentum/resume", headers={"idempotency-key": "l"}
        )
        assert resumed.status_code != 403

    play(scenario)


def test_tenants_are_kept_and_open_again(tmp_path: Path):
    async def scenario() -> None:
        async with plane(tmp_path / "h") as p:
            await tenant(p, "acme", "pro")
            twice = await p.host.post("/host/tenants/add", json={"name": "acme"})
            assert twice.status_code == 409
        async with plane(tmp_path / "h") as p:
            assert p.context.of("acme").own.plan == "pro"
            listed = (await p.host.post("/host/tenants")).json()["items"]
            assert {each["name"]: each["plan"] for each in listed} == {
                "main": "enterprise",
                "acme": "pro",
            }

    asyncio.run(scenario())
