"""What an operator does, done in a real browser; what came of it is read where it happened."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import settled
from tests.browser.deck import ACCOUNT, FEED, Deck, until
from tradedeck.closing import report

pytestmark = [pytest.mark.browser, pytest.mark.processes]

# RUN-9 first; what follows is in docs/reference.
TRADE_COLUMNS = [
    "trade_time", "entry_price", "exit_price", "pnl", "outcome", "r_multiple", "equity",
]  # fmt: skip
# Tees the stream that the page reads, so that a test sees the very frames the page saw.
SEEN = """
    window.seen = { ids: [], gaps: 0, opened: 0 };
    const real = window.fetch;
    window.fetch = async (input, init) => {
        const answer = await real(input, init);
        if (!String(input).endsWith('/events') || !answer.ok) return answer;
        window.seen.opened += 1;
        const [page, test] = answer.body.tee();
        const reader = test.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '';
        const read = () => reader.read().then(({ done, value }) => {
            if (done) return;
            const frames = (rest + value.replaceAll('\\r\\n', '\\n')).split('\\n\\n');
            rest = frames.pop();
            for (const frame of frames) {
                if (/^event: gap$/m.test(frame)) window.seen.gaps += 1;
                const id = /^id: (\\d+)$/m.exec(frame);
                if (id) window.seen.ids.push(Number(id[1]));
            }
            return read();
        }, () => undefined);
        void read();
        return new Response(page, answer);
    };
