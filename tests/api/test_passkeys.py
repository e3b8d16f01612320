"""Passkeys over HTTP with an authenticator in software: what is bound to what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.keys import HOOKS
from tests.api.people import API, MINUTE, Scenario, acts, step_up, within
from tests.api.plane import Plane
from tests.api.softkey import SoftKey
from tradedeck.identity.types import Role

BASE = "http://localhost:8787"
ME = f"{API}/session"
TOKEN = {"name": "ci", "role": "viewer"}
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Scenario, **settings: Any) -> None:
        asyncio.run(within(tmp_path / "h", scenario, **settings))

    return run


def page(p: Plane, base: str = BASE) -> httpx.AsyncClient:
    """A browser at the address that passkeys work under."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(p.app, raise_app_exceptions=False),
        base_url=base,
        headers={"x-tradedeck-request": "1", "origin": base},
        event_hooks=HOOKS,
    )


async def signed_in(p: Plane, role: Role, name: str, base: str = BASE) -> httpx.AsyncClient:
    body = {"name": name, "role": role}
    link = (await p.host.post("/host/sign-in-link", json=body)).json()["token"]
    browser = page(p, base)
    answer = await browser.post(f"{API}/sessions", json={"token": link})
    assert answer.status_code == 201, answer.text
    return browser


async def start(browser: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await browser.post(API + path, json={})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def finish(
    browser: httpx.AsyncClient, path: str, asked: dict[str, Any], made: Any, **more: str
) -> httpx.Response:
    body = {"challenge": asked["challenge"], "credential": made} | more
    return await browser.post(API + path, json=body)


async def add(browser: httpx.AsyncClient, key: SoftKey, name: str = "laptop") -> httpx.Response:
    asked = await start(browser, "/me/passkeys/start")
    return await finish(browser, "/me/passkeys", asked, key.create(asked["options"]), name=name)


async def sign_in(
    p: Plane, key: SoftKey, base: str = BASE
) -> tuple[httpx.Response, httpx.AsyncClient]:
    browser = page(p, base)
    asked = await start(browser, "/sessions/passkey/start")
    return await finish(browser, "/sessions/passkey", asked, key.get(asked["options"])), browser


def test_a_passkey_is_added_signs_in_and_steps_up(play: Play):
    async def scenario(p: Plane) -> None:
        browser, key = await signed_in(p, Role.ADMIN, "ada"), SoftKey()
        answer = await add(browser, key)
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["recovery_codes"]) == 10
        answer, browser = await sign_in(p, key)
        assert answer.status_code == 201, answer.text
        assert (answer.json()["actor"], answer.json()["mfa"]) == ("ada", True)
        assert (await browser.post(f"{API}/tokens", json=TOKEN)).status_code == 201
        p.clock.advance(6 * MINUTE)
        refused = await browser.post(f"{API}/tokens", json=TOKEN)
        assert refused.json()["ways"] == ["passkey", "recovery", "host"]
        asked = await start(browser, "/session/step-up/passkey/start")
        assert len(asked["options"]["allowCredentials"]) == 1
        answer = await finish(browser, "/session/step-up/passkey", asked, key.get(asked["options"]))
        assert answer.status_code == 200, answer.text
        assert (await browser.post(f"{API}/tokens", json=TOKEN)).status_code == 201

    play(scenario)


def test_an_answer_counts_once_and_for_its_own_question(play: Play):
    async def scenario(p: Plane) -> None:
        key, other = SoftKey(counts=False), SoftKey()
        await add(await signed_in(p, Role.ADMIN, "ada"), key)
        await add(await signed_in(p, Role.ADMIN, "bert"), other)
        browser = page(p)
        asked = await start(browser, "/sessions/passkey/start")
        made = key.get(asked["options"])
        assert (await finish(browser, "/sessions/passkey", asked, made)).status_code == 201
        again = await finish(page(p), "/sessions/passkey", asked, made)
        assert again.status_code == 401
        newer = await start(page(p), "/sessions/passkey/start")
        assert (await finish(page(p), "/sessions/passkey", newer, made)).status_code == 401
        # One person's passkey steps nobody else up, whoever asked.
        ada = (await sign_in(p, key))[1]
        p.clock.advance(6 * MINUTE)
        mine = await start(ada, "/session/step-up/passkey/start")
        path = "/session/step-up/passkey"
        assert (await finish(ada, path, mine, other.get(mine["options"]))).status_code == 403
        anybodys = await start(page(p), "/sessions/passkey/start")
        answer = await finish(ada, path, anybodys, other.get(anybodys["options"]))
        assert answer.status_code == 401
        assert (await ada.post(f"{API}/tokens", json=TOKEN)).status_code == 403

    play(scenario)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://localhost:9999"},
        {"origin": "https://localhost:8787"},
        {"origin": "https://evil.test"},
        {"rp_id": "evil.test"},
        {"verified": False},
    ],
)
def test_an_answer_for_another_place_or_unverified_is_refused(play: Play, wrong: dict[str, Any]):
    async def scenario(p: Plane) -> None:
        browser, key = await signed_in(p, Role.ADMIN, "ada"), SoftKey()
        assert (await add(browser, SoftKey(**wrong))).status_code == 422
        assert (await add(browser, key)).status_code == 201
        for name, value in wrong.items():
            setattr(key, name, value)
        answer, _ = await sign_in(p, key)
        assert answer.status_code == 401
        assert (await acts(p, "identity:sign-in:try"))[0] == (
            "anonymous", "refused", "passkey not valid",
        )  # fmt: skip

    play(scenario)


