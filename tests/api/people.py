"""People for tests: made as a person is made, by link, password and factor."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx

from tests.api.plane import Plane, plane
from tradedeck.identity import totp
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S

MINUTE = 60 * NS_PER_S
PASSWORD = "four words nobody joins"
API = "/api/v1"
Scenario = Callable[[Plane], Coroutine[Any, Any, None]]


async def within(home: Path, scenario: Scenario, **settings: Any) -> None:
    """The scenario with a plane of its own."""
    async with plane(home, **settings) as p:
        await scenario(p)


async def person(p: Plane, name: str, role: Role) -> httpx.AsyncClient:
    """Somebody with a password and no second factor; signed in by link."""
    browser = await p.browser(role, name=name)
    answer = await browser.put(f"{API}/me/password", json={"new": PASSWORD})
    assert answer.status_code == 204, answer.text
    return browser


async def enrol(p: Plane, browser: httpx.AsyncClient) -> tuple[str, list[str]]:
    """An authenticator app for whoever is signed in: its secret, and the recovery codes."""
    offer = (await browser.post(f"{API}/me/totp/start")).json()
    body = {"challenge": offer["challenge"], "code": code(p, offer["secret"])}
    answer = await browser.post(f"{API}/me/totp/finish", json=body)
    assert answer.status_code == 200, answer.text
    return offer["secret"], answer.json()["recovery_codes"]


def code(p: Plane, secret: str) -> str:
    """What the app shows now."""
    return totp.code_at(secret, p.clock.now_ns())


async def sign_in(
    p: Plane, name: str, password: str = PASSWORD
) -> tuple[httpx.Response, httpx.AsyncClient]:
    """A try by password, and the browser it was made with."""
    browser = p.page()
    body = {"name": name, "password": password}
    return await browser.post(f"{API}/sessions/password", json=body), browser


async def second(
    p: Plane, name: str, shown: str, way: str = "totp"
) -> tuple[httpx.Response, httpx.AsyncClient]:
    """A try by password and then a second factor."""
    answer, browser = await sign_in(p, name)
    assert answer.status_code == 202, answer.text
    body = {"challenge": answer.json()["challenge"], "way": way, "code": shown}
    return await browser.post(f"{API}/sessions/second", json=body), browser


async def step_up(browser: httpx.AsyncClient, way: str, shown: str) -> httpx.Response:
    """Show a factor again."""
    return await browser.post(f"{API}/session/step-up", json={"way": way, "code": shown})


async def acts(p: Plane, name: str) -> list[tuple[str, str, str]]:
    """Who did what how, newest first, of that action."""
    admin = await p.client()
    found = (await admin.get(f"{API}/audit", params={"act": name})).json()["items"]
    return [(r["actor"], r["outcome"], r["detail"]) for r in found]
