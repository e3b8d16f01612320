"""CTL-2: one exact act, two people, once; over real HTTP, with a guard that verifies by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.api.desk_of_two import Desk, desk_of_two
from tradedeck.audit.types import Who
from tradedeck.guard import types as t
from tradedeck.identity import approvals, governance
from tradedeck.identity.permissions import Permission
from tradedeck.kernel.clock import NS_PER_S

Scenario = Callable[[Desk], Coroutine[Any, Any, None]]
LIFT = {"kind": "halt.lift", "scope": "all"}
LOOSER = {"accounts": {"paper": {"limits": {"order_value_max": "50000"}}}}


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    def run(scenario: Scenario, **settings: Any) -> None:
        async def whole() -> None:
            async with desk_of_two(tmp_path, **settings) as d:
                await asyncio.wait_for(scenario(d), 120)

        asyncio.run(whole())

    return run


def codes(*answers: Any) -> list[tuple[int, str]]:
    return [(a.status_code, a.json().get("code", "")) for a in answers]


async def later(d: Desk, seconds: int) -> None:
    """Requests that were made so long ago."""
    past = approvals.table.c.expires_at_ns - seconds * NS_PER_S
    await d.deck.context.store.write(
        lambda w: w.execute(approvals.table.update().values(expires_at_ns=past))
    )


async def outcomes(d: Desk, action: str) -> list[tuple[str, str, str]]:
    async with d.deck.client() as client:
        found = (await client.get("/audit", params={"act": action})).json()["items"]
    return [(r["actor"], r["outcome"], r["code"]) for r in found]


def test_ctl_2_a_lift_takes_two_people_and_the_guard_sees_both(play: Callable[..., None]):
    async def scenario(d: Desk) -> None:
        ann, bob = await d.person("ann"), await d.person("bob")
        d.trust("ann", "bob")
        d.halt()
        await d.heard()
        alone = await ann.client.post(
            "/lifts", json={"scope": "all", "reason": "calm", "code": "1"}
        )
        assert codes(alone) == [(403, "APPROVAL_REQUIRED")]
        told = await ann.ask(**LIFT)
        assert (told["status"], told["mine"], told["may_approve"]) == ("open", True, False)
        assert told["act"]["subject"] == d.guard.core.latch.halts["all"]["at_ns"]
        lift = {"scope": "all", "reason": "calm", "approval": told["id"]}
        early = await ann.client.post("/lifts", json=lift)
        own = await ann.approve(told)
        assert codes(early, own) == [(409, "CONFLICT"), (409, "REFUSED")]
        other = await bob.approve(told, digest="0" * 64)
        mine = await bob.approve(told, signature=bob.signature(told) | {"person": "ann"})
        assert codes(other, mine) == [(409, "CONFLICT"), (403, "FORBIDDEN")]

        yes = await bob.approve(told, signature=bob.signature(told))
        assert (yes.status_code, yes.json()["status"], yes.json()["approver"]) == (
            200, "approved", "bob",
        )  # fmt: skip
        unsigned = await ann.client.post("/lifts", json=lift)  # the host wants both itself
        assert codes(unsigned) == [(403, "APPROVAL_REQUIRED")]
        wrong = await ann.client.post("/lifts", json=lift | {"reason": "another"})
        assert codes(wrong) == [(409, "CONFLICT")]
        signed = await ann.client.post(
            f"/approvals/{told['id']}/sign", json={"signature": ann.signature(told)}
        )
        assert signed.json()["signed_by"] == ["bob", "ann"]
        done = await ann.client.post("/lifts", json=lift)
        assert done.status_code == 202, done.text
        d.guard.happened(t.Tick())
        assert "all" not in d.guard.core.latch.halts
        again = await ann.client.post("/lifts", json=lift)
        assert codes(again) == [(409, "CONFLICT")]
        late = await bob.approve(told)
        assert codes(late) == [(409, "CONFLICT")]
        (row,) = (await bob.client.get("/approvals")).json()["items"]
        assert (row["status"], row["used_at"] is not None) == ("used", True)
        assert await outcomes(d, "identity:approval:use") == [("ann", "done", "")] * 2
        refused = await outcomes(d, "identity:approval:approve")
        assert ("ann", "refused", "REFUSED") in refused

    play(scenario)


def test_ctl_2_of_two_who_approve_at_once_one_does(play: Callable[..., None]):
    async def scenario(d: Desk) -> None:
        people = [await d.person(name) for name in ("ann", "bob", "cyd", "dan")]
        d.halt()
        await d.heard()
        told = await people[0].ask(**LIFT)
        answers = await asyncio.gather(*(each.approve(told) for each in people[1:] * 5))
        assert sorted(codes(*answers)) == [(200, "")] + [(409, "CONFLICT")] * 14
        done = [r for r in await outcomes(d, "identity:approval:approve") if r[1] == "done"]
        assert len(done) == 1

    play(scenario)


def test_ctl_2_expired_refused_and_withdrawn(play: Callable[..., None]):
    async def scenario(d: Desk) -> None:
        ann, bob = await d.person("ann"), await d.person("bob")
        d.halt()
        await d.heard()
        late = await ann.ask(**LIFT)
        await later(d, 3_601)
        assert codes(await bob.approve(late)) == [(409, "EXPIRED")]
        told = await ann.ask(**LIFT)
        assert told["id"] != late["id"]
        await bob.approve(told)
        await later(d, 3_601)
        lift = {"scope": "all", "reason": "calm", "approval": told["id"]}
        assert codes(await ann.client.post("/lifts", json=lift)) == [(409, "EXPIRED")]
        for who, status in ((bob, "refused"), (ann, "revoked")):
            told = await ann.ask(**LIFT)
            await bob.approve(told)
            no = await who.client.post(f"/approvals/{told['id']}/refuse", json={"reason": "no"})
            assert no.json()["status"] == status
            after = await ann.client.post("/lifts", json=lift | {"approval": told["id"]})
            assert codes(after, await bob.approve(told)) == [(409, "CONFLICT")] * 2
        assert "all" in d.guard.core.latch.halts

    play(scenario)


def test_ctl_2_who_may_not_say_it(play: Callable[..., None]):
    async def scenario(d: Desk) -> None:
        ann, oda = await d.person("ann"), await d.person("oda", "operator")
        late = await d.person("lou", step_up=False)
        d.halt()
        await d.heard()
        told = await ann.ask(**LIFT)
        assert codes(await oda.approve(told), await late.approve(told)) == [
            (403, "FORBIDDEN"), (403, "STEP_UP_REQUIRED"),
        ]  # fmt: skip
        async with d.deck.client() as machine:  # an admin's token of the host
            body = {"digest": told["digest"]}
            said = await machine.post(f"/approvals/{told['id']}/approve", json=body)
            no = await machine.post(f"/approvals/{told['id']}/refuse", json={"reason": "r"})
        assert codes(said, no) == [(403, "STEP_UP_REQUIRED"), (403, "FORBIDDEN")]
        nobody = await ann.client.post("/approvals/apr_" + "0" * 26 + "/approve", json=body)
        assert nobody.status_code == 404

    play(scenario)


def test_ctl_2_loosening_takes_two_and_what_overtakes_it_revokes_it(play: Callable[..., None]):
    async def scenario(d: Desk) -> None:
        ann = await d.person("ann")
        versions = d.deck.context

        async def patch(who: Any, change: Any, **more: Any) -> Any:
            headers = {"if-match": f'"{versions.desired.generation}"'}
            body = {"patch": change, "reason": "room"} | more
            return await who.client.patch("/config", json=body, headers=headers)

        solo = await patch(ann, LOOSER)  # alone: it waits its time, and no code is asked of who
        assert solo.json()["hold_until"] is not None, solo.text  # has stepped up
        await ann.client.delete(f"/config/pending/{solo.json()['pending']}")

        bob = await d.person("bob")
        wish = await patch(ann, LOOSER)
        assert (wish.json()["hold_until"], versions.desired.generation) == (None, 1)
        (waiting,) = (await bob.client.get("/config/pending")).json()["items"]
        assert waiting["status"] == "needs_approval"
        (told,) = (await bob.client.get("/approvals")).json()["items"]
        assert (told["kind"], told["act"]["pending"]) == ("config.loosen", waiting["id"])
        assert told["act"]["changes"][0]["new"] == "50000"
        assert codes(await ann.approve(told)) == [(409, "REFUSED")]
        assert (await patch(bob, {"feeds": {"us-daily": {"speed": "7"}}})).status_code == 200
        stale = await bob.approve(told)
        assert codes(stale) == [(409, "CONFLICT")]
        (gone,) = (await bob.client.get("/approvals")).json()["items"]
        assert gone["status"] == "revoked"

        await patch(ann, LOOSER)
        told = (await bob.client.get("/approvals")).json()["items"][0]
        assert (await bob.approve(told)).json()["status"] == "used"
        async with asyncio.timeout(60):
            while versions.desired.generation != 3:  # noqa: ASYNC110 - the loop of countdowns
                await asyncio.sleep(0.02)
        (account,) = [a for a in versions.desired.document["accounts"] if a["id"] == "paper"]
        assert account["limits"]["order_value_max"] == "50000"
        async with d.deck.client() as machine:
            headers = {"if-match": '"3"'}
            wider = {"accounts": {"paper": {"limits": {"order_value_max": "60000"}}}}
            body = {"patch": wider, "reason": "r"}
            said = await machine.patch("/config", json=body, headers=headers)
        assert said.status_code == 403  # no code of the host replaces a person

    play(scenario, loosening_wait_s=60)


def test_ctl_2_a_role_takes_two_admins_where_there_are_two(play: Callable[..., None]):
    async def scenario(d: Desk) -> None:
        ann = await d.person("ann", "admin")
        vic = await d.person("vic", "viewer")
        people = {p["name"]: p["id"] for p in (await ann.client.get("/people")).json()["items"]}
        path = f"/people/{people['vic']}/role"
        assert (await ann.client.put(path, json={"role": "risk"})).status_code == 200  # alone
        assert (await ann.client.put(path, json={"role": "viewer"})).status_code == 200
        bob = await d.person("bob", "admin")
        rights = (await ann.client.get("/governance")).json()["rights"]
        assert {r["right"]: r["profile"] for r in rights}["people.manage"] == "desk"
        assert (await ann.client.put(path, json={"role": "operator"})).status_code == 200
        alone = await ann.client.put(path, json={"role": "risk"})
        invited = await ann.client.post("/invitations", json={"name": "sock", "role": "risk"})
        robot = {"name": "robot", "role": "admin"}
        made = await ann.client.post("/service-accounts", json=robot)
        assert codes(alone, invited, made) == [(403, "APPROVAL_REQUIRED")] * 3
        wish = {"kind": "role.grant", "user": people["vic"], "role": "risk"}
        told = await ann.ask(**wish)
        ria = await d.person("ria")  # may decide, but gives no roles
        answers = await vic.approve(told), await ria.approve(told), await ann.approve(told)
        assert codes(*answers) == [
            (403, "FORBIDDEN"), (403, "FORBIDDEN"), (409, "REFUSED"),
        ]  # fmt: skip
        await ann.client.put(path, json={"role": "viewer"})  # altered meanwhile
        assert codes(await bob.approve(told)) == [(409, "CONFLICT")]
        told = await ann.ask(**wish)
        assert (await bob.approve(told)).json()["status"] == "used"
        assert (await vic.client.get("/session")).json()["role"] == "risk"
        assert codes(await bob.approve(told)) == [(409, "CONFLICT")]
        done = await outcomes(d, "identity:user:role")
        assert done[0] == ("ann, bob", "done", "")

    play(scenario)


def test_back_to_solo_takes_both_and_one_person_less_is_no_way(play: Callable[..., None]):
    async def scenario(d: Desk) -> None:
        ann, bob = await d.person("ann", "admin"), await d.person("bob", "admin")
        people = {p["name"]: p["id"] for p in (await ann.client.get("/people")).json()["items"]}
        wish = {"kind": "profile.solo", "right": "config.loosen"}
        told = await ann.ask(**wish)
        assert (await bob.approve(told)).json()["status"] == "used"

        async def profiles() -> dict[str, tuple[str, int]]:
            rights = (await ann.client.get("/governance")).json()["rights"]
            return {r["right"]: (r["profile"], r["holders"]) for r in rights}

        assert (await profiles())["config.loosen"] == ("solo", 2)
        await d.person("cyd", "risk")  # one more than agreed to
        assert (await profiles())["config.loosen"] == ("desk", 3)
        assert (await ann.client.post(f"/people/{people['bob']}/disable")).status_code == 200
        assert (await profiles())["people.manage"] == ("desk", 1)
        alone = await ann.client.post(f"/people/{people['bob']}/enable")
        assert codes(alone) == [(403, "APPROVAL_REQUIRED")]

        def host(w: Any) -> None:
            right, who = Permission.PEOPLE_MANAGE, Who("host", "host", "host")
            governance.go_solo(w, "main", right, who=who, now_ns=1)

        await d.deck.context.store.write(host)
        assert (await ann.client.post(f"/people/{people['bob']}/enable")).status_code == 200

    play(scenario)
