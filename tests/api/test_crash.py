"""Acceptance of privileged acts: a kill -9 of the api at any moment leaves no effect without its
audit record, and no act done twice under one key.
"""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.test_process import started

pytestmark = pytest.mark.processes
ROUNDS = 6
SEED = 20261121


def signed(url: str, secret: str) -> httpx.Client:
    """A client of that session, as the command line is one."""
    headers = {"x-tradedeck-request": "1"}
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30)


def acts(url: str, token: str, number: int, sent: list[tuple[str, str]]) -> None:
    """Privileged acts one after the other until nobody answers any more."""
    with signed(url, token) as client:
        for turn in range(10_000):
            key = f"{number}-{turn}"
            headers = {"idempotency-key": key}
            try:
                if turn % 2:
                    sent.append(("token", key))
                    body: dict[str, Any] = {"name": key, "role": "viewer", "days": 1}
                    client.post("/tokens", json=body, headers=headers)
                else:
                    change = {"feeds": {"us-daily": {"speed": str(2 + (number + turn) % 9)}}}
                    generation = client.get("/config").json()["generation"]
                    headers["if-match"] = f'"{generation}"'
                    sent.append(("config", key))
                    client.patch("/config", json={"patch": change, "reason": key}, headers=headers)
            except (httpx.HTTPError, KeyError, json.JSONDecodeError):
                return


def told(home: Path, secret: str) -> tuple[str, str]:
    """Where the api is, and a session of ann that has stepped up now."""
    url = json.loads((home / "run" / "api.json").read_text())["url"]
    sock = httpx.HTTPTransport(uds=str(home / "run" / "api.sock"))
    with httpx.Client(transport=sock, base_url="http://host") as host, signed(url, "") as page:
        if not secret:
            body = {"name": "ann", "role": "admin"}
            link = host.post("/host/sign-in-link", json=body).json()["token"]
            page.post("/sessions", json={"token": link}).raise_for_status()
            secret = page.cookies["tradedeck_session"]
            page.cookies.clear()
        page.headers["authorization"] = f"Bearer {secret}"
        shown = {"way": "host", "code": host.post("/host/step-up").json()["code"]}
        key = {"idempotency-key": secrets.token_hex(8)}
        page.post("/session/step-up", json=shown, headers=key).raise_for_status()
    return url, secret


def effects(home: Path) -> tuple[dict[str, list[str]], set[int], list[tuple[str, str, Any]]]:
    """Tokens by name, versions, and (action, target, after) of the audit record, from the file."""
    with sqlite3.connect(f"file:{home / 'store' / 'tradedeck.db'}?mode=ro", uri=True) as db:
        tokens: dict[str, list[str]] = {}
        for name, identifier in db.execute("SELECT name, id FROM tokens"):
            tokens.setdefault(name, []).append(identifier)
        versions = {row[0] for row in db.execute("SELECT generation FROM desired_versions")}
        query = "SELECT action, target, \"after\" FROM audit WHERE result = 'done'"
        audit = [(a, t, json.loads(after or "{}")) for a, t, after in db.execute(query)]
    return tokens, versions, audit


def check(home: Path) -> tuple[int, int]:
    """No effect without its record; how many there were."""
    tokens, versions, audit = effects(home)
    recorded = {target for action, target, _ in audit if action == "identity:token:create"}
    made = {identifier for ids in tokens.values() for identifier in ids}
    assert made <= recorded, "a token without its record"
    written = {after["generation"] for action, _, after in audit if action.startswith("desired:")}
    assert versions <= written, "a version without its record"
    assert all(len(ids) == 1 for ids in tokens.values()), "an act that was done twice"
    return len(made), len(versions)


def test_inv_13_kill_9_at_any_moment_leaves_no_effect_without_its_record(tmp_path: Path):
    home, chance = tmp_path / "h", random.Random(SEED)
    last: list[tuple[str, str]] = []
    token = ""
    for number in range(ROUNDS):
        with started(home, TRADEDECK_CONTROL_PER_MINUTE="1000000") as api:
            url, token = told(home, token)
            with signed(url, token) as client:
                for kind, key in last:  # what was cut off is asked again, under its key
                    if kind == "token":
                        body = {"name": key, "role": "viewer", "days": 1}
                        again = client.post("/tokens", json=body, headers={"idempotency-key": key})
                        assert again.status_code in (201, 409), again.text
            lists: list[list[tuple[str, str]]] = [[] for _ in range(3)]
            threads = [
                threading.Thread(target=acts, args=(url, token, 10 * number + n, sent))
                for n, sent in enumerate(lists)
            ]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.05, 1.2))
            api.kill()
            api.wait()
            for thread in threads:
                thread.join(60)
            last = [sent[-1] for sent in lists if sent]
        check(home)
    tokens, versions = check(home)
    assert tokens > ROUNDS
    assert versions > 1
    with started(home):
        url, token = told(home, token)
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{url}/api/v1/audit/verify", headers=headers, timeout=60).json()["ok"]
