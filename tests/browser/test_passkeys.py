"""Passkeys in a real browser with Chromium's virtual authenticator, before a real deck.

The calls are those that a page makes: options from the API, `navigator.credentials`, the answer
back, under our own Content-Security-Policy, on http://localhost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.deck import Deck

pytestmark = [pytest.mark.browser, pytest.mark.processes]

ASK = """async ([method, path, body]) => {
  const headers = {"Content-Type": "application/json", "X-Tradedeck-Request": "1",
                   "Idempotency-Key": crypto.randomUUID()};
  const answer = await fetch("/api/v1" + path,
    {method, headers, body: body === null ? undefined : JSON.stringify(body)});
  const text = await answer.text();
  return {status: answer.status, body: text ? JSON.parse(text) : null};
}"""
CREATE = """async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({publicKey})).toJSON();
}"""
GET = """async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  try {
    return (await navigator.credentials.get({publicKey})).toJSON();
  } catch (error) {
    return error.name;
  }
}"""


class Person:
    """Somebody at a browser with an authenticator of their own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }  # fmt: skip
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.authenticator = made["authenticatorId"]

    def verified(self, *, yes: bool) -> None:
        """Whether the authenticator knows its owner (a finger, a PIN)."""
        told = {"authenticatorId": self.authenticator, "isUserVerified": yes}
        self.cdp.send("WebAuthn.setUserVerified", told)

    def ask(self, path: str, body: Any = None, method: str = "POST") -> dict[str, Any]:
        """One request as the page makes it."""
        return self.page.evaluate(ASK, [method, path, body])

    def done(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """One request that must be taken."""
        answer = self.ask(path, body, method)
        assert answer["status"] < 300, answer
        return answer["body"]

    def shown(self, path: str) -> Any:
        """What the authenticator answers to a question of the api, and the question."""
        asked = self.done(f"{path}/start", {})
        return {
            "challenge": asked["challenge"],
            "credential": self.page.evaluate(GET, asked["options"]),
        }


def test_a_passkey_is_made_used_to_sign_in_and_to_step_up(
    deck: Deck, new_page: Callable[..., Page], complaints: list[str]
) -> None:
    link = deck.run("token", "link", "--name", "pia", "--role", "admin").split()[-1]
    page = new_page(anonymous=True)
    page.goto(link)
    page.wait_for_function("() => !location.pathname.startsWith('/sign-in')")
    pia = Person(page)
    me = pia.done("/me", method="GET")
    assert (me["name"], me["passkeys"], me["step_up_ways"]) == ("pia", [], ["host"])

    asked = pia.done("/me/passkeys/start", {})
    made = page.evaluate(CREATE, asked["options"])
    added = pia.done(
        "/me/passkeys",
        {"challenge": asked["challenge"], "credential": made, "name": "virtual"},
    )
    assert len(added["recovery_codes"]) == 10
    assert added["passkey"]["site"] == "localhost"

    pia.done("/session", method="DELETE")
    assert pia.ask("/me", method="GET")["status"] == 401
    session = pia.done("/sessions/passkey", pia.shown("/sessions/passkey"))
    assert (session["actor"], session["mfa"], session["needs_mfa"]) == ("pia", True, False)
    token = {"name": "made by pia", "role": "viewer", "days": 1}
    assert pia.ask("/tokens", token)["status"] == 201

    # A link alone has seen no factor: it steps up with the passkey.
    again = deck.run("token", "link", "--name", "pia").split()[-1].rpartition("=")[2]
    pia.done("/sessions", {"token": again})
    refused = pia.ask("/tokens", token)
    assert (refused["status"], refused["body"]["code"]) == (403, "STEP_UP_REQUIRED")
    assert refused["body"]["ways"] == ["passkey", "recovery", "host"]
    assert "kill" in pia.done("/session", method="GET")["permissions"]  # stopping needs none
    pia.done("/session/step-up/passkey", pia.shown("/session/step-up/passkey"))
    assert pia.ask("/tokens", token)["status"] == 201

    # Without a finger there is no answer at all, and an answer counts once.
    pia.verified(yes=False)
    assert pia.shown("/sessions/passkey")["credential"] == "NotAllowedError"
    pia.verified(yes=True)
    answer = pia.shown("/sessions/passkey")
    assert pia.ask("/sessions/passkey", answer)["status"] == 201
    assert pia.ask("/sessions/passkey", answer)["status"] == 401
    # Refusals that were meant are errors on the console too.
    complaints[:] = [text for text in complaints if "status of 40" not in text]
