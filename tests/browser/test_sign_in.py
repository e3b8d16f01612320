"""Coming in and stepping up, with a real server: SEC-1, SEC-2, CTL-4."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled
from tests.browser.deck import Deck, until
from tests.browser.people import (
    PASSWORD,
    NewPage,
    arrive,
    done,
    enrol,
    link_of,
    new_name,
    refused_on_purpose,
    send,
)
from tests.browser.test_pages import both_themes, themed

pytestmark = [pytest.mark.browser, pytest.mark.processes]
WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


def fill(page: Page, name: str, password: str) -> None:
    """Name and password, by keyboard alone."""
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def kept_in(page: Page) -> str:
    """All that scripts of the page could read later."""
    found: str = page.evaluate(
        "() => JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])"
    )
    return found


def test_sec_1_a_password_signs_in_and_a_wrong_one_says_what_to_do(
    deck: Deck, new_page: NewPage, complaints: list[str]
) -> None:
    name = new_name("wendy")
    first = arrive(deck, new_page, name, "viewer")
    done(send(first, "/me/password", {"new": PASSWORD}, "PUT"))
    page = new_page(anonymous=True)
    page.goto("/orders?tab=fills")
    fill(page, name, "not this one")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password was not valid.")
    expect(page.get_by_role("alert")).to_contain_text("tradedeck user unlock")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    refused_on_purpose(complaints, 401)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    settled(page)
    assert page.url.endswith("/orders?tab=fills")
    expect(page.locator(".rail")).to_contain_text(name)
    assert PASSWORD not in kept_in(page)
    assert "tds_" not in kept_in(page)


def test_sec_2_the_second_factor_is_asked_for_and_a_recovery_code_stands_in(
    deck: Deck, new_page: NewPage, axe: str, complaints: list[str]
) -> None:
    name = new_name("sven")
    app, codes = enrol(arrive(deck, new_page, name, "admin"))
    page = new_page(anonymous=True, reduced_motion="reduce")
    page.goto("/sign-in")
    fill(page, name, PASSWORD)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    assert both_themes(page, axe) == []
    themed(page, "dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate(WIDE) is False
    expect(page.get_by_label("Code of your authenticator app")).to_be_focused()
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Take the next code of the app")
    page.keyboard.type(app.code())
    page.keyboard.press("Enter")
    expect(page.locator(".rail")).to_contain_text("PAPER")
    assert done(page.request.get("/api/v1/session"))["mfa"] is True

    other = new_page(anonymous=True)
    other.goto("/sign-in")
    fill(other, name, PASSWORD)
    other.get_by_role("button", name="Recovery code").click()
    other.get_by_label("Recovery code", exact=True).fill(codes[0])
    other.keyboard.press("Enter")
    expect(other.locator(".rail")).to_contain_text("PAPER")
    assert done(other.request.get("/api/v1/me"))["recovery_codes_left"] == len(codes) - 1
    # Nobody was signed in at first, and one code was wrong.
    refused_on_purpose(complaints, 401, 403)


def test_sec_2_whoever_came_by_link_looks_and_stops_and_steps_up_for_the_rest(
    deck: Deck, new_page: NewPage, axe: str, complaints: list[str]
) -> None:
    name = new_name("lena")
    enrolled = arrive(deck, new_page, name, "admin")
    _, codes = enrol(enrolled)
    page = new_page(anonymous=True, reduced_motion="reduce")
    page.goto(link_of(deck, name, "admin"))
    expect(page.locator(".rail")).to_contain_text("PAPER")
    expect(page.get_by_text("Signed in without your second factor")).to_be_visible()

    # What stops never asks.
    answer = send(page, "/kills", {"scope": "trader/apple-ema", "step": "pause", "reason": "test"})
    assert answer.ok, answer.text()
    until(lambda: "trader/apple-ema" in {h["scope"] for h in deck.status()["halts"]}, "the pause")

    page.goto("/audit")
    page.get_by_role("button", name="Show that it is you").click()
    dialog = page.get_by_role("dialog", name="Show that it is you")
    expect(dialog.get_by_label("Code of your authenticator app")).to_be_focused()
    assert both_themes(page, axe) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate(WIDE) is False
    dialog.get_by_role("button", name="Host code").click()
    expect(dialog.get_by_text("tradedeck token step-up")).to_be_visible()
    dialog.get_by_role("button", name="Recovery code").click()
    dialog.get_by_label("Recovery code", exact=True).fill("nothing like it")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("The code was not valid")
    dialog.get_by_label("Recovery code", exact=True).fill(codes[1])
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("region", name="Audit")).to_contain_text("Session open")
    expect(page.get_by_text("Signed in without your second factor")).to_have_count(0)
    assert done(page.request.get("/api/v1/session"))["stepped_up_until"] is not None
    refused_on_purpose(complaints, 403)


def test_sec_1_an_invitation_makes_an_account_and_leaves_the_address(
    deck: Deck, new_page: NewPage, axe: str, complaints: list[str]
) -> None:
    inviter = arrive(deck, new_page, new_name("ingrid"), "admin")
    enrol(inviter)
    name = new_name("nils")
    made = done(send(inviter, "/invitations", {"name": name, "role": "operator"}))
    page = new_page(anonymous=True, reduced_motion="reduce")
    page.goto(made["path"])
    expect(page.get_by_label("How you are called")).to_be_focused()
    assert made["token"] not in kept_in(page)
    assert both_themes(page, axe) == []
    page.keyboard.type("Nils Berg")
    page.get_by_label("Password", exact=True).fill("password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("shorter than 15 characters")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".rail")).to_contain_text(name)
    assert done(page.request.get("/api/v1/me"))["display_name"] == "Nils Berg"

    late = new_page(anonymous=True)
    late.goto(made["path"])
    late.get_by_label("How you are called").fill("Somebody else")
    late.get_by_label("Password", exact=True).fill(PASSWORD)
    late.keyboard.press("Enter")
    expect(late.get_by_role("alert")).to_contain_text("not valid")
    refused_on_purpose(complaints, 401, 404, 409, 422)
