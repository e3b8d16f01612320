"""The Risk page before a real deck: limits, rules, one that opens, and the way to change one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.deck import ACCOUNT, Deck, until
from tests.browser.test_acts import go

pytestmark = [pytest.mark.browser, pytest.mark.processes]
SCOPE = "trader/apple-ema"
LOSS = f"traders.{SCOPE.partition('/')[2]}.limits.loss_max"


@pytest.fixture
def _lifted(deck: Deck) -> Iterator[None]:
    """Whatever a test stopped goes on after it."""
    yield
    deck.lift()


def test_g_r_opens_the_page_with_every_limit_and_every_rule(deck: Deck, page: Page) -> None:
    go(page, "/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile("/risk$"))
    expect(page.get_by_role("heading", level=1, name="Risk")).to_be_visible()
    limits = page.get_by_role("region", name="Limits")
    every = deck.get(f"/accounts/{ACCOUNT}/limits")["items"]
    told = len([row for row in every if row["limit"] != "stale_checks_max"])
    page.get_by_role("button", name=f"All {told} limits").click()
    expect(limits.get_by_role("row")).to_have_count(told + 1)
    shares = [int(text.rstrip(" %")) for text in limits.locator("td").all_inner_texts()
              if re.fullmatch(r"\d+ %", text)]  # fmt: skip
    assert shares == sorted(shares, reverse=True)
    rules = page.get_by_role("region", name="Breakers")
    for name in ("Stale checks", "Feed away", "Rejected orders", "Repeated execution", "Clock set"):
        expect(rules.get_by_role("row", name=name)).to_be_visible()
    expect(rules.get_by_role("row", name="Rejected orders")).to_contain_text("5 orders rejected")


def test_by_keyboard_a_rule_leads_to_its_place_in_the_configuration(page: Page) -> None:
    go(page, "/risk")
    rules = page.get_by_role("region", name="Breakers")
    link = rules.get_by_role("link", name="Change Rejected orders")
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/config\?at="))
    expect(page.get_by_label("Bound").and_(page.locator(":focus"))).to_have_value("5")


@pytest.mark.usefixtures("_lifted")
def test_a_limit_that_latched_says_so_until_it_is_lifted(deck: Deck, page: Page) -> None:
    """A bound of one cent is crossed on the next losing price; the halt stands on the page."""
    deck.run("config", "set", f"{LOSS}.bound=0.01", "--reason", "to see it open")
    deck.applied(2)
    path = "/breakers"

    def opened() -> bool:
        return any(
            (row["scope"], row["breaker"], row["state"]) == (SCOPE, "loss_max", "open")
            for row in deck.get(path)["items"]
        )

    deck.play(opened, "the loss")
    go(page, "/risk")
    expect(page.get_by_role("heading", name="Open now")).to_be_visible()
    lift = page.get_by_role("link", name="Lift in Emergency").first
    expect(lift).to_be_visible()
    lift.click()
    expect(page).to_have_url(re.compile("/emergency"))
    expect(page.get_by_role("button", name=f"Lift {SCOPE}")).to_be_visible()
    until(lambda: deck.trader("apple-ema")["halt"] is not None, "the halt")
