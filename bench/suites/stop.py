"""A stop over HTTP: the request of a kill → the guard's proof that the broker shows nothing.

The demo under its real supervisor, its replay paused. Its account is given 50 positions and 50
resting orders at the exchange itself, as if placed there by hand: what a kill has to find by
looking. Times are from sending the request to the guard's `kill.done`, on this machine's clock; the
yardstick is what the guard alone takes for the same book in a drill of the same minute.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradedeck.exchange.core import ExchangeCore
from tradedeck.journal.log import Journal
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import guardact
from tradedeck.ops.files import read_json
from tradedeck.ops.hostact import call
from tradedeck.supervisor import demo
from tradedeck.trading.market import Bar
from tradedeck.trading.order import Order, OrderType, Purpose, Side

MANY = 50
START_S = 60.0
PROOF_S = 30.0
MEMORY_MB_MAX = 60


def say(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def seed(home: Path) -> None:
    """The demo's home with a book at its exchange."""
    document = demo.document()
    document["feeds"][0]["speed"] = 0
    demo.prepare(home)
    for name in ("seed.yaml", "config.yaml"):
        (home / name).write_text(json.dumps(document))
    (home / "journals").mkdir(mode=0o700)
    journal = Journal(home / "journals" / "paper.db", time.time_ns)
    core = ExchangeCore(journal, time.monotonic_ns)
    account = document["accounts"][0]
    symbols = [f"HAND{n}" for n in range(MANY)]
    core.handle({"op": "instruments", "instruments": [instrument(each) for each in symbols]})
    core.handle({"op": "account", "account": account["id"], "currency": account["currency"],
                 "balance": "1000000", "model": account.get("exchange") or {}})  # fmt: skip
    for symbol in symbols:
        core.handle({"op": "bar", "bar": Bar(symbol, 0, 1, 100.0, 100.0, 100.0, 100.0).to_list()})
        for kind, limit in ((OrderType.MARKET, None), (OrderType.LIMIT, Decimal(50))):
            name = f"hand-{symbol}-{kind.value}".lower()
            order = Order(name, name, account["id"], "", "", symbol, Side.BUY, kind, Decimal(10), 1,
                          limit_price=limit, purpose=Purpose.ENTRY, by="hand")  # fmt: skip
            core.handle({"op": "place", "order": order.to_body()})
    core.commit()
    journal.close()


def instrument(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol, "currency": "USD", "tick": "0.01", "step": "1", "calendar": "24x7",
        "asset_class": "equity", "multiplier": "1", "margin_rate": "1",
    }  # fmt: skip


def up(home: Path) -> subprocess.Popen[bytes]:
    env = {n: os.environ[n] for n in ("PATH", "HOME", "PYTHONPATH") if n in os.environ}
    env |= {"TRADEDECK_HOME": str(home), "TRADEDECK_PORT": "0"}
    with (home / "out").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "tradedeck.supervisor", "--demo"],
            env=env,
            stdout=out,
            stderr=out,
        )


class Api:
    """One connection with a token."""

    def __init__(self, home: Path) -> None:
        body = {"role": "operator", "name": "bench", "days": 1}
        token = str(call(home, "/host/tokens", body)["token"])
        where = read_json(home / "run" / "api.json")
        assert where is not None
        self._line = http.client.HTTPConnection("127.0.0.1", int(str(where["url"]).split(":")[-1]))
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        self._line.request(
            method,
            f"/api/v1{path}",
            None if body is None else json.dumps(body),
            self._headers,
        )
        response = self._line.getresponse()
        data = response.read()
        assert response.status < 300, data
        return json.loads(data)


def ready(home: Path) -> Api:
    """Once guard and runner know each other and the book by hand can be seen."""
    end = time.monotonic() + START_S
    api: Api | None = None
    while time.monotonic() < end:
        time.sleep(0.2)
        try:
            api = api or Api(home)
            connected = guardact.ask(home, "status")["runner"]["connected"]
            found = api.ask("POST", "/kills/preview", {"scope": "all"})
        except (TradedeckError, OSError, AssertionError):
            continue
        if connected and found["seen"] == "venue" and found["positions"] == MANY:
            assert (found["orders"], found["foreign"]) == (MANY, 2 * MANY)
            return api
    raise SystemExit("the demo did not come up; see its log")


def nanoseconds(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1e9)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        seed(home)
        process = up(home)
        try:
            api = ready(home)
            time.sleep(2)  # what starting has to do is done
            guard = int(api.ask("GET", "/guard")["pid"])
            rss = int(Path(f"/proc/{guard}/statm").read_text().split()[1]) * 4096 / 1e6
            drill = guardact.ask(home, "drill", timeout_s=60, orders=MANY, positions=MANY, by="b")
            began = time.time_ns()
            told = api.ask("POST", "/kills", {"scope": "all", "reason": "bench"})
            answered = time.time_ns()
            end = time.monotonic() + PROOF_S
            while told.get("state") != "done" and time.monotonic() < end:
                told = api.ask("GET", f"/kills/{told['id']}")
            assert told.get("state") == "done", told
            proof = (nanoseconds(told["done_at"]) - began) / 1e6
            beside = f"the guard alone in a drill {drill['ms']['to_flat']:.1f}"
            say(f"kill of {MANY} + {MANY}: HTTP request → proof", proof, "ms", bound=150, places=1,
                yardstick=beside)  # fmt: skip
            say("kill: HTTP request → latched and answered", (answered - began) / 1e6, "ms",
                places=1)  # fmt: skip
            say("guard, idle, resident", rss, "MB", bound=MEMORY_MB_MAX, places=1)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


if __name__ == "__main__":
    main()
