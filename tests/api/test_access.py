"""INV-15: every route has a rule, the anonymous gets 401 and nothing else; roles grow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute, APIWebSocketRoute, RouteContext, iter_route_contexts

from tests.api.plane import ORIGIN, plane
from tradedeck.api.access import Rule
from tradedeck.api.app import build
from tradedeck.api.front import is_public
from tradedeck.audit.verify import verify
from tradedeck.identity.permissions import GRANTS, Permission, may
from tradedeck.identity.types import Role

# What anybody may have: DEFINITIONS.md, Identity. One more needs a decision record.
PUBLIC = {
    ("GET", "/health"),
    ("GET", "/sign-in"),
    ("GET", "/assets/{name:path}"),
    ("GET", "/favicon.ico"),
    ("GET", "/boot.js"),
    ("GET", "/icon.svg"),
    ("GET", "/icon-192.png"),
    ("GET", "/icon-512.png"),
    ("GET", "/manifest.webmanifest"),
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/sessions/password"),
    ("POST", "/api/v1/sessions/oidc/start"),
    ("GET", "/api/v1/sessions/oidc/callback"),
    ("POST", "/api/v1/sessions/passkey"),
    ("POST", "/api/v1/sessions/passkey/start"),
    ("POST", "/api/v1/sessions/invitation"),
    ("GET", "/api/v1/sessions/ways"),
    ("POST", "/api/v1/sessions/second"),
}
PATH_VALUES = {
    "identifier": "tok_01m7wmm9ehqeba9d4qs73fc8nt", "trader": "aapl-momentum", "generation": "1",
    "order": "o-1", "feed": "us-daily", "strategy": "momentum", "preset": "balanced",
    "account": "paper", "path": "x",
}  # fmt: skip


def routes() -> Iterator[tuple[str, str, RouteContext]]:
    for route in iter_route_contexts(build().routes):
        if isinstance(route.original_route, APIRoute):
            for method in sorted(route.methods or ()):
                yield method, str(route.path), route
        else:
            yield "WS", str(route.path), route


def rules(dependant: Any) -> list[Rule]:
    found = [dependant.call] if isinstance(dependant.call, Rule) else []
    for below in dependant.dependencies:
        found += rules(below)
    return found


def concrete(path: str) -> str:
    for name, value in PATH_VALUES.items():
        path = path.replace("{" + name + "}", value).replace("{" + name + ":path}", value)
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + "x-1" + path[end + 1 :]
    return path


def test_every_route_has_exactly_one_rule_or_is_on_the_public_list():
    count = 0
    for method, path, route in routes():
        kinds = (APIRoute, APIWebSocketRoute)
        assert isinstance(route.original_route, kinds), f"{path} bypasses the rules"
        named = rules(route.dependant)
        if (method, path) in PUBLIC:
            assert not named
        else:
            assert len(named) == 1, f"{method} {path} has {len(named)} access rules"
            count += 1
    assert count > 30


def test_front_agrees_with_the_list():
    for method, path, _ in routes():
        if method != "WS":
            assert is_public(method, concrete(path)) == ((method, path) in PUBLIC), path


def test_inv_15_anonymous_gets_401_everywhere(tmp_path: Path):
    async def scenario() -> None:
        async with plane(tmp_path / "h") as p:
            before = p.context.desired
            for method, path, _ in routes():
                if method == "WS" or (method, path) in PUBLIC:
                    continue
                for headers in (
                    {},
                    {"authorization": "Bearer tdt_" + "x" * 43},
                    {"authorization": "Basic YTpi"},
                    {"cookie": "tradedeck_session=tds_" + "x" * 43},
                    {"x-tradedeck-request": "1", "origin": ORIGIN},
                ):
                    client = p.anonymous(**headers)
                    answer = await client.request(method, concrete(path), content=b"{}")
                    assert answer.status_code == 401, (method, path, headers, answer.text)
                    assert answer.json()["code"] == "UNAUTHENTICATED"
            for path in ("/api/v1/nothing", "/api/v1/config/../config", "/etc/passwd", "//", "/x"):
                answer = await p.anonymous().get(path)
                assert answer.status_code == 401, path
            assert p.context.desired is before
            assert p.runner.bodies == []

    asyncio.run(scenario())


def test_the_anonymous_browser_gets_the_sign_in_page_with_401(tmp_path: Path):
    async def scenario() -> None:
        async with plane(tmp_path / "h") as p:
            answer = await p.anonymous(accept="text/html").get("/traders")
            assert answer.status_code == 401
            assert "<!doctype html>" in answer.text.lower()
            api = await p.anonymous(accept="text/html").get("/api/v1/config")
            assert api.headers["content-type"] == "application/problem+json"

    asyncio.run(scenario())


def test_roles_grow():
    order = [Role.VIEWER, Role.OPERATOR, Role.RISK, Role.ADMIN]
    for lower, higher in pairwise(order):
        assert GRANTS[lower] < GRANTS[higher]
    assert GRANTS[Role.ADMIN] == set(Permission)
    for stopping in (Permission.HALT_SET, Permission.TRADER_CONTROL, Permission.ORDER_CONTROL):
        assert not may(Role.VIEWER, stopping)
        assert may(Role.OPERATOR, stopping)
    for loosening in (Permission.CONFIG_LOOSEN, Permission.HALT_CLEAR):
        assert not may(Role.OPERATOR, loosening)


def test_a_refusal_of_access_is_recorded(tmp_path: Path):
    async def scenario() -> None:
        async with plane(tmp_path / "h") as p:
            viewer, admin = await p.client(Role.VIEWER), await p.client()
            answer = await viewer.post("/api/v1/flatten", json={"scope": "all"})
            assert answer.status_code == 403
            assert p.runner.bodies == []
            query = {"act": "identity:access:refuse"}
            records = (await admin.get("/api/v1/audit", params=query)).json()["items"]
            assert [(r["actor"], r["target"], r["outcome"]) for r in records] == [
                ("t-viewer", "POST /api/v1/flatten", "refused")
            ]
            assert (await p.context.store.read(verify)).ok

    asyncio.run(scenario())