def test_a_copied_passkey_is_found_by_its_count(play: Play):
    async def scenario(p: Plane) -> None:
        key = SoftKey()
        await add(await signed_in(p, Role.ADMIN, "ada"), key)
        assert (await sign_in(p, key))[0].status_code == 201
        key.count = 0  # the copy, made before
        assert (await sign_in(p, key))[0].status_code == 401
        key.count = 1
        assert (await sign_in(p, key))[0].status_code == 201

    play(scenario)


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"id": "%%%"},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": None},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "AA"}},
        {"id": 5, "response": {"attestationObject": "oA", "clientDataJSON": "e30"}},
    ],
)
def test_nonsense_is_refused(play: Play, nonsense: dict[str, Any]):
    async def scenario(p: Plane) -> None:
        browser, key = await signed_in(p, Role.ADMIN, "ada"), SoftKey()
        asked = await start(browser, "/me/passkeys/start")
        answer = await finish(browser, "/me/passkeys", asked, nonsense, name="x")
        assert answer.status_code == 422
        await add(browser, key)
        asked = await start(page(p), "/sessions/passkey/start")
        made = nonsense | {"id": key.create(asked["options"])["id"]}
        assert (await finish(page(p), "/sessions/passkey", asked, made)).status_code == 401

    play(scenario)


def test_a_passkey_is_renamed_and_removed_but_not_the_last_that_is_needed(play: Play):
    async def scenario(p: Plane) -> None:
        browser, one, two = await signed_in(p, Role.ADMIN, "ada"), SoftKey(), SoftKey()
        first = (await add(browser, one)).json()["passkey"]["id"]
        second = (await add(browser, two, "phone")).json()
        assert second["recovery_codes"] == []
        assert (await add(browser, two, "again")).status_code == 409
        path = f"{API}/me/passkeys/{first}"
        assert (await browser.patch(path, json={"name": "old laptop"})).status_code == 204
        mine = (await browser.get(f"{API}/me")).json()
        assert [key["name"] for key in mine["passkeys"]] == ["old laptop", "phone"]
        assert mine["step_up_ways"] == ["passkey", "recovery", "host"]
        other = await signed_in(p, Role.OPERATOR, "olga")
        assert (await other.delete(path)).status_code == 404
        assert (await browser.delete(path)).status_code == 204
        last = f"{API}/me/passkeys/{second['passkey']['id']}"
        assert (await browser.delete(last)).status_code == 409
        assert (await sign_in(p, one))[0].status_code == 401
        assert (await sign_in(p, two))[0].status_code == 201
        p.clock.advance(6 * MINUTE)
        stale = await signed_in(p, Role.ADMIN, "ada")
        assert (await stale.delete(last)).status_code == 403
        assert (await step_up(stale, "host", await p.code())).status_code == 200

    play(scenario)


def test_a_disabled_account_has_no_passkey(play: Play):
    async def scenario(p: Plane) -> None:
        key = SoftKey()
        await add(await signed_in(p, Role.OPERATOR, "olga"), key)
        await p.host.post("/host/people/olga/disable", json={})
        assert (await sign_in(p, key))[0].status_code == 401
        await p.host.post("/host/people/olga/enable", json={})
        assert (await sign_in(p, key))[0].status_code == 201

    play(scenario)


def test_passkeys_work_under_the_address_that_is_set_and_under_localhost(play: Play):
    far = "https://desk.example.org"

    async def scenario(p: Plane) -> None:
        key = SoftKey(origin=far, rp_id="desk.example.org")
        browser = await signed_in(p, Role.OPERATOR, "olga", far)
        assert (await add(browser, key)).status_code == 201
        assert (await sign_in(p, key, far))[0].status_code == 201
        assert (await sign_in(p, key))[0].status_code == 401
        bare = await signed_in(p, Role.OPERATOR, "olga", "http://127.0.0.1:8787")
        refused = await page(p, "http://127.0.0.1:8787").post(
            f"{API}/sessions/passkey/start", json={}
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "REFUSED")
        assert "TRADEDECK_ORIGIN" in refused.json()["hint"]
        assert (await bare.get(ME)).status_code == 200

    play(scenario, origin=far)
