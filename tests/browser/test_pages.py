"""Every page: accessible in both themes, within 360 px, by keyboard alone, without a complaint."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled
from tests.browser.deck import ACCOUNT, Deck, until

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PAGES = [
    "/", "/traders", "/traders?deploy=true", "/traders/apple-ema",
    "/traders/ibm-momentum?tab=parameters", "/traders/goog-breakout?strategy=ema-cross",
    "/orders", "/orders?tab=positions", "/orders?tab=fills", "/orders?tab=trades",
    "/orders?tab=ledger", "/backtests", "/config", "/config?tab=raw", "/config?tab=versions",
    "/config?tab=conditions", "/operations", "/operations?tab=feeds", "/operations?tab=logs",
    "/operations?tab=metrics", "/audit", "/audit?outcome=failed",
    "/emergency", "/emergency?scope=trader/apple-ema", "/risk", "/risk?of=trader",
    "/config?at=accounts/paper-demo/breakers/rejects",
    "/traders/apple-ema?tab=performance",
    "/settings", "/settings?tab=people", "/settings?tab=tokens", "/settings?tab=sessions",
    "/approvals",
]  # fmt: skip
SERIOUS = {"serious", "critical"}


@pytest.fixture(autouse=True)
def _something_to_see(deck: Deck) -> None:
    """Pages are judged with rows in them, and held still while they are."""

    def enough() -> bool:
        counts = {book: len(deck.get(f"/{book}")["items"]) for book in ("trades", "fills")}
        return len(deck.open_positions()) > 0 and counts["trades"] > 0 and counts["fills"] > 4

    deck.play(enough, "a position, a round trip, and more fills than two short pages hold")


def serious(page: Page, options: str) -> list[str]:
    """Findings of axe that keep somebody out, with where they are."""
    found: dict[str, Any] = page.evaluate(
        f"axe.run(document, {{ resultTypes: ['violations'], {options} }})"
    )
    return [
        f"{page.url}: {violation['id']} {[node['target'] for node in violation['nodes'][:4]]}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
    ]


def themed(page: Page, scheme: str) -> None:
    """Until the theme is there, and no colour is on its way any more. A browser that draws no frame
    (on a busy machine it may not, for a page that nobody sees) is not waited for.
    """
    page.emulate_media(color_scheme=scheme)
    expect(page.locator(f"html[data-theme={scheme}]")).to_have_count(1)
    page.evaluate("""() => Promise.race([
        new Promise((done) => setTimeout(() => done(null), 5000)),
        new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
            () => Promise.allSettled(document.getAnimations().filter((each) => each.playState
                === 'running' && each.effect.getComputedTiming().endTime < 5000)
                .map((each) => each.finished)).then(() => done(null))))),
    ])""")


def both_themes(page: Page, axe: str) -> list[str]:
    """All rules in the dark; in the light those of colour, which alone can differ."""
    page.evaluate(axe)
    themed(page, "dark")
    found = serious(page, "")
    themed(page, "light")
    return found + serious(page, "runOnly: ['color-contrast', 'link-in-text-block']")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_keeps_nobody_out_and_fits_the_smallest_phone(
    new_page: Callable[..., Page], axe: str, path: str
) -> None:
    # Colours that are half-way through a transition have no contrast to judge.
    page = new_page(reduced_motion="reduce")
    page.goto(path)
    settled(page)
    assert both_themes(page, axe) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert (
        page.evaluate("""() => ['html', 'main', 'dialog[open]']
        .map((selector) => document.querySelector(selector))
        .filter((element) => element && element.scrollWidth > element.clientWidth)
        .map((element) => {
            const edge = element.getBoundingClientRect().right;
            const wide = [...element.querySelectorAll('*')].find((each) =>
                each.getBoundingClientRect().right > edge + 1 && !each.closest('.table-wrap'));
            return `${element.tagName} ${element.scrollWidth}: ${wide?.outerHTML.slice(0, 160)}`;
        })""")
        == []
    )


def test_the_sign_in_page_keeps_nobody_out_and_fits_the_smallest_phone(
    new_page: Callable[..., Page], axe: str, complaints: list[str]
) -> None:
    page = new_page(anonymous=True, reduced_motion="reduce")
    page.goto("/sign-in")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert both_themes(page, axe) == []
    page.set_viewport_size({"width": 360, "height": 740})
    wide = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wide) is False
    # Chromium itself reports that nobody is signed in.
    assert all("401" in text for text in complaints), complaints
    complaints.clear()


@pytest.mark.parametrize("key", ["Shift+K", "Control+k", "?"])
def test_a_dialog_keeps_nobody_out(new_page: Callable[..., Page], axe: str, key: str) -> None:
    page = new_page(reduced_motion="reduce")
    page.goto("/")
    settled(page)
    page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_be_visible()
    assert both_themes(page, axe) == []


def test_rail_and_kill_stay_on_every_page(new_page: Callable[..., Page]) -> None:
    for width in (1440, 390):
        page = new_page(width, 844)
        for path in ("/", "/orders?tab=ledger", "/operations?tab=metrics"):
            page.goto(path)
            settled(page)
            page.locator("main").evaluate("element => element.scrollTo(0, element.scrollHeight)")
            expect(page.get_by_text("PAPER", exact=True).first).to_be_in_viewport()
            kill = page.get_by_role("button", name="Kill").filter(visible=True).first
            expect(kill).to_be_in_viewport()


def test_letters_go_to_every_page(page: Page) -> None:
    page.goto("/")
    settled(page)
    for letter, address in {
        "t": "/traders", "o": "/orders", "b": "/backtests", "f": "/config", "p": "/operations",
        "a": "/audit", "e": "/emergency", "c": "/",
    }.items():  # fmt: skip
        page.keyboard.press("g")
        page.keyboard.press(letter)
        expect(page).to_have_url(re.compile(rf"//[^/]+{address}(\?|$)"))


def test_the_palette_goes_and_gives_back_the_focus(page: Page) -> None:
    page.goto("/")
    settled(page)
    page.keyboard.press("Control+k")
    command = page.get_by_role("combobox", name="Command")
    expect(command).to_be_focused()
    page.keyboard.type("open goog")
    expect(page.get_by_role("option", selected=True)).to_contain_text("goog-breakout")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/traders/goog-breakout$"))
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_where_the_focus_is_can_be_seen(page: Page) -> None:
    page.goto("/")
    settled(page)
    for _ in range(25):
        page.keyboard.press("Tab")
        seen = page.evaluate("""() => {
            const element = document.activeElement;
            if (!element || element === document.body) return null;
            const style = getComputedStyle(element);
            return { what: element.outerHTML.slice(0, 120),
                visible: style.outlineStyle !== 'none' || style.boxShadow !== 'none' };
        }""")
        assert seen is None or seen["visible"], seen["what"]


@pytest.mark.parametrize("key", ["Shift+K", "Control+k", "?"])
def test_a_dialog_keeps_the_focus_and_closes_with_escape(page: Page, key: str) -> None:
    page.goto("/")
    settled(page)
    page.keyboard.press(key)
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        # Between the last and the first control the browser's own frame may hold it.
        assert page.evaluate("""() => document.activeElement === document.body
            || Boolean(document.activeElement.closest('dialog[open]'))""")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_kill_by_keyboard_needs_to_be_held(page: Page, deck: Deck) -> None:
    page.goto("/")
    settled(page)
    page.keyboard.press("Shift+K")
    hold = page.get_by_role("button", name="Hold to pause")
    hold.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(hold).to_have_attribute("data-holding", "false")
    assert deck.status()["halts"] == []
    page.keyboard.down("Space")
    expect(page.get_by_text(re.compile("^runner latched"))).to_be_visible()
    page.keyboard.up("Space")
    until(lambda: deck.status()["halts"], "the halt")
    expect(page.locator("main").get_by_text("Entries paused: all")).to_be_visible()
    deck.lift()
    expect(page.locator("main").get_by_text("Entries paused: all")).to_have_count(0)


def test_a_bar_is_chosen_by_arrow_keys_and_says_why(page: Page) -> None:
    page.goto("/traders/apple-ema")
    settled(page)
    chart = page.get_by_role("group", name="Prices of AAPL")
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("at="))
    expect(page.get_by_text("chosen bar")).to_be_visible()


def test_the_rail_says_what_trades(page: Page, deck: Deck) -> None:
    page.goto("/")
    rail = page.locator(".rail")
    expect(rail).to_contain_text("PAPER")
    expect(rail).to_contain_text("replay")
    expect(rail).to_contain_text("4 running")
    expect(rail).to_contain_text("admin")
    price = page.locator("main").get_by_text(ACCOUNT).first
    expect(price).to_be_visible()
    before = deck.trader("apple-ema")["last_bar"]
    shown = page.get_by_text("as of ").first
    old = shown.inner_text()
    deck.act("/feeds/us-daily/replay", {"paused": False, "speed": 4})
    expect(shown).not_to_have_text(old)
    until(lambda: deck.trader("apple-ema")["last_bar"] != before, "another bar")


def test_inv_16_a_frozen_runner_is_shown_as_unknown_and_nothing_stays_green(
    page: Page, deck: Deck
) -> None:
    """The stream of the api stays open: what is missing is the word of the runner."""
    page.goto("/")
    settled(page)
    rail, main = page.locator(".rail"), page.locator("main")
    expect(rail).to_contain_text("4 running")
    frozen = deck.pid("runner")
    os.kill(frozen, signal.SIGSTOP)
    try:
        expect(rail).to_contain_text("Runner silent")
        expect(rail).to_contain_text("4 unknown")
        expect(rail).to_contain_text("last known")
        expect(rail.locator(".text-ok")).to_have_count(0)
        expect(main.locator(".verdict").filter(has_text="Are we safe?")).to_contain_text("Unknown")
        expect(main.locator(".verdict").filter(has_text="book true?")).to_contain_text("Unknown")
        expect(main.locator("table .text-ok")).to_have_count(0)
        page.goto("/operations?tab=feeds")
        expect(main).to_contain_text("Stale")
    finally:
        os.kill(frozen, signal.SIGCONT)
    expect(rail).to_contain_text("4 running")


@pytest.mark.parametrize("tab", ["orders", "fills", "ledger"])
def test_a_book_is_read_on_to_what_is_older(page: Page, deck: Deck, tab: str) -> None:
    whole = [str(row["seq"]) for row in deck.get(f"/{tab}?limit=500")["items"]]
    # The pages are the API's own, only shorter than the books of this short run.
    page.route(
        f"**/api/v1/{tab}?*",
        lambda route: route.continue_(url=re.sub("limit=200", "limit=2", route.request.url)),
    )
    page.goto(f"/orders?tab={tab}")
    settled(page)
    rows = page.get_by_role("region", name=tab.capitalize()).locator("tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(min(4, len(whole)))
    expect(page.get_by_text("The newest 4")).to_be_visible()


def test_the_choice_of_orders_is_made_by_the_api(page: Page, deck: Deck) -> None:
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "/api/v1/orders?" in r.url else None)
    page.goto("/orders")
    settled(page)
    page.get_by_role("button", name="Filled", exact=True).click()
    until(lambda: any("status=FILLED%2CPARTIALLY_FILLED" in url for url in asked), "the question")
    cells = page.get_by_role("region", name="Orders", exact=True).locator("tbody tr")
    expect(cells.filter(has_text="Filled")).to_have_count(
        len(deck.get("/orders?status=FILLED,PARTIALLY_FILLED&limit=200")["items"])
    )


def test_the_audit_is_filtered_by_the_api_and_verified(page: Page) -> None:
    page.goto("/audit")
    settled(page)
    table = page.get_by_role("region", name="Audit")
    with page.expect_response(lambda r: "act=runner%3Areplay%3Aset" in r.url):
        page.get_by_label("Act", exact=True).select_option("runner:replay:set")
    expect(table.locator("tbody tr").first).to_contain_text("Replay set")
    expect(table.locator("tbody tr").filter(has_text="Session open")).to_have_count(0)
    page.get_by_label("Search the audit").fill("no such record")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    expect(page).to_have_url(re.compile("q=no"))
    page.get_by_role("button", name="Clear the filters").click()
    expect(table.locator("tbody tr").filter(has_text="Session open").first).to_be_visible()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text(re.compile(r"chain and tree hold over \d+ records"))).to_be_visible()
    table.locator("tbody tr").first.click()
    page.get_by_role("button", name="Prove", exact=True).click()
    proof = page.get_by_role("region", name="Proof")
    expect(proof).to_contain_text("in the signed tree, computed here")
    expect(proof).to_contain_text("tradedeck-audit-")


def test_the_command_center_tells_orders_regime_and_what_was_before(page: Page, deck: Deck) -> None:
    orders = deck.get(f"/accounts/{ACCOUNT}/execution")["orders"]
    page.goto("/")
    settled(page)
    main = page.locator("main")
    expect(main.get_by_text(f"{orders} orders")).to_be_visible()
    expect(main.get_by_text("Market ", exact=False).first).to_be_visible()
    expect(main.get_by_role("heading", name="Execution")).to_be_visible()
    # Of before this page was opened: the stream starts at the snapshot.
    expect(
        main.get_by_text("Configuration 1 applied").or_(main.get_by_text("Filled")).first
    ).to_be_visible()


def test_one_crosshair_points_at_both_charts(page: Page) -> None:
    page.goto("/")
    settled(page)
    charts = page.locator("main .u-over")
    expect(charts).to_have_count(2)
    caption = page.locator("figcaption").filter(has_text="Orders")
    expect(caption).to_contain_text("filled,")
    charts.first.hover(position={"x": 200, "y": 40})
    expect(caption).to_contain_text(re.compile(r"from 20\d\d-"))
    page.mouse.move(0, 0)
    expect(caption).not_to_contain_text(re.compile(r"from 20\d\d-"))
