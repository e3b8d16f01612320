"""Settings before a real server: one's own factors, people, tokens, sessions (SEC-1, SEC-2)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import settled
from tests.browser.deck import Deck
from tests.browser.people import (
    PASSWORD,
    App,
    NewPage,
    arrive,
    done,
    enrol,
    link_of,
    new_name,
    refused_on_purpose,
    send,
)
from tests.browser.test_pages import both_themes
from tests.browser.test_passkeys import Person

pytestmark = [pytest.mark.browser, pytest.mark.processes]
LOOK = "() => JSON.stringify([localStorage, sessionStorage, location.href])"


def opened(page: Page, tab: str = "") -> None:
    """Settings, with its first reads in."""
    page.goto(f"/settings{tab and f'?tab={tab}'}")
    settled(page)


def row(page: Page, table: str, text: str) -> Locator:
    """The row of a table that bears the text."""
    return page.get_by_role("region", name=table).get_by_role("row").filter(has_text=text)


def test_sec_2_an_app_is_set_up_by_what_the_page_shows(
    deck: Deck, new_page: NewPage, axe: str, complaints: list[str]
) -> None:
    page = arrive(deck, new_page, new_name("tova"), "admin")
    opened(page)
    expect(page.get_by_text("None yet. Without one")).to_be_visible()
    page.get_by_role("button", name="Set a password").click()
    page.get_by_label("New password", exact=True).fill("password1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("shorter than 15 characters")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_role("button", name="Set up").click()
    dialog = page.get_by_role("dialog", name="Set up an authenticator app")
    expect(dialog.get_by_role("img", name="QR code of the secret")).to_be_visible()
    secret = dialog.get_by_label("Secret", exact=True).inner_text().replace(" ", "")
    assert both_themes(page, axe) == []
    code = dialog.get_by_label("Code that the app shows now")
    expect(code).to_be_focused()
    code.fill("000000")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("not the one of this moment")
    code.fill(App(secret).code())
    page.keyboard.press("Enter")
    codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    expect(codes).to_have_count(10)
    first = codes.first.inner_text()
    assert both_themes(page, axe) == []
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("10 codes left of 10")).to_be_visible()
    kept = page.evaluate(LOOK)
    assert secret not in kept
    assert first not in kept
    assert first not in page.content()
    # The last factor of a role that needs one stays; the page says why.
    page.get_by_role("button", name="Remove the authenticator app").click()
    tray = page.get_by_role("log", name="Acts")
    expect(tray).to_contain_text("Refused")
    expect(page.get_by_text("10 codes left of 10")).to_be_visible()
    refused_on_purpose(complaints, 409, 403, 422)


def test_sec_2_a_passkey_signs_in_and_steps_up_for_a_token_that_is_shown_once(
    deck: Deck, new_page: NewPage, axe: str, complaints: list[str]
) -> None:
    name, token = new_name("petra"), new_name("scraper")
    page = arrive(deck, new_page, name, "admin")
    Person(page)
    opened(page)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("Name", exact=True).fill("Laptop of Petra")
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Recovery codes").get_by_role("listitem")).to_have_count(
        10
    )
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("passkey of localhost")).to_be_visible()
    page.get_by_role("button", name=re.compile("preferences and sign out")).click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator(".rail")).to_contain_text(name)
    assert done(page.request.get("/api/v1/session"))["mfa"] is True

    # A link alone has seen no factor: making a token asks, and the passkey answers.
    page.goto(link_of(deck, name, "admin"))
    expect(page.get_by_text("Signed in without your second factor")).to_be_visible()
    opened(page, "sessions")
    page.get_by_role("button", name="Show that it is you").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(row(page, "Open sessions", "this one")).to_have_count(1)
    opened(page, "tokens")
    page.get_by_role("button", name="New token …").click()
    dialog = page.get_by_role("dialog", name="New token")
    dialog.get_by_label("Name", exact=True).fill(token)
    dialog.get_by_role("button", name="Only some").click()
    expect(dialog.get_by_role("checkbox", name="read", exact=True)).to_be_checked()
    assert both_themes(page, axe) == []
    dialog.get_by_role("button", name="Make it").click()
    secret = page.get_by_label("token", exact=True).inner_text()
    assert secret.startswith("tdt_")
    page.get_by_role("button", name="I have kept it").click()
    expect(row(page, "Tokens", token)).to_contain_text("1 permission of viewer")
    assert secret not in page.content()
    assert secret not in page.evaluate(LOOK)
    bearer = {"Authorization": f"Bearer {secret}"}
    stranger = new_page(anonymous=True)
    assert stranger.request.get("/api/v1/status", headers=bearer).status == 200
    row(page, "Tokens", token).get_by_role("button", name=f"Revoke {token}").click()
    expect(row(page, "Tokens", token)).to_have_count(0)
    assert stranger.request.get("/api/v1/status", headers=bearer).status == 401
    refused_on_purpose(complaints, 401, 403)


def test_sec_1_an_admin_invites_changes_the_role_and_ends_what_somebody_may(
    deck: Deck, new_page: NewPage, axe: str, complaints: list[str]
) -> None:
    admin = arrive(deck, new_page, new_name("anna"), "admin")
    _, codes = enrol(admin)
    name = new_name("olaf")
    opened(admin, "people")
    admin.get_by_role("button", name="Invite …").click()
    dialog = admin.get_by_role("dialog", name="Invite somebody")
    dialog.get_by_label("Sign-in name").fill("Olaf!")
    expect(dialog.get_by_role("alert")).to_contain_text("Small letters")
    dialog.get_by_label("Sign-in name").fill(name)
    assert both_themes(admin, axe) == []
    dialog.get_by_role("button", name="Make the link").click()
    link = admin.get_by_label("link", exact=True).inner_text()
    admin.get_by_role("button", name="I have sent it").click()
    expect(row(admin, "Invitations", name)).to_contain_text("Open")

    olaf = new_page(anonymous=True)
    olaf.goto(link)
    olaf.get_by_label("How you are called").fill("Olaf Moen")
    olaf.get_by_label("Password", exact=True).fill(PASSWORD)
    olaf.get_by_role("button", name="Join").click()
    expect(olaf.locator(".rail")).to_contain_text("viewer")
    opened(olaf, "people")
    expect(olaf.get_by_text("Not yours to see")).to_be_visible()

    opened(admin, "people")
    row(admin, "People and services", name).get_by_role("button").click()
    admin.get_by_role("menuitem", name="Change the role …").click()
    admin.get_by_role("radio", name=re.compile("^operator")).check()
    admin.get_by_role("button", name="Change it").click()
    expect(row(admin, "People and services", name)).to_contain_text("operator")
    assert done(olaf.request.get("/api/v1/session"))["role"] == "operator"

    opened(admin, "sessions")
    row(admin, "Open sessions", name).get_by_role("button", name="End").click()
    expect(row(admin, "Open sessions", name)).to_have_count(0)
    expect(olaf).to_have_url(re.compile("/sign-in"))

    opened(admin, "people")
    row(admin, "People and services", name).get_by_role("button").click()
    admin.get_by_role("menuitem", name="Disable …").click()
    admin.get_by_role("button", name="Disable", exact=True).click()
    expect(row(admin, "People and services", name)).to_contain_text("Disabled")
    answer = send(olaf, "/sessions/password", {"name": name, "password": PASSWORD})
    assert answer.status == 401, answer.text()
    assert len(codes) == 10
    refused_on_purpose(complaints, 401, 403)
