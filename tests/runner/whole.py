"""A home whose api is the real one too."""

from __future__ import annotations

import json
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.runner.harness import Rig, _listens, document, rig, trader, until
from tests.runner.kills import venue
from tests.runner.test_kill_guarded import ENV

ENTERS = {"entry": 5, "exit": 3, "short": False}


class Whole(Rig):
    """A rig whose api is the real one."""

    def request(self, method: str, path: str, body: Any = None, *, role: str) -> httpx.Response:
        """One request of a machine with a token of that role."""
        url, headers = self.address(role)
        headers["idempotency-key"] = secrets.token_hex(8)
        return httpx.request(method, f"{url}{path}", json=body, headers=headers, timeout=60)

    def address(self, role: str) -> tuple[str, dict[str, str]]:
        """Where the api is, and a token of that role."""
        socket = httpx.HTTPTransport(uds=str(self.home / "run" / "api.sock"))
        if role not in self.tokens:
            with httpx.Client(transport=socket) as host:
                made = host.post("http://host/host/tokens", json={"name": role, "role": role})
            self.tokens[role] = made.json()["token"]
        url = json.loads((self.home / "run" / "api.json").read_text())["url"]
        return f"{url}/api/v1", {"authorization": f"Bearer {self.tokens[role]}"}

    @property
    def tokens(self) -> dict[str, str]:
        return self.__dict__.setdefault("_tokens", {})


@contextmanager
def planned(home: Path, **env: str) -> Iterator[Whole]:
    """Nats and api; two traders in its first configuration."""
    traders = [trader(f"t{n}", f"S{n}", "donchian-breakout", params=dict(ENTERS)) for n in range(2)]
    wanted = document(traders, speed=20)
    closes = {f"S{n}": [100 + n / 10 for n in range(2000)] for n in range(2)}
    with rig(home, wanted, ENV | env, closes=closes, start=False, kind=Whole) as r:
        (home / "keys" / "api.pub").unlink()  # the api makes its own
        (home / "seed.yaml").write_text(json.dumps(wanted))
        try:
            r.start("nats")
            until(lambda: _listens(r), "nats-server")
            r.start("api", TRADEDECK_PORT="0")
            until(lambda: r.alive() or (home / "run" / "api.json").exists(), "the api")
            yield r
        finally:
            r.procs["nats"].send_signal(signal.SIGCONT)


@contextmanager
def whole(home: Path) -> Iterator[Whole]:
    """nats, api, exchange, guard and runner; two traders in the market."""
    with planned(home) as r:
        r.start("exchange", "guard")
        until((home / "run" / "exchange.sock").exists, "the exchange")  # its journal is there
        r.start("runner")
        until(lambda: tuple(map(len, venue(r))) == (2, 2), "both positions and their stops")
        yield r