"""


def go(page: Page, path: str) -> None:
    page.goto(path)
    settled(page)


def hold(button: Locator, result: Locator) -> None:
    """Press, and let go when what was held for is there: no time is guessed."""
    button.hover()
    button.page.mouse.down()
    expect(result).to_be_visible()
    button.page.mouse.up()


def other_strategy(deck: Deck, trader: str) -> str:
    now = deck.trader(trader)["strategy"]
    return next(name for name in ("momentum", "ema-cross") if name != now)


# -- signing in --------------------------------------------------------------------------------


def test_a_link_signs_in_once(
    signed_in: dict[str, Any], new_page: Callable[..., Page], complaints: list[str]
) -> None:
    page = new_page(anonymous=True)
    page.goto(signed_in["link"])
    by_link = page.get_by_role("region", name="Without a password")
    expect(by_link).to_contain_text("The sign-in link was not valid: it was used before")
    expect(by_link).to_contain_text("tradedeck token link")
    # Chromium reports every refused request itself; nothing else may be said.
    assert all("401" in text or "4" in text for text in complaints), complaints
    complaints.clear()


def test_another_link_of_the_host_signs_in(deck: Deck, new_page: Callable[..., Page]) -> None:
    page = new_page(anonymous=True)
    page.goto(deck.link())
    expect(page.locator(".rail")).to_contain_text("PAPER")
    assert "token" not in page.url


def test_a_stranger_sees_the_sign_in_page_and_nothing_else(
    new_page: Callable[..., Page], complaints: list[str]
) -> None:
    page = new_page(anonymous=True)
    page.goto("/traders")
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.locator("body")).not_to_contain_text("apple-ema")
    assert all("401" in text for text in complaints), complaints
    complaints.clear()


# -- traders -----------------------------------------------------------------------------------


def test_a_trader_is_deployed_in_less_than_five_clicks(deck: Deck, page: Page) -> None:
    before = deck.applied()
    holder = next(t["id"] for t in deck.status()["traders"] if t["instrument"] == "IBM")
    deck.act(f"/traders/{holder}", method="DELETE", **{"If-Match": f'"{before}"'})
    deck.applied(before + 1)
    clicks = 0

    def click(target: Locator) -> None:
        nonlocal clicks
        target.click()
        clicks += 1

    go(page, "/traders")
    click(page.get_by_role("button", name="Deploy", exact=True))
    click(page.get_by_role("radio", name="Donchian breakout"))
    click(page.get_by_role("button", name=re.compile("^Deploy ibm-")))
    row = page.get_by_role("row").filter(has_text=re.compile("^ibm-"))
    expect(row).to_contain_text("Running")
    assert clicks < 5
    deck.applied()
    trader = next(t for t in deck.status()["traders"] if t["instrument"] == "IBM")
    until(
        lambda: (
            deck.trader(trader["id"])["generation_observed"]
            == deck.trader(trader["id"])["generation_desired"]
        ),
        "the new trader to be at the desired generation",
    )


# -- before the act ----------------------------------------------------------------------------


def test_the_wizard_shows_what_a_draft_would_do_before_it_is_deployed(
    deck: Deck, page: Page
) -> None:
    before = deck.applied()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if r.url.endswith("/preview") else None)
    deck.play(lambda: bool(deck.open_positions()), "a position")
    go(page, "/traders?deploy=true")
    wizard = page.get_by_role("dialog", name="Deploy a trader")
    preview = wizard.get_by_role("region", name="Preview")
    # FB has its first bar in 2012: the draft is valid, and the preview says why it has no signal.
    expect(preview).to_contain_text("FB has no bar yet.")
    expect(preview).to_contain_text("Nothing else changes")

    wizard.get_by_role("radio", name="EMA cross").click()
    wizard.get_by_label(re.compile("^Fast")).fill("60")
    wizard.get_by_label(re.compile("^Slow")).fill("20")
    expect(wizard.get_by_role("alert")).to_contain_text("it must be below slow, 20")
    expect(preview).to_contain_text("Not possible as it is")
    deploy = wizard.get_by_role("button", name=re.compile("^Deploy fb-"))
    expect(deploy).to_have_attribute("aria-disabled", "true")

    # Typing asks once it stands still, not at each key.
    settled_at = len(asked)
    wizard.get_by_label(re.compile("^Slow")).press_sequentially("0000")
    wizard.get_by_label(re.compile("^Slow")).fill("90")
    expect(preview).to_contain_text("fast 60, slow 90")
    expect(deploy).not_to_have_attribute("aria-disabled", "true")
    assert len(asked) <= settled_at + 4

    wizard.get_by_label("Instrument").select_option("AAPL")
    expect(preview).to_contain_text("trades AAPL on paper-demo already")
    page.keyboard.press("Escape")
    expect(wizard).to_have_count(0)
    assert deck.applied() == before
    assert [t for t in deck.status()["traders"] if t["instrument"] == "FB"] == []


def test_the_wizard_names_the_limit_that_would_deny(deck: Deck, page: Page) -> None:
    before = deck.applied()
    holder = next(t["id"] for t in deck.status()["traders"] if t["instrument"] == "MSFT")
    deck.act(f"/traders/{holder}", method="DELETE", **{"If-Match": f'"{before}"'})
    deck.applied(before + 1)
    until(lambda: len(deck.status()["traders"]) == 3, "the trader to be gone")
    go(page, "/traders?deploy=true")
    wizard = page.get_by_role("dialog", name="Deploy a trader")
    wizard.get_by_role("radio", name="Buy and hold").click()
    wizard.get_by_label("Instrument").select_option("MSFT")
    wizard.get_by_label(re.compile("^Of equity")).fill("1.9")
    preview = wizard.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("Long 0.5: hold")
    expect(preview).to_contain_text("would be denied")
    expect(preview.get_by_role("row").filter(has_text="Concentration")).to_be_visible()
    page.keyboard.press("Escape")
    body = {"generation": before, "reason": "test is over", "step_up": deck.step_up()}
    deck.act("/config/rollback", body)
    until(lambda: len(deck.status()["traders"]) == 4, "the trader to be back")


def test_changed_parameters_are_previewed_and_their_faults_stand_at_the_field(
    deck: Deck, page: Page
) -> None:
    before = deck.applied()
    deck.play(lambda: bool(deck.get("/trades")["items"]), "a round trip")
    go(page, "/traders/goog-breakout?tab=parameters")
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("with the values in force")
    expect(preview).to_contain_text("If it decided on the bar of")
    expect(preview).to_contain_text("No difference.")
    field = page.get_by_role("tabpanel").get_by_role("textbox").first
    old = field.input_value()
    field.fill(str(int(old) + 7))
    expect(preview).to_contain_text("with these values")
    row = preview.get_by_role("row").filter(has_text="params.")
    expect(row).to_contain_text(str(int(old) + 7))
    field.fill("0")
    expect(page.get_by_role("tabpanel").get_by_role("alert")).to_be_visible()
    expect(preview).to_contain_text("Put the marked fields right")
    page.get_by_role("button", name="Undo").click()
    expect(preview).to_contain_text("No difference.")
    assert deck.applied() == before


def test_another_strategy_is_applied_at_the_next_safe_point(deck: Deck, page: Page) -> None:
    old, new = deck.trader("apple-ema")["strategy"], other_strategy(deck, "apple-ema")
    before = deck.applied()
    titles = {each["id"]: each["name"] for each in deck.get("/strategies")["items"]}
    go(page, "/traders/apple-ema")
    page.get_by_role("button", name="Switch strategy").click()
    page.get_by_role("menuitem", name=titles[new]).or_(
        page.get_by_role("menuitemcheckbox", name=titles[new])
    ).or_(page.get_by_role("menuitemradio", name=titles[new])).click()
    page.get_by_role("button", name=f"Switch to {titles[new]}").click()
    expect(page.get_by_role("log", name="Acts")).to_contain_text("Confirmed")
    expect(page.locator("header").first).to_contain_text(titles[new])
    deck.applied(before + 1)
    trader = deck.trader("apple-ema")
    assert (trader["strategy"], trader["strategy_observed"]) == (new, new)
    assert trader["generation_observed"] == trader["generation_desired"]
    page.get_by_role("link", name="Command Center").click()
    expect(page.get_by_text(f"Strategy changed: {old} → {new}").first).to_be_visible()
    logged = (deck.home / "logs" / "runner.jsonl").read_text()
    assert any(old in line and new in line for line in logged.splitlines())


# -- configuration -----------------------------------------------------------------------------


def edit(page: Page, change: Callable[[str], str]) -> None:
    """Change the raw text of the configuration and ask for the difference."""
    go(page, "/config?tab=raw")
    text = page.get_by_role("textbox", name="Configuration as YAML")
    old = text.input_value()
    assert change(old) != old
    text.fill(change(old))
    page.get_by_role("button", name="Compare and apply …").click()


def test_configuration_is_edited_compared_applied_and_rolled_back(deck: Deck, page: Page) -> None:
    before = deck.applied()
    seconds = deck.get("/config")["document"]["scan_interval_s"]
    wanted = 31 if int(float(seconds)) != 31 else 29
    edit(page, lambda old: re.sub(r"scan_interval_s: \S+", f"scan_interval_s: {wanted}", old))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("scan_interval_s")
    expect(dialog).to_contain_text(str(wanted))
    dialog.get_by_label("Reason").fill("a browser test")
    dialog.get_by_role("button", name="Apply", exact=True).click()
    expect(dialog).to_have_count(0)
    assert deck.applied(before + 1) == before + 1
    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_role("row").filter(has_text="a browser test").first).to_be_visible()
    page.goto(f"/config?tab=versions&generation={before}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason for rolling back").fill("back again")
    dialog.get_by_role("button", name=f"Roll back to {before}").click()
    expect(dialog).to_have_count(0)
    assert deck.applied(before + 2) == before + 2
    assert deck.get("/config")["document"]["scan_interval_s"] == seconds


def test_an_invalid_configuration_is_refused_with_its_path(
    deck: Deck, page: Page, complaints: list[str]
) -> None:
    before = deck.applied()
    edit(page, lambda old: re.sub(r"starting_balance: \S+", "starting_balance: '-5'", old))
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Some values are refused")
    expect(refusal).to_contain_text(re.compile(r"accounts\S*starting_balance"))
    assert deck.applied() == before
    assert deck.status()["runner"]["state"] == "running"
    assert all("422" in text for text in complaints), complaints
    complaints.clear()


# -- stopping ----------------------------------------------------------------------------------


def test_flatten_is_held_and_flat_is_what_the_venue_says(
    deck: Deck, page: Page, complaints: list[str]
) -> None:
    deck.play(lambda: len(deck.open_positions()) >= 2, "two positions")
    assert any(deck.venue_positions().values())
    go(page, "/")
    dialog = page.locator("dialog[open]")
    hold(page.get_by_role("button", name="Hold to kill"), dialog)
    expect(dialog).to_contain_text(re.compile(r"closes [2-4] positions"))
    hold(
        dialog.get_by_role("button", name="Hold to flatten"),
        dialog.get_by_text("Flat", exact=True),
    )
    assert set(deck.venue_positions().values()) == {0.0}
    until(lambda: deck.open_positions() == [], "our book to say so too")
    until(lambda: deck.working() == [], "no order to be left")
    expect(dialog).to_contain_text("flat as seen at the broker")
    expect(page.get_by_text("Halted: all").first).to_be_visible()
    until(lambda: "all" in {h["scope"] for h in deck.status()["halts"]}, "the latch in the status")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Report of kill_").click()
    evidence = report.verify(Path(download.value.path()).read_bytes())
    assert evidence["kill"]["scope"] == "all"
    assert evidence["proofs"].keys() == {leg["account"] for leg in evidence["steps"]}
    assert report.content_hash(evidence)[:16] in download.value.suggested_filename

    dialog.get_by_label("Reason for lifting").fill("drill is over")
    dialog.get_by_role("button", name="Lift all").click()
    proof = page.get_by_role("dialog", name="One-time code")
    proof.get_by_role("textbox", name="Code").fill(deck.code())
    proof.get_by_role("button", name="Go on").click()
    until(lambda: "all" not in {h["scope"] for h in deck.status()["halts"]}, "the lift")
    expect(page.get_by_text("Halted: all")).to_have_count(0)
    deck.lift()  # what a crossed limit latched by itself
    until(lambda: {t["state"] for t in deck.status()["traders"]} == {"running"}, "all to run")
    # The API asks for the proof by refusing; Chromium reports every refused request itself.
    assert all("403" in text for text in complaints), complaints
    complaints.clear()


def test_one_position_is_closed(deck: Deck, page: Page) -> None:
    deck.play(lambda: bool(deck.open_positions()), "a position")
    symbol = deck.open_positions()[0]["instrument"]
    go(page, "/orders?tab=positions")
    page.get_by_role("row").filter(has_text=symbol).get_by_role("button", name="Close").click()
    expect(page.get_by_role("log", name="Acts")).to_contain_text("Confirmed")
    until(lambda: not deck.venue_positions().get(symbol), f"{symbol} to be flat at the venue")
    rows = page.get_by_role("table", name="Positions").get_by_role("row")
    expect(rows.filter(has_text=symbol)).to_have_count(0)


def test_one_order_is_cancelled(deck: Deck, page: Page) -> None:

    def resting() -> list[str]:
        return [order["id"] for order in deck.working() if order["status"] == "ACCEPTED"]

    deck.play(lambda: bool(resting()), "a working order")
    order = resting()[0]
    go(page, f"/orders?status=working&order={order}")
    page.get_by_role("dialog").get_by_role("button", name="Cancel order").click()
    until(
        lambda: deck.get(f"/orders/{order}")["order"]["status"] == "CANCELLED", "the cancellation"
    )
    expect(page.get_by_role("dialog")).to_contain_text("Cancelled")


# -- taking data home --------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["trades", "fills"])
def test_a_table_is_downloaded_as_csv(deck: Deck, page: Page, table: str) -> None:
    deck.play(lambda: bool(deck.get("/trades")["items"]), "a round trip")
    go(page, f"/orders?tab={table}")
    page.get_by_role("button", name=f"Download {table}").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV").click()
    assert download.value.suggested_filename == f"{table}.csv"
    rows = list(csv.reader(io.StringIO(download.value.path().read_text())))
    assert len(rows) > 1
    if table == "trades":
        assert rows[0][: len(TRADE_COLUMNS)] == TRADE_COLUMNS
    assert {"instrument", "quantity"} <= set(rows[0])
    assert {len(row) for row in rows} == {len(rows[0])}


# -- losing the api ----------------------------------------------------------------------------


def test_after_a_kill_of_the_api_the_page_resumes_without_a_gap(
    deck: Deck, page: Page, complaints: list[str], chromium: Browser
) -> None:
    page.add_init_script(SEEN)
    go(page, "/")
    deck.act(f"/feeds/{FEED}/replay", {"paused": False, "speed": 8})
    expect(page.locator(".rail")).to_contain_text("PAPER")
    until(lambda: len(page.evaluate("seen.ids")) > 20, "events on the page")
    before = page.evaluate("seen.ids.at(-1)")

    os.kill(deck.pid("api"), signal.SIGKILL)
    expect(page.get_by_text("Reconnecting").first).to_be_visible()
    expect(page.get_by_text("Reconnecting")).to_have_count(0)

    until(lambda: page.evaluate("seen.ids.at(-1)") > before + 20, "events after the kill")
    seen: dict[str, Any] = page.evaluate("seen")
    assert seen["opened"] >= 2
    assert seen["gaps"] == 0
    ids = sorted(set(seen["ids"]))
    assert ids == list(range(ids[0], ids[-1] + 1))
    figure = page.get_by_text("as of ").first
    old = figure.inner_text()
    expect(figure).not_to_have_text(old)
    expect(page.locator("main").get_by_text(ACCOUNT).first).to_be_visible()
    lost = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE",
            "ERR_CONNECTION_RESET", "50")  # fmt: skip
    assert all(any(word in text for word in lost) for text in complaints), complaints
    complaints.clear()
