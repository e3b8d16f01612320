"""A real Chromium before a real deck. Whatever a page complains about fails its test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.browser.deck import WAIT_MS, Deck, until

SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TOUR_DONE = "localStorage.setItem('tradedeck.prefs', JSON.stringify({ tourDone: true }))"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Of a module only, and a module stays in one process (`--dist loadfile`): its event loop runs
    as long as it lives, and no other test of the process could run one of its own meanwhile.
    """
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The system's browser where there is one, else Playwright's."""
    found = next((path for name in SYSTEM_BROWSERS if (path := shutil.which(name))), None)
    # Chromium refuses its own sandbox to root, which is who runs tests in a container.
    browser = playwright.chromium.launch(
        executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    """A deck that nobody has signed in to."""
    deck = Deck(tmp_path_factory.mktemp("deck") / "home")
    yield deck
    deck.stop()


@pytest.fixture(scope="module")
def signed_in(fresh: Deck, chromium: Browser, playwright: Playwright) -> Iterator[dict[str, Any]]:
    """Sign in once by the printed link; the state every other context starts from."""
    link = fresh.first_link()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(link, wait_until="commit")
    expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
    page.evaluate(TOUR_DONE)
    kept: Any = context.storage_state()
    base = link.split("/sign-in")[0]
    context.close()
    fresh.api = playwright.request.new_context(base_url=base, storage_state=kept)
    until(lambda: fresh.status()["runner"]["state"] == "running", "the runner")
    until(lambda: fresh.status()["mode"] == "paper", "the mode")
    yield {"link": link, "base": base, "state": kept}
    fresh.api.dispose()


@pytest.fixture
def deck(fresh: Deck, signed_in: dict[str, Any]) -> Deck:
    """The deck, with an api that is signed in."""
    return fresh


@pytest.fixture(autouse=True)
def _nothing_latched(deck: Deck) -> None:
    """A test begins with nothing stopped, whatever the one before it or a crossed limit latched."""
    deck.lift()


@pytest.fixture
def complaints() -> list[str]:
    """What the pages of this test said on the console, CSP violations among it. A test that breaks
    the connection on purpose empties the list.
    """
    return []


@pytest.fixture
def new_page(
    chromium: Browser, signed_in: dict[str, Any], complaints: list[str]
) -> Iterator[Callable[..., Page]]:
    """Make a page, signed in unless told otherwise; after the test none may have complained."""
    contexts: list[BrowserContext] = []

    def make(width: int = 1440, height: int = 900, *, anonymous: bool = False, **more: Any) -> Page:
        context = chromium.new_context(
            base_url=signed_in["base"],
            viewport={"width": width, "height": height},
            storage_state=None if anonymous else signed_in["state"],
            **more,
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda m: (
                complaints.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page()


@pytest.fixture(scope="session")
def axe() -> str:
    assert AXE.exists(), "`make setup` installs the packages of web/, axe-core among them"
    return AXE.read_text()


def settled(page: Page) -> None:
    """Until the page is there and its first reads are in: nothing waits any more."""
    expect(page.locator("main .page")).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
