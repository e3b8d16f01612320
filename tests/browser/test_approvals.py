"""An act of two people, from the page (CTL-2): asked for, read, decided, done once."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from playwright.sync_api import Page, expect

from tests.browser.deck import Deck, until
from tests.browser.people import (
    NewPage,
    arrive,
    done,
    enrol,
    new_name,
    refused_on_purpose,
    send,
)
from tests.browser.test_pages import both_themes
from tests.browser.test_settings import opened, row

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def ask_for(page: Page, name: str, role: str, why: str) -> None:
    """Ask, in Settings, that somebody is given a role that takes two."""
    opened(page, "people")
    row(page, "People and services", name).get_by_role("button").click()
    page.get_by_role("menuitem", name="Change the role …").click()
    page.get_by_role("radio", name=re.compile(f"^{role}")).check()
    page.get_by_role("button", name="Change it").click()
    page.get_by_label("Why", exact=True).fill(why)
    page.get_by_role("button", name="Ask for it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_ctl_2_one_asks_another_reads_the_act_and_decides_it_once(
    deck: Deck, new_page: NewPage, axe: str, complaints: list[str]
) -> None:
    ada, bert = (arrive(deck, new_page, new_name(stem), "admin") for stem in ("ada", "bert"))
    enrol(ada)
    enrol(bert)
    name = new_name("cleo")
    cleo = arrive(deck, new_page, name, "viewer")

    ask_for(ada, name, "risk", "stands in next week")
    ada.goto("/approvals")
    ada.get_by_role("button", name=f"Make {name} risk").click()
    drawer = ada.locator("dialog[open]")
    expect(drawer.get_by_text("its SHA-256, computed here")).to_be_visible()
    approve = drawer.get_by_role("button", name="Approve")
    expect(approve).to_have_attribute("aria-disabled", "true")
    asked = done(ada.request.get("/api/v1/approvals"))["items"][0]
    own = send(ada, f"/approvals/{asked['id']}/approve", {"digest": asked["digest"]})
    assert "Nobody approves their own request" in own.text()

    bert.goto("/approvals")
    entry = bert.get_by_role("navigation", name="Pages", exact=True).get_by_role(
        "link", name=re.compile("Approvals")
    )
    expect(entry).to_contain_text("waiting for you: 1")
    bert.get_by_role("region", name="Waiting for you").get_by_role(
        "button", name=f"Make {name} risk"
    ).click()
    drawer = bert.locator("dialog[open]")
    expect(drawer.get_by_text("its SHA-256, computed here")).to_be_visible()
    shown = drawer.locator("pre").inner_text()
    digest = drawer.get_by_text(re.compile("^[0-9a-f]{64}$")).inner_text()
    assert sha256(shown.encode()).hexdigest() == digest
    assert both_themes(bert, axe) == []
    bert.set_viewport_size({"width": 360, "height": 740})
    assert drawer.evaluate("element => element.scrollWidth > element.clientWidth") is False
    bert.set_viewport_size({"width": 1440, "height": 900})
    drawer.get_by_role("button", name="Approve").click()
    expect(bert.get_by_role("region", name="Decided")).to_contain_text("Done")
    expect(entry).not_to_contain_text("waiting for you")
    assert done(cleo.request.get("/api/v1/session"))["role"] == "risk"

    # It is done once: a second yes to the same act is refused.
    assert asked["digest"] == digest
    again = send(bert, f"/approvals/{asked['id']}/approve", {"digest": digest})
    assert not again.ok, again.text()

    ask_for(ada, name, "admin", "and people too")
    bert.goto("/approvals")
    bert.get_by_role("button", name=f"Make {name} admin").click()
    drawer = bert.locator("dialog[open]")
    no = drawer.get_by_role("button", name="Refuse")
    expect(no).to_have_attribute("aria-disabled", "true")
    drawer.get_by_label("Why you refuse").fill("risk is enough")
    no.click()
    expect(bert.get_by_role("region", name="Decided")).to_contain_text("Refused")
    until(
        lambda: done(cleo.request.get("/api/v1/session"))["role"] == "risk", "the role to be kept"
    )
    refused_on_purpose(complaints, 403)
