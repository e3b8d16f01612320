"""Stopping and drilling from the page, with guard, runner and exchange behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled
from tests.browser.deck import Deck, until
from tests.browser.test_acts import go, hold

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(autouse=True)
def _lifted(deck: Deck) -> Iterator[None]:
    """Whatever a test stopped goes on after it."""
    deck.lift()
    yield
    deck.lift()


def test_g_e_opens_the_page_and_the_guard_is_seen_to_run(page: Page) -> None:
    go(page, "/")
    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("/emergency$"))
    expect(page.get_by_text("Guard runs")).to_be_visible()
    expect(page.get_by_text("Nothing is latched")).to_be_visible()


def test_the_kill_of_one_trader_leaves_the_others(deck: Deck, page: Page) -> None:
    deck.play(lambda: len(deck.open_positions()) >= 2, "two positions")
    held = {position["trader"]: position["instrument"] for position in deck.open_positions()}
    trader = next(iter(held))
    others = {symbol for name, symbol in held.items() if name != trader}
    go(page, f"/emergency?scope=trader/{trader}")
    expect(page.get_by_text(re.compile("closes 1 position, notional"))).to_be_visible()
    hold(
        page.get_by_role("button", name="Hold to flatten"),
        page.get_by_text("flat as seen at the broker").first,
    )
    assert {p["instrument"] for p in deck.open_positions()} == others
    left = {symbol for symbol, units in deck.venue_positions().items() if units}
    assert left == others
    row = page.get_by_role("region", name="Kills").get_by_role("row", name=re.compile(trader))
    expect(row.first).to_contain_text("Proved")
    expect(page.get_by_text(re.compile("held by guard, runner, store"))).to_be_visible()


def test_pause_latches_and_closes_nothing(deck: Deck, page: Page) -> None:
    deck.play(lambda: len(deck.open_positions()) >= 1, "a position")
    before = deck.venue_positions()
    go(page, "/emergency")
    hold(
        page.get_by_role("button", name="Hold to pause"),
        page.get_by_text("Entries paused: all").first,
    )
    until(lambda: deck.get("/kills")["items"][0]["state"] == "done", "the pause to be latched")
    assert deck.venue_positions() == before


def test_a_drill_is_run_and_stands_in_the_trend(deck: Deck, page: Page) -> None:
    go(page, "/emergency")
    before = len(deck.get("/drills")["items"])
    page.get_by_role("button", name="Run a drill").click()
    until(lambda: len(deck.get("/drills")["items"]) > before, "the drill")
    newest = deck.get("/drills")["items"][0]
    assert newest["ok"], newest
    assert newest["orders"] == 50
    expect(page.get_by_text(re.compile("Flat after"))).to_be_visible()
    expect(page.get_by_role("region", name="Drills").get_by_role("row")).to_have_count(
        min(before + 1, 8) + 1
    )


def test_a_phone_holds_the_kill_and_reads_the_proof(
    deck: Deck, new_page: Callable[..., Page]
) -> None:
    page = new_page(360, 740)
    page.goto("/")
    settled(page)
    dialog = page.locator("dialog[open]")
    hold(page.get_by_role("button", name="Kill").filter(visible=True).first, dialog)
    hold(
        dialog.get_by_role("button", name="Hold to flatten"),
        dialog.get_by_text(re.compile("^(Flat|Latched)$")),
    )
    assert not any(deck.venue_positions().values())
    wide = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wide) is False
