"""The Risk page before a real deck: limits, rules, one that opens, and the way to change one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.deck import ACCOUNT, Deck, until
from tests.browser.test_acts import go

pytestmark = [pytest.mark.browser, pytest.mark.processes]
SCOPE = f"account/{ACCOUNT}"


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
    """Any fall from a peak crosses so small a bound; what is open then only shrinks, so that the
    account stays below its peak.
    """
    deck.run("config", "set", f"accounts.{ACCOUNT}.limits.drawdown_max.bound=0.000001",
             "--reason", "to see it open")  # fmt: skip
    deck.applied(2)

    def opened() -> bool:
        rows = deck.get("/breakers")["items"]
        latched = any(row["breaker"] == "drawdown_max" and row["halts"] for row in rows)
        return latched and deck.get(f"/lifts/preview?scope={SCOPE}")["again"]

    deck.play(opened, "the drawdown", lifting=False)
    go(page, "/risk")
    expect(page.get_by_role("heading", name="Open now")).to_be_visible()
    lift = page.get_by_role("link", name="Lift in Emergency").first
    expect(lift).to_be_visible()
    lift.click()
    expect(page).to_have_url(re.compile("/emergency"))
    expect(page.get_by_role("button", name=f"Lift {SCOPE}")).to_be_visible()
    expect(page.get_by_text(re.compile(f"Drawdown of {SCOPE} is still crossed"))).to_be_visible()
    until(lambda: deck.trader("apple-ema")["halt"] is not None, "the halt")
