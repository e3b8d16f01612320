"""Acceptance of issue 4, line 1: every route and stream × everybody, held against the page.

The page (docs/reference/permissions.md) is what people read, and what a change of a rule shows up
in; here it is the expectation, and the application is asked for real, sockets and streams too.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.api.plane import Plane, plane
from tests.api.test_access import concrete
from tools import gen_permissions
from tradedeck.identity import people, people_store, service, store
from tradedeck.identity.service import HOST, Visit
from tradedeck.identity.types import MAIN, Kind, Method, Role
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.store.sessions import WriteSession

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/permissions.md"
LINE = re.compile(r"^\| `([A-Z]+) (\S+)` \| `?([a-z.]+)`? \| (.+) \|$")
HOUR = 3600 * NS_PER_S
LAST = {"DELETE /api/v1/session"}  # it ends the session that asks


@dataclass(frozen=True, slots=True)
class Line:
    """A route as the page has it."""

    method: str
    path: str
    needs: str
    step_up: bool
    roles: dict[Role, bool]
    bare: bool


def page() -> list[Line]:
    found: list[Line] = []
    for text in PAGE.read_text().splitlines():
        match = LINE.match(text)
        if match is None:
            continue
        step_up, *roles, bare = (cell == "yes" for cell in match[4].split(" | "))
        by_role = dict(zip(Role, roles, strict=True))
        found.append(Line(match[1], match[2], match[3], step_up, by_role, bare))
    return sorted(found, key=lambda line: f"{line.method} {line.path}" in LAST)


LINES = page()


def test_ctl_11_the_page_is_the_code():
    assert PAGE.read_text() == gen_permissions.text(), "run `make docs`"
    assert len(LINES) == len(list(gen_permissions.routes())) > 100


def test_ctl_11_a_route_without_a_rule_is_found(monkeypatch: pytest.MonkeyPatch):
    def built() -> Any:
        app = original()

        @app.get("/api/v1/forgotten")
        async def forgotten() -> None:
            return None

        return app

    original = gen_permissions.build
    monkeypatch.setattr(gen_permissions, "build", built)
    with pytest.raises(SystemExit, match="GET /api/v1/forgotten has 0 access rules"):
        gen_permissions.text()


async def answer(p: Plane, line: Line, secret: str, prefix: str = "Bearer ") -> tuple[int, Any]:
    """Status and problem of one request; of a stream or a socket, how it begins."""
    headers = [(b"host", b"deck.test"), (b"content-type", b"application/json")]
    headers += [(b"x-tradedeck-request", b"1"), (b"origin", b"http://deck.test")]
    headers += [(b"idempotency-key", line.path.encode()[:200])]
    if secret:
        headers.append((b"authorization", f"{prefix}{secret}".encode()))
    path = concrete(line.path)
    scope: dict[str, Any] = {
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("deck.test", 80), "root_path": "",
    }  # fmt: skip
    if line.method == "WS":
        scope |= {"type": "websocket", "scheme": "ws", "subprotocols": [],
                  "extensions": {"websocket.http.response": {}}}  # fmt: skip
        first = {"type": "websocket.connect"}
    else:
        scope |= {"type": "http", "method": line.method, "scheme": "http", "http_version": "1.1"}
        first = {"type": "http.request", "body": b"", "more_body": False}
    given, body, told = [first], bytearray(), asyncio.Event()
    status = 0

    async def receive() -> dict[str, Any]:
        if given:
            return given.pop()
        await asyncio.Event().wait()  # stays connected
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = {"websocket.accept": 101, "websocket.close": 403}.get(
            message["type"], message.get("status", status)
        )
        body.extend(message.get("body", b""))
        endless = status in (101, 200) and message.get("more_body", True)
        if endless or not message.get("more_body", message["type"].endswith("start")):
            told.set()

    asked = asyncio.create_task(p.app(scope, receive, send))
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait([asked, waiting], return_when=asyncio.FIRST_COMPLETED)
    for task in (asked, waiting):
        if not task.done():
            task.cancel()
    await asyncio.gather(asked, waiting, return_exceptions=True)
    problem = status >= 400 and body.startswith(b"{")
    return status, orjson.loads(bytes(body)) if problem else {}


def verdict(status: int, problem: Any) -> str:
    """What access said; a refusal for any other reason comes after it."""
    detail = str(problem.get("detail", ""))
    if status == 401:
        return "sign in"
    if status == 403 and problem.get("code") == "STEP_UP_REQUIRED":
        if detail.startswith("This needs a second factor that was shown"):
            return "step up"
        if re.match(r"The role \w+ needs a second factor", detail):
            return "no factor"
    if status == 403 and re.match(r"The role \w+ may not do this", detail):
        return "no right"
    return "in"


def expected(line: Line, role: Role, *, factor: str) -> str:
    """`factor`: fresh, old (shown once), or none. Access asks for the right before the step-up."""
    if line.needs == "public":
        return "in"
    if not line.roles[role]:
        return "no right"
    if factor == "none" and role in (Role.RISK, Role.ADMIN) and not line.bare:
        return "step up" if line.step_up and line.needs in BARE else "no factor"
    if line.step_up and factor != "fresh":
        return "step up"
    return "in"


BARE = {line.needs for line in LINES if line.bare}


async def session(
    p: Plane, role: Role, *, factor: str = "fresh", tenant: str = MAIN, name: str = ""
) -> str:
    """A session of a person of that role, opened with or without a second factor."""
    now = p.clock.now_ns()
    who = name or f"{role}-{factor}"

    def work(write: WriteSession) -> str:
        row = people_store.user_named(write, tenant, who) or people.create(
            write, tenant=tenant, name=who, role=role, who=HOST, now_ns=now
        )
        made = service.add_session(
            write, row, method=Method.PASSWORD, mfa=factor != "none",
            visit=Visit("127.0.0.1", "matrix", 12 * HOUR), now_ns=now,
        )  # fmt: skip
        return made.secret

    return await p.context.whole.of(tenant).write(work)


def each(home: Path, scenario: Any) -> None:
    async def whole() -> None:
        settings = {"control_per_minute": 100_000, "sign_in_per_minute": 100_000}
        async with plane(home / "h", **settings) as p:
            await scenario(p)

    asyncio.run(whole())


def differences(found: list[tuple[Line, str, str]]) -> list[str]:
    return [
        f"{x.method} {x.path}: {was}, not {should}" for x, was, should in found if was != should
    ]


@pytest.mark.parametrize("factor", ["fresh", "old", "none"])
@pytest.mark.parametrize("role", list(Role))
def test_ctl_11_every_route_and_stream_for_each_role(tmp_path: Path, role: Role, factor: str):
    async def scenario(p: Plane) -> None:
        secret = await session(p, role, factor=factor)
        if factor == "old":
            p.clock.advance(6 * 60 * NS_PER_S)
        found = []
        for line in LINES:
            was = verdict(*await answer(p, line, secret))
            found.append((line, was, expected(line, role, factor=factor)))
        assert differences(found) == []

    each(tmp_path, scenario)


@pytest.mark.parametrize("role", list(Role))
def test_ctl_11_every_route_and_stream_for_a_token_of_each_role(tmp_path: Path, role: Role):
    """A token never steps up, so what asks for it is closed to every token."""

    async def scenario(p: Plane) -> None:
        client = await p.client(role)
        secret = client.headers["authorization"].removeprefix("Bearer ")
        found = []
        for line in LINES:
            was = verdict(*await answer(p, line, secret))
            found.append((line, was, expected(line, role, factor="old")))
        assert differences(found) == []

    each(tmp_path, scenario)


async def nobody(p: Plane) -> dict[str, str]:
    """Credentials of every kind that is none any more, or never was."""
    now = p.clock.now_ns()
    found = {
        "anonymous": "", "unknown session": "tds_" + "x" * 43, "unknown token": "tdt_" + "x" * 43,
        "nonsense": "x",
    }  # fmt: skip
    found["idle session"] = await session(p, Role.ADMIN, name="idle")
    p.clock.advance(31 * 60 * NS_PER_S)
    found["ended session"] = await session(p, Role.ADMIN, name="ended")
    found["session of a disabled account"] = await session(p, Role.ADMIN, name="disabled")

    def work(write: WriteSession) -> None:
        ended = people_store.user_named(write, MAIN, "ended")
        disabled = people_store.user_named(write, MAIN, "disabled")
        assert ended
        assert disabled
        store.end_sessions_of(write, ended["id"], now)
        robot = people.create(
            write, tenant=MAIN, name="robot", role=Role.ADMIN, who=HOST, now_ns=now,
            kind=Kind.SERVICE,
        )  # fmt: skip
        for name, user, days in (
            ("revoked token", "", 30.0), ("expired token", "", 0.01),
            ("token of a disabled account", robot["id"], 30.0),
        ):  # fmt: skip
            made = service.create_token(
                write, name=name, role=Role.ADMIN, days=days, who=HOST, now_ns=now, user=user
            )
            found[name] = made.secret
            if name == "revoked token":
                service.revoke_token(write, made.id, tenant=MAIN, who=HOST, now_ns=now)
        people_store.change_user(write, disabled["id"], disabled_at_ns=now)
        people_store.change_user(write, robot["id"], disabled_at_ns=now)

    await p.context.store.write(work)
    p.clock.advance(HOUR // 4)
    return found


def test_inv_15_whoever_is_nobody_any_more_gets_401_and_nothing_else(tmp_path: Path):
    async def scenario(p: Plane) -> None:
        desired = p.context.desired
        for name, secret in (await nobody(p)).items():
            for line in LINES:
                if line.needs == "public":
                    continue
                status, problem = await answer(p, line, secret)
                told = {key: problem.get(key) for key in ("code", "detail")}
                assert (status, told["code"]) == (401, "UNAUTHENTICATED"), (name, line, told)
        assert p.context.desired is desired
        assert p.runner.bodies == []
        assert p.guard.told == []

    each(tmp_path, scenario)


def test_inv_15_an_admin_of_another_tenant_meets_nobody_of_this_one(tmp_path: Path):
    """People, sessions, tokens, invitations of one tenant are nowhere in what another is told."""

    async def scenario(p: Plane) -> None:
        ours = await p.browser(step_up=True)
        await ours.put("/api/v1/me/password", json={"new": "four words nobody joins"})
        robot = {"name": "our-robot", "role": "viewer"}
        named = (await ours.post("/api/v1/service-accounts", json=robot)).json()["id"]
        body = {"name": "our-token", "role": "viewer"}
        token = (await ours.post("/api/v1/tokens", json=body)).json()["id"]
        body = {"name": "our-guest", "role": "viewer"}
        guest = (await ours.post("/api/v1/invitations", json=body)).json()["id"]
        open_one = (await ours.get("/api/v1/session")).json()["id"]
        added = await p.host.post("/host/tenants/add", json={"name": "other", "plan": "team"})
        assert added.status_code == 201, added.text
        theirs = p.anonymous(**{"x-tradedeck-request": "1"})
        secret = await session(p, Role.ADMIN, tenant="other", name="admin")
        theirs.headers["authorization"] = f"Bearer {secret}"
        assert (await theirs.get("/api/v1/session")).json()["tenant"] == "other"
        for path in ("people", "sessions", "tokens", "invitations", "me", "me/sessions"):
            text = (await theirs.get(f"/api/v1/{path}")).text
            for word in ("our-", named, token, guest, open_one):
                assert word not in text, (path, word)
        for method, path in (
            ("PUT", f"people/{named}/role"), ("POST", f"people/{named}/disable"),
            ("POST", f"people/{named}/enable"), ("POST", f"people/{named}/unlock"),
            ("POST", f"people/{named}/reset-factors"), ("DELETE", f"people/{named}/sessions"),
            ("DELETE", f"sessions/{open_one}"), ("DELETE", f"me/sessions/{open_one}"),
            ("DELETE", f"tokens/{token}"), ("DELETE", f"invitations/{guest}"),
        ):  # fmt: skip
            content = {"role": "admin"} if method == "PUT" else None
            status = (await theirs.request(method, f"/api/v1/{path}", json=content)).status_code
            assert status == 404, (method, path)
        body = {"name": "x", "role": "viewer", "account": "our-robot"}
        assert (await theirs.post("/api/v1/tokens", json=body)).status_code == 404
        wrong = {"name": "admin", "password": "four words nobody joins"}
        path = "/api/v1/sessions/password"
        assert (await p.page().post(path, json=wrong | {"tenant": "other"})).status_code == 401
        assert (await p.page().post(path, json=wrong)).status_code == 201

    each(tmp_path, scenario)
