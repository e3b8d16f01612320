"""Signing in at an OpenID Connect provider: a real one, in a process of its own, that also lies."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.people import API, PASSWORD, Scenario, acts, within
from tests.api.plane import START_NS, Plane
from tests.api.provider import CLIENT, SECRET
from tests.api.test_passkeys import page, signed_in
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S

pytestmark = pytest.mark.processes
ME = f"{API}/session"
Play = Callable[[Scenario], None]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    script = Path(__file__).parent / "provider.py"
    with subprocess.Popen(
        [sys.executable, str(script), str(START_NS // NS_PER_S)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


@pytest.fixture
def play(tmp_path: Path, issuer: str) -> Play:
    def run(scenario: Scenario) -> None:
        asyncio.run(within(
            tmp_path / "h", scenario, oidc_issuer=issuer, oidc_client_id=CLIENT,
            oidc_client_secret=SECRET, oidc_name="The Office",
        ))  # fmt: skip

    return run


async def lie(issuer: str, **what: str) -> None:
    async with httpx.AsyncClient() as provider:
        await provider.get(f"{issuer}/lie", params=what)


async def at_provider(url: str) -> str:
    """What the provider sends the browser back to: path and query."""
    async with httpx.AsyncClient() as provider:
        answer = await provider.get(url)
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


async def through(browser: httpx.AsyncClient, path: str = "/sessions/oidc/start") -> httpx.Response:
    """The whole way of a browser: start, provider, back."""
    began = await browser.post(API + path, json={})
    assert began.status_code == 200, began.text
    return await browser.get(await at_provider(began.json()["url"]))


async def linked(p: Plane, role: Role, name: str) -> httpx.AsyncClient:
    browser = await signed_in(p, role, name)
    answer = await through(browser, "/me/oidc/start")
    assert "url=/settings" in answer.text
    assert (await browser.get(f"{API}/me")).json()["has_oidc"] is True
    return browser


def test_a_linked_account_is_signed_in_by_the_provider(play: Play, issuer: str):
    async def scenario(p: Plane) -> None:
        await lie(issuer)
        ways = (await p.anonymous().get(f"{API}/sessions/ways")).json()
        assert ways == {"password": True, "passkey": True, "oidc": "The Office"}
        await linked(p, Role.OPERATOR, "olga")
        browser = page(p)
        answer = await through(browser)
        assert 'url=/"' in answer.text
        assert "<script" not in answer.text
        me = (await browser.get(ME)).json()
        assert (me["actor"], me["role"], me["mfa"]) == ("olga", "operator", False)
        sessions = (await browser.get(f"{API}/me/sessions")).json()["items"]
        assert [s["method"] for s in sessions if s["current"]] == ["oidc"]

    play(scenario)


def test_whom_nobody_linked_is_let_in_nowhere(play: Play, issuer: str):
    async def scenario(p: Plane) -> None:
        await lie(issuer, sub="olga")  # called as an account is, which says nothing
        await signed_in(p, Role.OPERATOR, "olga")
        browser = page(p)
        answer = await through(browser)
        assert "url=/sign-in?refused=oidc" in answer.text
        assert (await browser.get(ME)).status_code == 401
        whys = [why for _, _, why in await acts(p, "identity:sign-in:try")]
        assert "no account is linked" in whys
        await linked(p, Role.OPERATOR, "olga")
        other = await signed_in(p, Role.RISK, "rita")
        assert "refused=oidc" in (await through(other, "/me/oidc/start")).text
        assert (await other.get(f"{API}/me")).json()["has_oidc"] is False

    play(scenario)


@pytest.mark.parametrize("what", ["iss", "aud", "azp", "exp", "nonce", "key", "none", "hs256"])
def test_a_word_of_the_provider_that_does_not_hold_is_refused(play: Play, issuer: str, what: str):
    async def scenario(p: Plane) -> None:
        await lie(issuer)
        await linked(p, Role.OPERATOR, "olga")
        await lie(issuer, what=what)
        browser = page(p)
        assert "refused=oidc" in (await through(browser)).text
        assert (await browser.get(ME)).status_code == 401
        await lie(issuer)
        assert "refused" not in (await through(browser)).text

    play(scenario)


def test_an_answer_is_to_one_question_of_one_browser(play: Play, issuer: str):
    async def scenario(p: Plane) -> None:
        await lie(issuer)
        await linked(p, Role.OPERATOR, "olga")
        mine, theirs = page(p), page(p)
        url = (await mine.post(f"{API}/sessions/oidc/start", json={})).json()["url"]
        assert parse_qs(urlsplit(url).query)["code_challenge_method"] == ["S256"]
        back = await at_provider(url)
        assert "refused=oidc" in (await theirs.get(back)).text  # another browser, begun nowhere
        await theirs.post(f"{API}/sessions/oidc/start", json={})
        assert "refused=oidc" in (await theirs.get(back)).text  # begun for another question
        assert (await theirs.get(ME)).status_code == 401
        assert "refused" not in (await mine.get(back)).text
        assert "refused=oidc" in (await mine.get(back)).text  # answered already
        for query in ("", "?state=x&code=y", "?error=access_denied"):
            assert (
                "refused=oidc" in (await page(p).get(f"{API}/sessions/oidc/callback{query}")).text
            )

    play(scenario)


def test_a_second_factor_at_the_provider_counts_where_it_says_so(play: Play, issuer: str):
    async def scenario(p: Plane) -> None:
        await lie(issuer)
        await linked(p, Role.RISK, "rita")
        for amr, mfa in (("pwd", False), ("pwd mfa", True)):
            await lie(issuer, amr=amr)
            browser = page(p)
            await through(browser)
            me = (await browser.get(ME)).json()
            assert (me["mfa"], me["needs_mfa"]) == (mfa, not mfa)

    play(scenario)


def test_it_is_unlinked_and_ends_with_the_account(play: Play, issuer: str):
    async def scenario(p: Plane) -> None:
        await lie(issuer)
        browser = await linked(p, Role.OPERATOR, "olga")
        await browser.put(f"{API}/me/password", json={"new": PASSWORD})
        await p.host.post("/host/people/olga/disable", json={})
        assert "refused=oidc" in (await through(page(p))).text
        await p.host.post("/host/people/olga/enable", json={})
        assert "refused" not in (await through(page(p))).text
        browser = await signed_in(p, Role.OPERATOR, "olga")
        assert (await browser.delete(f"{API}/me/oidc")).status_code == 204
        assert (await browser.delete(f"{API}/me/oidc")).status_code == 404
        assert "refused=oidc" in (await through(page(p))).text

    play(scenario)


def test_without_a_provider_there_is_none(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        assert (await p.anonymous().get(f"{API}/sessions/ways")).json()["oidc"] is None
        answer: Any = await page(p).post(f"{API}/sessions/oidc/start", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")

    asyncio.run(within(tmp_path / "h", scenario))
