"""Accounts, invitations, service accounts, scoped tokens, everybody's sessions: by API and host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.people import (
    API,
    MINUTE,
    PASSWORD,
    Scenario,
    acts,
    code,
    enrol,
    person,
    second,
    sign_in,
    within,
)
from tests.api.plane import Plane
from tradedeck.identity import people_store
from tradedeck.identity.people import LOCKED_AT
from tradedeck.identity.types import Role

ME = f"{API}/session"
DAY = 24 * 60 * MINUTE
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Scenario, **settings: Any) -> None:
        asyncio.run(within(tmp_path / "h", scenario, **settings))

    return run


async def everybody(admin: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    items = (await admin.get(f"{API}/people")).json()["items"]
    return {item["name"]: item for item in items}


async def accept(p: Plane, token: str, password: str = PASSWORD) -> httpx.Response:
    body = {"token": token, "display_name": "Rita R.", "password": password}
    return await p.page().post(f"{API}/sessions/invitation", json=body)


def test_an_invited_person_sets_a_password_and_enrols(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        made = (
            await admin.post(f"{API}/invitations", json={"name": "rita", "role": "risk"})
        ).json()
        assert made["path"] == f"/sign-in?invitation={made['token']}"
        weak = await accept(p, made["token"], "rita12345678901")
        assert weak.status_code == 422  # and the invitation is still good
        answer = await accept(p, made["token"])
        assert answer.status_code == 201
        me = answer.json()
        assert (me["actor"], me["role"], me["needs_mfa"]) == ("rita", "risk", True)
        assert (await accept(p, made["token"])).status_code == 401
        assert (await sign_in(p, "rita"))[0].status_code == 201
        found = (await everybody(admin))["rita"]
        assert (found["display_name"], found["created_by"]) == ("Rita R.", "admin")
        states = [i["state"] for i in (await admin.get(f"{API}/invitations")).json()["items"]]
        assert states == ["accepted"]
        assert made["token"] not in (await admin.get(f"{API}/invitations")).text

    play(scenario)


def test_an_invitation_ends_with_its_days_and_by_revocation(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)

        async def invite(name: str) -> dict[str, Any]:
            body = {"name": name, "role": "viewer", "days": 1}
            return (await admin.post(f"{API}/invitations", json=body)).json()

        one, two = await invite("one"), await invite("two")
        assert (await admin.delete(f"{API}/invitations/{one['id']}")).status_code == 204
        assert (await admin.delete(f"{API}/invitations/{one['id']}")).status_code == 404
        assert (await accept(p, one["token"])).status_code == 401
        p.clock.advance(DAY)
        assert (await accept(p, two["token"])).status_code == 401
        assert "one" not in await everybody(await p.browser(step_up=True))

    play(scenario)


def test_twelve_acceptances_at_once_make_one_account(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        body = {"name": "rita", "role": "risk"}
        token = (await admin.post(f"{API}/invitations", json=body)).json()["token"]
        answers = await asyncio.gather(*(accept(p, token) for _ in range(12)))
        assert sorted(a.status_code for a in answers) == [201] + [401] * 11

    play(scenario)


def test_a_name_is_one_persons(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        body = {"name": "admin", "role": "viewer"}
        assert (await admin.post(f"{API}/invitations", json=body)).status_code == 409
        assert (await admin.post(f"{API}/service-accounts", json=body)).status_code == 409
        for name in ("Admin", "a b", "-a", "a" * 41, ""):
            body["name"] = name
            assert (await admin.post(f"{API}/invitations", json=body)).status_code == 422

    play(scenario)


def test_a_change_of_role_is_in_force_in_open_sessions_at_once(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        olga = await person(p, "olga", Role.OPERATOR)
        token = (await olga.get(ME)).json()
        ids = {name: found["id"] for name, found in (await everybody(admin)).items()}
        path = f"{API}/people/{ids['olga']}/role"
        assert (await admin.put(path, json={"role": "viewer"})).json()["role"] == "viewer"
        me = (await olga.get(ME)).json()
        assert (me["role"], me["id"]) == ("viewer", token["id"])
        assert (await olga.post(f"{API}/flatten", json={"scope": "all"})).status_code == 403
        roles = await acts(p, "identity:user:role")
        assert roles[0][:2] == ("admin", "done")

    play(scenario)


def test_what_gives_more_needs_a_factor_and_what_takes_away_does_not(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "olga", Role.OPERATOR)
        admin = await p.browser()
        olga = (await everybody(admin))["olga"]["id"]
        for method, path, body in (
            ("PUT", f"/people/{olga}/role", {"role": "admin"}),
            ("POST", f"/people/{olga}/enable", None),
            ("POST", f"/people/{olga}/unlock", None),
            ("POST", f"/people/{olga}/reset-factors", None),
            ("POST", "/service-accounts", {"name": "ci", "role": "viewer"}),
            ("POST", "/invitations", {"name": "x", "role": "viewer"}),
            ("POST", "/tokens", {"name": "x", "role": "viewer"}),
        ):
            answer = await admin.request(method, API + path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "STEP_UP_REQUIRED"), path
        assert (await admin.delete(f"{API}/people/{olga}/sessions")).status_code == 200
        assert (await admin.post(f"{API}/people/{olga}/disable")).status_code == 200

    play(scenario)


def test_a_disabled_account_ends_with_its_sessions_and_tokens(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        body = {"name": "robot", "role": "operator"}
        robot = (await admin.post(f"{API}/service-accounts", json=body)).json()
        body = {"name": "night", "role": "viewer", "account": "robot"}
        token = (await admin.post(f"{API}/tokens", json=body)).json()["token"]
        machine = p.anonymous(authorization=f"Bearer {token}")
        me = (await machine.get(ME)).json()
        assert (me["actor"], me["user"], me["role"]) == ("robot", robot["id"], "viewer")
        olga = await person(p, "olga", Role.OPERATOR)
        ids = {name: found["id"] for name, found in (await everybody(admin)).items()}
        for name in ("robot", "olga"):
            answer = await admin.post(f"{API}/people/{ids[name]}/disable")
            assert answer.json()["disabled"] is True
        assert (await machine.get(ME)).status_code == 401
        assert (await olga.get(ME)).status_code == 401
        assert (await sign_in(p, "olga"))[0].status_code == 401
        assert (await admin.post(f"{API}/people/{ids['robot']}/enable")).status_code == 200
        assert (await machine.get(ME)).status_code == 401  # a revoked token stays so

    play(scenario)


def test_the_last_admin_stays(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        me = (await everybody(admin))["admin"]["id"]
        answer = await admin.post(f"{API}/people/{me}/disable")
        assert (answer.status_code, answer.json()["code"]) == (409, "REFUSED")
        answer = await admin.put(f"{API}/people/{me}/role", json={"role": "viewer"})
        assert answer.status_code == 409
        await person(p, "ada", Role.ADMIN)
        assert (await admin.post(f"{API}/people/{me}/disable")).status_code == 200

    play(scenario)


def test_an_admin_unlocks_and_resets(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        secret, _ = await enrol(p, await person(p, "rita", Role.RISK))
        rita = (await everybody(admin))["rita"]["id"]
        for _ in range(5):
            await sign_in(p, "rita", "wrong words of course")
        found = (await everybody(admin))["rita"]
        assert (found["failed"], found["locked"]) == (5, False)
        assert found["waiting_until"] is not None
        assert (await sign_in(p, "rita"))[0].status_code == 401
        assert (await admin.post(f"{API}/people/{rita}/unlock")).json()["failed"] == 0
        assert (await sign_in(p, "rita"))[0].status_code == 202
        p.clock.advance(MINUTE)
        assert (await second(p, "rita", code(p, secret)))[0].status_code == 201
        assert (await admin.post(f"{API}/people/{rita}/reset-factors")).json()["has_totp"] is False
        answer, browser = await sign_in(p, "rita")
        assert answer.status_code == 201
        assert answer.json()["needs_mfa"] is True
        await enrol(p, browser)

    play(scenario)


def test_the_factor_that_a_role_needs_is_not_removed_last(play: Play):
    async def scenario(p: Plane) -> None:
        for name, role, status in (("rita", Role.RISK, 409), ("olga", Role.OPERATOR, 204)):
            browser = await person(p, name, role)
            await enrol(p, browser)
            assert (await browser.delete(f"{API}/me/totp")).status_code == status

    play(scenario)


# -- tokens and service accounts ------------------------------------------------------------------


def test_a_scoped_token_has_what_is_named_and_no_more(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        body = {"name": "stop", "role": "operator", "permissions": ["read", "halt.set"]}
        token = (await admin.post(f"{API}/tokens", json=body)).json()["token"]
        machine = p.anonymous(authorization=f"Bearer {token}")
        assert (await machine.get(ME)).json()["permissions"] == ["halt.set", "read"]
        refused = await machine.post(f"{API}/flatten", json={"scope": "all"})
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
        listed = (await admin.get(f"{API}/tokens")).json()["items"][0]
        assert (listed["permissions"], listed["account"]) == (["halt.set", "read"], "admin")
        body["permissions"] = ["everything"]
        assert (await admin.post(f"{API}/tokens", json=body)).status_code == 422
        # What the role does not hold, no scope gives.
        body = {"name": "x", "role": "viewer", "permissions": ["token.manage"]}
        token = (await admin.post(f"{API}/tokens", json=body)).json()["token"]
        machine = p.anonymous(authorization=f"Bearer {token}")
        assert (await machine.get(f"{API}/tokens")).status_code == 403

    play(scenario)


def test_a_token_never_has_more_than_its_account(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.browser(step_up=True)
        body = {"name": "robot", "role": "operator"}
        robot = (await admin.post(f"{API}/service-accounts", json=body)).json()["id"]
        body = {"name": "x", "role": "risk", "account": "robot"}
        assert (await admin.post(f"{API}/tokens", json=body)).status_code == 422
        body["account"] = "nobody"
        assert (await admin.post(f"{API}/tokens", json=body)).status_code == 404
        body |= {"account": "robot", "role": "operator"}
        token = (await admin.post(f"{API}/tokens", json=body)).json()["token"]
        machine = p.anonymous(authorization=f"Bearer {token}")
        assert (await machine.get(ME)).json()["role"] == "operator"
        await admin.put(f"{API}/people/{robot}/role", json={"role": "viewer"})
        assert (await machine.get(ME)).json()["role"] == "viewer"

    play(scenario)


def test_a_service_does_not_sign_in(play: Play):
    async def scenario(p: Plane) -> None:
        await p.host.post("/host/service-accounts", json={"name": "robot", "role": "viewer"})
        link = await p.host.post("/host/sign-in-link", json={"name": "robot"})
        assert link.status_code == 409
        assert (await sign_in(p, "robot"))[0].status_code == 401

    play(scenario)


# -- sessions -------------------------------------------------------------------------------------


def test_an_admin_sees_and_ends_sessions(play: Play):
    async def scenario(p: Plane) -> None:
        olga, admin = await person(p, "olga", Role.OPERATOR), await p.browser()
        items = (await admin.get(f"{API}/sessions")).json()["items"]
        assert sorted(i["actor"] for i in items) == ["admin", "olga"]
        theirs = next(i for i in items if i["actor"] == "olga")
        only = await admin.get(f"{API}/sessions", params={"user": theirs["user"]})
        assert [i["id"] for i in only.json()["items"]] == [theirs["id"]]
        assert (await olga.get(f"{API}/sessions")).status_code == 403
        assert (await admin.delete(f"{API}/sessions/{theirs['id']}")).status_code == 204
        assert (await olga.get(ME)).status_code == 401
        assert (await admin.delete(f"{API}/sessions/{theirs['id']}")).status_code == 404

    play(scenario)


def test_a_session_that_is_idle_is_listed_no_more(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "olga", Role.OPERATOR)
        p.clock.advance(31 * MINUTE)
        admin = await p.browser()
        items = (await admin.get(f"{API}/sessions")).json()["items"]
        assert [i["actor"] for i in items] == ["admin"]

    play(scenario)


# -- the host -------------------------------------------------------------------------------------


def test_ctl_4_the_host_helps_when_nobody_can_sign_in(play: Play):
    """Everybody locked out: the host unlocks, resets, makes a link; each is in the record."""

    async def scenario(p: Plane) -> None:
        await person(p, "ada", Role.ADMIN)
        for _ in range(5):
            await sign_in(p, "ada", "wrong words of course")
        assert (await sign_in(p, "ada"))[0].status_code == 401
        for word in ("unlock", "reset-factors", "end-sessions", "enable"):
            answer = await p.host.post(f"/host/people/ada/{word}", json={})
            assert answer.status_code == 200, answer.text
        assert (await p.host.post("/host/people/ada/explode", json={})).status_code == 404
        assert (await p.host.post("/host/people/nobody/unlock", json={})).status_code == 404
        assert (await sign_in(p, "ada"))[0].status_code == 201
        assert (await acts(p, "identity:user:unlock"))[0][:2] == ("host", "done")
        names = [i["name"] for i in (await p.host.post("/host/people")).json()["items"]]
        assert names == ["ada"]

    play(scenario)


def test_ctl_4_a_locked_account_keeps_nobody_from_a_kill(play: Play):
    """The open session kills; and the host kills with no sign-in at all, in the record as such."""

    async def scenario(p: Plane) -> None:
        olga = await person(p, "olga", Role.OPERATOR)
        ids = (await olga.get(f"{API}/me")).json()["id"]
        await p.context.store.write(
            lambda w: people_store.change_user(w, ids, failed=LOCKED_AT - 1)
        )
        await sign_in(p, "olga", "wrong words of course")
        assert (await sign_in(p, "olga"))[0].status_code == 401
        body = {"scope": "all", "reason": "odd prices"}
        assert (await olga.post(f"{API}/kills", json=body)).status_code == 202
        # Break glass: what `tradedeck kill` does on the host.
        made = await p.host.post("/host/tokens", json={"name": "glass", "role": "operator"})
        glass = p.anonymous(authorization=f"Bearer {made.json()['token']}")
        assert (await glass.post(f"{API}/kills", json=body)).status_code == 202
        assert len([kind for kind, _ in p.guard.told if kind == "kill"]) == 2
        assert ("host", "done", "") in await acts(p, "identity:token:create")
        assert {actor for actor, _, _ in await acts(p, "stop:kill:send")} == {"olga", "glass"}

    play(scenario)


def test_a_link_is_for_the_account_as_it_is(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "olga", Role.OPERATOR)
        other = await p.host.post("/host/sign-in-link", json={"name": "olga", "role": "admin"})
        assert other.status_code == 409
        link = (await p.host.post("/host/sign-in-link", json={"name": "olga"})).json()["token"]
        await p.host.post("/host/people/olga/role", json={"role": "viewer"})
        answer = await p.page().post(f"{API}/sessions", json={"token": link})
        assert answer.json()["role"] == "viewer"
        link = (await p.host.post("/host/sign-in-link", json={"name": "olga"})).json()["token"]
        await p.host.post("/host/people/olga/disable", json={})
        assert (await p.page().post(f"{API}/sessions", json={"token": link})).status_code == 401
        assert (await p.host.post("/host/sign-in-link", json={"name": "olga"})).status_code == 409

    play(scenario)
