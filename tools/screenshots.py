"""Takes a picture of every page of the dashboard, dark and light, wide and on a phone.

Starts a demo of its own in a temporary home (or uses a running deck with --home), lets the replay
run until it has a story to show, and writes PNG files to a folder that git ignores. `--readme`
takes the one picture that the README shows. It changes nothing in the deck but the replay's speed.

Usage: python tools/screenshots.py [--home HOME] [--out screenshots] [--until 2008-10-10]
                                   [--only NAME …] [--readme]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "docs" / "images" / "command-center.png"
README_BYTES_MAX = 300_000
PROGRAM = [sys.executable, "-m", "tradedeck.cli"]
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS_MAX = 180
FAST = 20  # bars per second while the story is told; faster leaves a curve of few samples
CALM = 4

# name → path; `…|press` opens what a key opens there.
PAGES: dict[str, str] = {
    "command-center": "/",
    "traders": "/traders",
    "deploy": "/traders?deploy=true",
    "trader": "/traders/apple-ema",
    "trader-parameters": "/traders/msft-reversion?tab=parameters",
    "trader-performance": "/traders/goog-breakout?tab=performance",
    "trader-switch": "/traders/ibm-momentum?strategy=ema-cross",
    "orders": "/orders",
    "positions": "/orders?tab=positions",
    "fills": "/orders?tab=fills",
    "trades": "/orders?tab=trades",
    "ledger": "/orders?tab=ledger",
    "backtests": "/backtests",
    "configuration": "/config",
    "configuration-raw": "/config?tab=raw",
    "versions": "/config?tab=versions",
    "conditions": "/config?tab=conditions",
    "operations": "/operations",
    "feeds": "/operations?tab=feeds",
    "logs": "/operations?tab=logs",
    "metrics": "/operations?tab=metrics",
    "audit": "/audit",
    "emergency": "/emergency",
    "risk": "/risk",
    "configuration-limit": "/config?at=accounts/paper-demo/breakers/rejects",
    "approvals": "/approvals",
    "settings": "/settings",
    "people": "/settings?tab=people",
    "tokens": "/settings?tab=tokens",
    "sessions": "/settings?tab=sessions",
    "kill": "/|Shift+K",
    "palette": "/|Control+k",
    "help": "/|?",
}
SIZES = ((1440, 900), (390, 844))
SCHEMES = ("dark", "light")


def command(home: Path, *words: str) -> str:
    """The output of one `tradedeck` command on this home."""
    done = subprocess.run(
        [*PROGRAM, *words],
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def environment(home: Path) -> dict[str, str]:
    """What a `tradedeck` of this home is started with."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "TRADEDECK_HOME": str(home),
        "TRADEDECK_PORT": "0",
    }


@contextmanager
def demo() -> Iterator[Path]:
    """A demo in a home that is removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="tradedeck-pictures-"))
    process = subprocess.Popen(
        [*PROGRAM, "up", "--demo"], env=environment(home), stdout=subprocess.DEVNULL
    )
    try:
        wait(lambda: status(home)["runner"]["state"] == "running")
        yield home
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        shutil.rmtree(home, ignore_errors=True)


def status(home: Path) -> dict[str, Any]:
    """The snapshot."""
    found: dict[str, Any] = json.loads(command(home, "status", "--json"))
    return found


def wait(check: Any) -> None:
    """Until it holds; commands fail while the deck is starting."""
    end = time.monotonic() + SECONDS_MAX
    while True:
        try:
            if check():
                return
        except (subprocess.CalledProcessError, KeyError):
            pass
        if time.monotonic() > end:
            raise SystemExit("the deck did not come so far in time")
        time.sleep(0.5)


def tell_story(home: Path, until: str) -> None:
    """Run the replay until the date, then on at the pace of the demo."""
    feed = status(home)["feeds"][0]
    if str(feed["cursor"] or "") < until:
        command(home, "replay", "speed", str(FAST))
        wait(lambda: str(status(home)["feeds"][0]["cursor"] or "") >= until)
    command(home, "replay", "speed", str(CALM))


def launch(playwright: Playwright) -> Browser:
    """The system's browser where there is one, else Playwright's."""
    found = next((path for name in SYSTEM_BROWSERS if (path := shutil.which(name))), None)
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])


def settle(page: Page) -> None:
    """Until fonts, first reads and charts are there."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    expect(page.locator(".skeleton, [aria-busy=true]")).to_have_count(0, timeout=15_000)
    page.wait_for_timeout(600)  # charts paint in their own frames and announce nothing


def open_page(page: Page, base: str, where: str) -> None:
    """Go there, and press what opens the dialog in question."""
    path, _, key = where.partition("|")
    page.goto(base + path)
    settle(page)
    if key:
        page.keyboard.press(key)
        page.locator("dialog[open]").wait_for()


def sign_in(page: Page, home: Path) -> str:
    """Use a fresh link; returns the address of the deck."""
    link = next(w for w in command(home, "token", "link").split() if w.startswith("http"))
    page.goto(link)
    page.locator(".rail").wait_for()
    # The tour is for a first visit, not for a picture.
    page.evaluate("""() => {
        const key = 'tradedeck.prefs';
        const kept = JSON.parse(localStorage.getItem(key) ?? '{}');
        localStorage.setItem(key, JSON.stringify({ ...kept, tourDone: true }));
    }""")
    return link.split("/sign-in")[0]


def take(home: Path, out: Path, only: Sequence[str], *, readme: bool) -> None:
    """All pictures, or the one of the README."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        base = sign_in(page, home)
        if readme:
            open_page(page, base, PAGES["command-center"])
            README.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=README)
            size = README.stat().st_size
            print(f"{README.relative_to(ROOT)}: {size} bytes")
            if size > README_BYTES_MAX:
                raise SystemExit(f"larger than {README_BYTES_MAX} bytes")
        else:
            out.mkdir(parents=True, exist_ok=True)
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme)
                    for name, where in PAGES.items():
                        if only and name not in only:
                            continue
                        open_page(page, base, where)
                        page.screenshot(path=out / f"{name}-{scheme}-{width}.png")
        browser.close()


def main(arguments: Sequence[str]) -> int:
    """Take them."""
    parser = argparse.ArgumentParser(description="Pictures of every page of the dashboard.")
    parser.add_argument("--home", type=Path, help="of a running deck; without it a demo is started")
    parser.add_argument("--out", type=Path, default=ROOT / "screenshots")
    parser.add_argument("--until", default="2008-10-10", help="date the replay is run to first")
    parser.add_argument("--only", nargs="*", default=(), choices=[*PAGES], help="some pages only")
    parser.add_argument("--readme", action="store_true", help="only the README's picture")
    given = parser.parse_args(arguments)
    if given.home is not None:
        tell_story(given.home, given.until)
        take(given.home, given.out, given.only, readme=given.readme)
        return 0
    with demo() as home:
        tell_story(home, given.until)
        take(home, given.out, given.only, readme=given.readme)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
