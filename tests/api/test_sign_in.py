"""Links, sessions, tokens: single use, expiry, idleness, revocation; what other sites cannot do."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.plane import ORIGIN, Plane, plane
from tradedeck.api.front import BODY_BYTES_MAX, CSP
from tradedeck.api.server import bind_unix
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S

MINUTE = 60 * NS_PER_S
Scenario = Callable[[Plane], Coroutine[Any, Any, None]]
Play = Callable[..., None]
ME = "/api/v1/session"


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Scenario, **settings: Any) -> None:
        async def whole() -> None:
            async with plane(tmp_path / "h", **settings) as p:
                await scenario(p)

        asyncio.run(whole())

    return run


async def link(p: Plane, role: Role = Role.OPERATOR) -> str:
    return (await p.host.post("/host/sign-in-link", json={"role": role})).json()["token"]


async def exchange(p: Plane, token: str, **headers: str) -> httpx.Response:
    return await p.anonymous(**headers).post("/api/v1/sessions", json={"token": token})


def test_a_link_opens_one_session_of_its_role(play: Play):
    async def scenario(p: Plane) -> None:
        token = await link(p)
        first = await exchange(p, token)
        assert first.status_code == 201
        assert first.json()["role"] == "operator"
        second = await exchange(p, token)
        assert (second.status_code, second.json()["code"]) == (401, "UNAUTHENTICATED")
        assert "set-cookie" not in second.headers

    play(scenario)


def test_fifty_exchanges_at_once_open_one_session(play: Play):
    async def scenario(p: Plane) -> None:
        token = await link(p)
        answers = await asyncio.gather(*(exchange(p, token) for _ in range(50)))
        assert sorted(a.status_code for a in answers) == [201] + [401] * 49

    play(scenario)


@pytest.mark.parametrize(("minutes", "status"), [(14.9, 201), (15, 401)])
def test_a_link_lives_15_minutes(play: Play, minutes: float, status: int):
    async def scenario(p: Plane) -> None:
        token = await link(p)
        p.clock.advance(int(minutes * MINUTE))
        assert (await exchange(p, token)).status_code == status

    play(scenario)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(play: Play):
    async def scenario(p: Plane) -> None:
        cookie = (await exchange(p, await link(p))).headers["set-cookie"].lower()
        assert cookie.startswith("tradedeck_session=tds_")
        for part in ("httponly", "samesite=strict", "path=/", "max-age=43200"):
            assert part in cookie

    play(scenario)


def test_a_session_ends_after_12_hours_and_after_30_idle_minutes(play: Play):
    async def scenario(p: Plane) -> None:
        idle, used = await p.browser(), await p.browser()
        for _ in range(35):
            p.clock.advance(20 * MINUTE)
            assert (await used.get(ME)).status_code == 200
        assert (await idle.get(ME)).status_code == 401
        p.clock.advance(20 * MINUTE)  # 12 h in all
        assert (await used.get(ME)).status_code == 401

    play(scenario)


def test_an_idle_session_is_refused_from_memory_too(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await p.browser()
        assert (await browser.get(ME)).status_code == 200
        p.clock.advance(31 * MINUTE)
        assert (await browser.get(ME)).status_code == 401

    play(scenario)


def test_sign_out_is_at_once(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await p.browser()
        cookie = dict(browser.cookies)
        answer = await browser.delete(ME)
        assert answer.status_code == 204
        again = p.anonymous(cookie=f"tradedeck_session={cookie['tradedeck_session']}")
        assert (await again.get(ME)).status_code == 401

    play(scenario)


def test_a_token_expires_and_is_revoked_at_once(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        made = (await admin.post(
            "/api/v1/tokens", json={"name": "ci", "role": "viewer", "days": 1}
        )).json()  # fmt: skip
        machine = p.anonymous(authorization=f"Bearer {made['token']}")
        assert (await machine.get(ME)).json()["role"] == "viewer"
        p.clock.advance(24 * 3600 * NS_PER_S)
        assert (await machine.get(ME)).status_code == 401
        admin = await p.browser(step_up=True)
        other = (await admin.post("/api/v1/tokens", json={"name": "x", "role": "risk"})).json()
        machine = p.anonymous(authorization=f"Bearer {other['token']}")
        assert (await machine.get(ME)).status_code == 200
        assert (await admin.delete(f"/api/v1/tokens/{other['id']}")).status_code == 204
        assert (await machine.get(ME)).status_code == 401
        listed = (await admin.get("/api/v1/tokens")).text
        assert "tdt_" not in listed

    play(scenario)


def test_inv_14_no_credential_is_in_the_database(play: Play, tmp_path: Path):
    async def scenario(p: Plane) -> None:
        token = await link(p)
        browser = await p.browser()
        admin = await p.client()
        bearer = admin.headers["authorization"].removeprefix("Bearer ")
        code = await p.code()
        await p.context.store.write(lambda _: None)
        dump = b"".join(f.read_bytes() for f in (tmp_path / "h" / "store").iterdir())
        for secret in (token, bearer, code, browser.cookies["tradedeck_session"]):
            assert secret.encode() not in dump

    play(scenario)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-tradedeck-request": "1", "origin": ORIGIN}, 200),
        ({"x-tradedeck-request": "1"}, 200),
        ({"origin": ORIGIN}, 403),
        ({}, 403),
        ({"x-tradedeck-request": "1", "origin": "http://evil.test"}, 403),
        ({"x-tradedeck-request": "1", "origin": "null"}, 403),
        ({"x-tradedeck-request": "1", "origin": ORIGIN + ":81"}, 403),
        ({"x-tradedeck-request": "1", "sec-fetch-site": "cross-site"}, 403),
        ({"x-tradedeck-request": "0", "origin": ORIGIN}, 403),
    ],
)
def test_csrf_a_cookie_alone_changes_nothing(play: Play, headers: dict[str, str], status: int):
    async def scenario(p: Plane) -> None:
        cookie = (await p.browser()).cookies["tradedeck_session"]
        client = p.anonymous(cookie=f"tradedeck_session={cookie}", **headers)
        answer = await client.post("/api/v1/flatten", json={"scope": "all"})
        assert answer.status_code == status, answer.text
        assert bool(p.runner.bodies) is (status == 200)

    play(scenario)


def test_a_link_is_not_exchanged_for_another_sites_page(play: Play):
    async def scenario(p: Plane) -> None:
        token = await link(p)
        assert (await exchange(p, token, origin="http://evil.test")).status_code == 403
        assert (await exchange(p, token, origin=ORIGIN)).status_code == 201

    play(scenario)


def test_headers_of_every_answer(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        for path in ("/health", "/sign-in", ME, "/api/v1/none", "/api/v1/docs", "/"):
            for who in (client, p.anonymous()):
                answer = await who.get(path)
                assert answer.headers["content-security-policy"] == CSP
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert answer.headers["x-frame-options"] == "DENY"
        assert "unsafe" not in CSP

    play(scenario)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused(play: Play, declared: bool):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        size = BODY_BYTES_MAX + 1

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(0, size, 8192):
                yield b"x" * 8192

        content: Any = b"x" * size if declared else chunks()
        answer = await client.put(
            "/api/v1/config",
            content=content,
            headers={"if-match": "1", "content-type": "application/json"},
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")

    play(scenario)


def test_the_docs_need_nothing_from_elsewhere(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.VIEWER)
        page = (await client.get("/api/v1/docs")).text
        assert "http://" not in page
        assert "https://" not in page
        assert "<script" not in page
        assert "style=" not in page
        assert (await client.get("/api/v1/openapi.json")).json()["openapi"].startswith("3.")

    play(scenario)


def test_the_sockets_mode_is_0600_from_the_start(tmp_path: Path):
    path = tmp_path / "api.sock"
    listener = bind_unix(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listener.close()


def test_keys_are_private_and_last(play: Play, tmp_path: Path):
    async def scenario(p: Plane) -> None:
        for name in ("api.key", "api.pub"):
            file = tmp_path / "h" / "keys" / name
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        public = bytes.fromhex((tmp_path / "h" / "keys" / "api.pub").read_text().strip())
        assert public == p.context.key.verify_key().raw

    play(scenario)
    play(scenario)
