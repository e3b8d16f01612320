"""People before a real deck: made by a link of the host, with a password and an app."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import APIResponse, Page, expect

from tests.browser.deck import Deck
from tradedeck.identity import totp
from tradedeck.kernel.clock import NS_PER_S

PASSWORD = "four words nobody joins"
STEP_NS = 30 * NS_PER_S
NewPage = Callable[..., Page]


def new_name(stem: str) -> str:
    """Of somebody new, also when a test runs again on the same deck."""
    return f"{stem}-{secrets.token_hex(3)}"


def link_of(deck: Deck, name: str, role: str) -> str:
    """A sign-in link of the host for an account, which it makes."""
    found = re.search(r"http://\S+", deck.run("token", "link", "--name", name, "--role", role))
    assert found is not None
    return found[0]


def arrive(deck: Deck, new_page: NewPage, name: str, role: str, *size: int) -> Page:
    """Somebody signed in by link, on a page of their own."""
    page = new_page(*size, anonymous=True, reduced_motion="reduce")
    page.add_init_script("localStorage.setItem('tradedeck.prefs', '{\"tourDone\":true}')")
    page.goto(link_of(deck, name, role))
    expect(page.locator(".rail")).to_contain_text("PAPER")
    return page


def send(page: Page, path: str, body: Any = None, method: str = "POST") -> APIResponse:
    """One act of whoever is signed in there."""
    return page.request.fetch(
        f"/api/v1{path}",
        method=method,
        data=json.dumps(body or {}),
        headers={
            "Content-Type": "application/json",
            "X-Tradedeck-Request": "1",
            "Idempotency-Key": secrets.token_hex(8),
        },
    )


def done(answer: APIResponse) -> Any:
    """What it answered; it must have been taken."""
    assert answer.ok, f"{answer.url}: {answer.status} {answer.text()}"
    text = answer.text()
    return json.loads(text) if text else {}


class App:
    """An authenticator app. A code is taken once, so each one asked for is of a later step; the
    deck allows one step of drift, so the one after that is waited for.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.used = 0

    def code(self) -> str:
        """The next one that was not used."""
        step = max(time.time_ns() // STEP_NS, self.used + 1)
        while step > time.time_ns() // STEP_NS + 1:
            time.sleep(0.2)
        self.used = step
        return totp.code_at(self.secret, step * STEP_NS)


def enrol(page: Page) -> tuple[App, list[str]]:
    """A password, an app and its recovery codes for whoever is signed in there."""
    done(send(page, "/me/password", {"new": PASSWORD}, "PUT"))
    offer = done(send(page, "/me/totp/start"))
    app = App(offer["secret"])
    body = {"challenge": offer["challenge"], "code": app.code()}
    return app, done(send(page, "/me/totp/finish", body))["recovery_codes"]


def refused_on_purpose(complaints: list[str], *statuses: int) -> None:
    """Chromium itself reports every refused request; nothing else may have been said."""
    for text in complaints:
        assert any(f"status of {status}" in text for status in statuses), text
    complaints.clear()
