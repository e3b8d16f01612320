"""How often somebody may ask: few failed sign-ins, many acts, more reads, any number of stops."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.api.plane import ORIGIN, Plane, plane
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S

RESTART = "/api/v1/traders/aapl-momentum/restart"


def on_plane(home: Path, scenario: Any, **settings: Any) -> None:
    async def whole() -> None:
        async with plane(home / "h", **settings) as p:
            await asyncio.wait_for(scenario(p), 60)

    asyncio.run(whole())


async def sign_in(p: Plane, token: str = "tdl_" + "x" * 43) -> tuple[int, int]:
    client = p.anonymous(**{"x-tradedeck-request": "1", "origin": ORIGIN})
    answer = await client.post("/api/v1/sessions", json={"token": token})
    return answer.status_code, int(answer.headers.get("retry-after", 0))


async def good(p: Plane) -> tuple[int, int]:
    link = (await p.host.post("/host/sign-in-link", json={})).json()
    return await sign_in(p, link["token"])


def test_failed_sign_ins_are_few_and_good_ones_are_not_counted(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        for _ in range(20):
            assert (await good(p))[0] == 201
        assert [(await sign_in(p))[0] for _ in range(5)] == [401, 401, 401, 401, 429]
        status, wait = await sign_in(p)
        assert (status, 0 < wait <= 31) == (429, True)
        assert (await good(p))[0] == 429  # the right one waits too: it could be a guess
        assert (await (await p.client()).get("/api/v1/session")).status_code == 200
        p.clock.advance(wait * NS_PER_S)
        assert (await good(p))[0] == 201

    on_plane(tmp_path, scenario, sign_in_per_minute=2)


def test_attempts_at_once_are_counted_before_they_are_looked_at(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        answers = await asyncio.gather(*(sign_in(p) for _ in range(40)))
        assert sorted(status for status, _ in answers) == [401] * 4 + [429] * 36

    on_plane(tmp_path, scenario, sign_in_per_minute=2)


def test_a_flood_of_sign_ins_costs_the_store_nothing(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        while (await sign_in(p))[0] != 429:
            pass

        class Broken:
            async def write(self, _: Any) -> Any:
                raise AssertionError

        p.context.limits._store = Broken()  # ty: whoever is refused must not come to it
        assert {(await sign_in(p))[0] for _ in range(50)} == {429}

    on_plane(tmp_path, scenario, sign_in_per_minute=1)


def test_acts_are_counted_by_credential_and_outlive_the_api(tmp_path: Path):
    used: list[str] = []

    async def exhaust(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        used.append(client.headers["authorization"])
        answers = [(await client.post(RESTART)).status_code for _ in range(4)]
        assert answers == [200, 200, 429, 429]
        assert len(p.runner.bodies) == 2
        other = await p.client(Role.OPERATOR)
        assert (await other.post(RESTART)).status_code == 200

    async def after(p: Plane) -> None:
        client = p.anonymous(authorization=used[0])
        refused = await client.post(RESTART)
        assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY")
        client.event_hooks = {}
        gone = await client.delete("/api/v1/traders/aapl-momentum")
        assert gone.status_code == 429  # an act without a key is one too
        p.clock.advance(int(refused.headers["retry-after"]) * NS_PER_S)
        again = await client.post(RESTART, headers={"idempotency-key": "k"})
        assert again.status_code == 200

    on_plane(tmp_path, exhaust, control_per_minute=10)
    on_plane(tmp_path, after, control_per_minute=10)


def test_reads_are_counted_in_the_process(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.VIEWER)
        path = "/api/v1/config"
        assert [(await client.get(path)).status_code for _ in range(3)] == [200, 200, 429]
        look = await client.post("/api/v1/config/validate", json={"document": {}})
        assert look.status_code == 429
        p.clock.advance(5 * NS_PER_S)
        assert (await client.get(path)).status_code == 200

    on_plane(tmp_path, scenario, reads_per_minute=12)
