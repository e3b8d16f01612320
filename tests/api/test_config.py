"""Configuration over the api: CTL-5 and CTL-6 (service), versions, rollback, loosening, races."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.api.plane import Plane, plane
from tests.raw import raw
from tradedeck.api import desk
from tradedeck.audit.verify import verify
from tradedeck.authority.envelope import Verifier
from tradedeck.desired import parse, store
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError

Scenario = Callable[[Plane], Coroutine[Any, Any, None]]
Play = Callable[..., None]
CONFIG = "/api/v1/config"
TIGHTER = {"accounts": {"paper": {"limits": {"order_value_max": "20000"}}}}
LOOSER = {"accounts": {"paper": {"limits": {"order_value_max": "30000"}}}}
NEUTRAL = {"feeds": {"us-daily": {"speed": "4"}}}


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Scenario, **settings: Any) -> None:
        async def whole() -> None:
            async with plane(tmp_path / "h", **settings) as p:
                await scenario(p)
                assert (await p.context.store.read(verify)).ok

        asyncio.run(whole())

    return run


async def patch(
    client: httpx.AsyncClient, change: Any, base: object = 1, **more: Any
) -> httpx.Response:
    return await client.patch(
        CONFIG, json={"patch": change, **more}, headers={"if-match": f'"{base}"'}
    )


async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get(CONFIG)).json()["document"]


async def outcomes(client: httpx.AsyncClient, **query: Any) -> list[tuple[str, str, str]]:
    answer = await client.get("/api/v1/audit", params=query)
    return [(r["act"], r["outcome"], r["code"]) for r in answer.json()["items"]]


def test_a_change_is_a_version_audited_hinted_and_seen(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.OPERATOR)
        answer = await patch(client, TIGHTER, reason="calmer")
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == '"2"'
        assert answer.json()["changes"] == [{
            "path": "accounts.paper.limits.order_value_max", "old": "25000", "new": "20000",
            "effect": "tightens",
        }]  # fmt: skip
        state = (await client.get(CONFIG)).json()
        assert (state["generation"], state["by"], state["reason"]) == (2, "t-operator", "calmer")
        await asyncio.sleep(0)
        assert p.runner.hints == [2]
        admin = await p.client()
        query = {"audit_id": answer.json()["audit_id"]}
        assert await outcomes(admin, **query) == [("desired:config:apply", "done", "")]

    play(scenario)


def test_the_same_again_is_no_version(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        answer = await client.put(
            CONFIG, json={"document": await document(client)}, headers={"if-match": "1"}
        )
        assert (answer.status_code, answer.json()["generation"]) == (200, 1)
        assert p.runner.hints == []

    play(scenario)


@pytest.mark.parametrize(
    ("tag", "status", "code"),
    [
        (None, 428, "VERSION_REQUIRED"), ('"7"', 412, "STALE_VERSION"), ("x", 422, "INVALID"),
        ('"1"', 200, None), ("1", 200, None), ('W/"1"', 200, None), ("*", 200, None),
    ],
)  # fmt: skip
def test_if_match(play: Play, tag: str | None, status: int, code: str | None):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        headers = {} if tag is None else {"if-match": tag}
        answer = await client.patch(CONFIG, json={"patch": NEUTRAL}, headers=headers)
        assert (answer.status_code, answer.json().get("code")) == (status, code)

    play(scenario)


def test_of_many_changes_on_one_version_one_wins(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        answers = await asyncio.gather(
            *(patch(client, {"feeds": {"us-daily": {"speed": str(n)}}}) for n in range(2, 12))
        )
        assert sorted(a.status_code for a in answers) == [200] + [412] * 9
        assert (await client.get(CONFIG)).json()["generation"] == 2

    play(scenario)


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        ({"patch": {"accounts": {"paper": {"limits": {"order_value_max": "-1"}}}}}, 422,
         "INVALID_CONFIG", "accounts[0].limits.order_value_max"),
        ({"patch": {"unknown": 1}}, 422, "INVALID_CONFIG", "unknown"),
        ({"patch": {"traders": "x"}}, 422, "INVALID_CONFIG", "traders"),
        ({"patch": {"api_key": "s3cret-value"}}, 422, "SECRET_REFUSED", "api_key"),
        ({"patch": {"traders": {"aapl-momentum": {"params": {"x": 1}}}}}, 422, "INVALID_CONFIG",
         "traders[0].params.x"),
        (b'{"patch": {"scan_interval_s": NaN}}', 422, "INVALID_CONFIG", "scan_interval_s"),
        (b'{"patch": {"scan_interval_s": 1e999}}', 422, "INVALID_CONFIG", "scan_interval_s"),
        (b'{"patch": ' + b'{"a":' * 400 + b"1" + b"}" * 401, 422, "INVALID_CONFIG", "(document)"),
        (b'{"patch": ' + b"[" * 100_000, 422, None, None),
        (b'{"patch": {"\\ud800": 1}}', 422, None, None),
        (b"not json", 422, "INVALID", None),
        (b"x" * 10_000_000, 413, "TOO_LARGE", None),
    ],
)  # fmt: skip
def test_ctl_5_wrong_configuration_is_refused_and_the_running_one_kept(
    play: Play, body: Any, status: int, code: str | None, path: str | None
):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        before = p.context.desired
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        answer = await client.patch(
            CONFIG, content=content, headers={"if-match": "1", "content-type": "application/json"}
        )
        found = answer.json()
        assert answer.status_code in {status, 400} if code is None else status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        if code is not None:
            assert found["code"] == code
        if path is not None:
            assert path in [error["path"] for error in found["errors"]]
            assert all(error["reason"] for error in found["errors"])
        assert "s3cret-value" not in answer.text
        assert p.context.desired is before
        assert (await client.get(CONFIG)).json()["generation"] == 1
        assert p.runner.hints == []

    play(scenario)


def test_yaml_text_is_taken_and_a_bomb_refused(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        changed = {**await document(client), "scan_interval_s": "60"}
        good = await client.put(
            CONFIG, json={"yaml": parse.dump(changed)}, headers={"if-match": "1"}
        )
        assert good.json()["generation"] == 2, good.text
        bomb = "a: &a [x,x]\nb: &b [*a,*a]\nversion: *b"
        bad = await client.put(CONFIG, json={"yaml": bomb}, headers={"if-match": "2"})
        assert (bad.status_code, bad.json()["code"]) == (422, "INVALID_CONFIG")

    play(scenario)


def test_validate_and_diff_change_nothing(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client(Role.VIEWER)
        now = await document(client)
        bad = {**now, "version": 9}
        judged = (await client.post(f"{CONFIG}/validate", json={"document": bad})).json()
        assert (judged["valid"], judged["errors"][0]["path"]) == (False, "version")
        looser = orjson.loads(orjson.dumps(now))
        looser["accounts"][0]["limits"]["order_value_max"] = "30000"
        seen = (await client.post(f"{CONFIG}/diff", json={"document": looser})).json()
        assert (seen["effect"], seen["needs_step_up"], seen["wait_s"]) == ("loosens", True, 60)
        assert (await client.get(CONFIG)).json()["generation"] == 1

    play(scenario)


def test_cfg_4_history_and_rollback(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        await patch(client, NEUTRAL, 1, reason="faster")
        await patch(client, {"feeds": {"us-daily": {"speed": "8"}}}, 2)
        back = await client.post(f"{CONFIG}/rollback", json={"generation": 1, "reason": "too fast"})
        assert back.json()["generation"] == 4
        assert (await document(client))["feeds"][0]["speed"] == 1
        listed = (await client.get(f"{CONFIG}/history", params={"limit": 3})).json()
        assert [v["generation"] for v in listed["items"]] == [4, 3, 2]
        assert listed["items"][0]["kind"] == "rollback"
        assert listed["next_cursor"] == 2
        rest = (await client.get(f"{CONFIG}/history", params={"cursor": 2})).json()
        assert [v["generation"] for v in rest["items"]] == [1]
        old = (await client.get(f"{CONFIG}/versions/2")).json()
        assert (old["reason"], old["document"]["feeds"][0]["speed"]) == ("faster", 4)
        assert (await client.get(f"{CONFIG}/versions/99")).status_code == 404

    play(scenario)


def test_a_rollback_that_loosens_needs_what_any_loosening_needs(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        await patch(client, TIGHTER)
        answer = await client.post(f"{CONFIG}/rollback", json={"generation": 1, "reason": "x"})
        assert answer.json()["code"] == "STEP_UP_REQUIRED"

    play(scenario)


def test_loosening_right_code_reason_wait(play: Play):
    async def scenario(p: Plane) -> None:
        operator, risk = await p.client(Role.OPERATOR), await p.client(Role.RISK)
        code = await p.code()
        refused = await patch(operator, LOOSER, step_up=code, reason="r")
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
        refused = await patch(risk, LOOSER, reason="r")
        assert (refused.status_code, refused.json()["code"]) == (403, "STEP_UP_REQUIRED")
        refused = await patch(risk, LOOSER, reason="r", step_up="aaaaa-aaaaa")
        assert refused.json()["code"] == "STEP_UP_REQUIRED"
        refused = await patch(risk, LOOSER, step_up=code)
        assert (refused.status_code, refused.json()["code"]) == (422, "INVALID")
        waits = await patch(risk, LOOSER, reason="room", step_up=code)
        assert waits.status_code == 200, waits.text  # what was refused did not use up the code
        assert waits.json()["hold_until"] == "2026-11-20T14:01:00Z"
        assert (await risk.get(CONFIG)).json()["pending"][0]["until"] == "2026-11-20T14:01:00Z"
        again = await patch(risk, {**LOOSER, "scan_interval_s": "31"}, reason="r", step_up=code)
        assert again.json()["code"] == "STEP_UP_REQUIRED"  # a code works once
        await due(p, 59)
        assert p.context.desired.generation == 1
        await due(p, 1)
        assert p.context.desired.generation == 2
        assert p.context.desired.author == "t-risk"
        assert (await risk.get(f"{CONFIG}/pending")).json()["items"] == []

    play(scenario)


async def due(p: Plane, seconds: int) -> None:
    """Let time pass, and the countdown loop look once."""
    p.clock.advance(seconds * NS_PER_S)
    turn = asyncio.create_task(desk.countdowns(p.context))
    await asyncio.sleep(0.15)
    async with asyncio.timeout(60):  # on a busy machine one look takes its time
        while await p.context.store.read(  # noqa: ASYNC110 - the store offers no event
            lambda r: store.due(r, p.clock.now_ns())
        ):
            await asyncio.sleep(0.02)
    turn.cancel()


def test_a_step_up_code_expires(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        code = await p.code()
        p.clock.advance(600 * NS_PER_S)
        answer = await patch(client, LOOSER, reason="r", step_up=code)
        assert answer.json()["code"] == "STEP_UP_REQUIRED"

    play(scenario)


def test_what_waits_can_be_cancelled(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        made = (await patch(client, LOOSER, reason="r", step_up=await p.code())).json()
        operator = await p.client(Role.OPERATOR)
        assert (await operator.delete(f"{CONFIG}/pending/{made['pending']}")).status_code == 200
        assert (await operator.delete(f"{CONFIG}/pending/{made['pending']}")).status_code == 404
        await due(p, 120)
        assert p.context.desired.generation == 1

    play(scenario)


def test_what_waits_does_not_undo_what_came_in_between(play: Play):
    """It is ended by the version that came first, at once, with whose it was."""

    async def scenario(p: Plane) -> None:
        client, other = await p.client(), await p.client(Role.OPERATOR)
        await patch(client, LOOSER, reason="r", step_up=await p.code())
        assert (await patch(other, TIGHTER)).json()["generation"] == 2
        shown = (await client.get(CONFIG)).json()
        assert shown["pending"] == []
        (ended,) = shown["superseded"]
        assert (ended["status"], ended["by"], ended["reason"]) == ("superseded", "t-admin", "r")
        assert ended["ended_by"] == "t-operator"
        assert ended["ended_why"] == "version 2 by t-operator took effect first"
        assert ("desired:pending:supersede", "refused", "STALE_VERSION") in await outcomes(client)
        await due(p, 61)
        assert p.context.desired.generation == 2
        limits = (await document(client))["accounts"][0]["limits"]
        assert limits["order_value_max"] == "20000"
        p.clock.advance(24 * 3_600 * NS_PER_S)
        later = await p.client()
        assert (await later.get(CONFIG)).json()["superseded"] == []

    play(scenario)


@pytest.mark.parametrize("part", ["accounts", "traders"])
def test_what_comes_back_under_its_name_is_held_against_the_limits_it_had(play: Play, part: str):
    """Removing and adding again is no way around the rule of loosening."""

    async def scenario(p: Plane) -> None:
        client = await p.client()
        whole = await document(client)
        limits = {"order_value_max": "5000"}
        name = whole[part][0]["id"]
        whole[part][0]["limits"] = {**whole[part][0]["limits"], **limits}
        assert (await put(client, whole, 1)).json()["generation"] == 2
        kept = [dict(item) for item in whole["traders"]]
        gone = {**whole, "traders": [], "accounts": []} if part == "accounts" else None
        gone = gone or {**whole, "traders": []}
        assert (await put(client, gone, 2)).json()["generation"] == 3
        for number in range(3):  # other versions in between do not make it forgotten
            other = {**gone, "scan_interval_s": str(40 + number)}
            assert (await put(client, other, 3 + number)).json()["generation"] == 4 + number
        back = {**whole, "traders": kept, "scan_interval_s": "42"}
        items = [dict(item) for item in back[part]]
        items[0]["limits"] = {**items[0]["limits"], "order_value_max": "9000"}
        looser = {**back, part: items}
        refused = await put(client, looser, 6)
        assert (refused.status_code, refused.json()["code"]) == (403, "STEP_UP_REQUIRED")
        path = f"{part}.{name}.limits.order_value_max"
        assert refused.json()["errors"] == [{"path": path, "reason": "was 5000, would be 9000"}]
        judged = (await client.post(f"{CONFIG}/diff", json={"document": looser})).json()
        assert judged["needs_step_up"]
        assert path in {change["path"] for change in judged["changes"]}
        assert (await put(client, back, 6)).json()["generation"] == 7  # as it was: at once

    play(scenario)


async def put(client: httpx.AsyncClient, wanted: Any, base: int) -> httpx.Response:
    return await client.put(CONFIG, json={"document": wanted}, headers={"if-match": f'"{base}"'})


def test_the_wait_survives_a_restart(tmp_path: Path):
    async def scenario() -> None:
        async with plane(tmp_path / "h") as p:
            client = await p.client()
            await patch(client, LOOSER, reason="r", step_up=await p.code())
        async with plane(tmp_path / "h") as p:
            await due(p, 61)
            assert p.context.desired.generation == 2

    asyncio.run(scenario())


async def hand_edit(p: Plane, change: Any, base: int = 1) -> Any:
    tree = desk.rules.read(
        {**p.context.desired.document}, p.context.library
    ).plain()  # fmt: skip
    edited = change(tree) if callable(change) else change
    return await p.runner.bus.request(
        "desired.propose",
        {"runner": "local", "document": edited, "base_generation": base, "digest": ""},
    )


def with_limit(value: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(tree: dict[str, Any]) -> dict[str, Any]:
        tree["accounts"][0]["limits"]["order_value_max"] = value
        return tree

    return change


def test_ctl_6_a_hand_edit_that_tightens_is_a_version_of_the_host(play: Play):
    async def scenario(p: Plane) -> None:
        answer = await hand_edit(p, with_limit("20000"))
        assert answer == {"accepted": True, "generation": 2}
        version = p.context.desired
        assert (version.author, version.kind) == ("host", "hand_edit")

    play(scenario)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (with_limit("-1"), "INVALID_CONFIG"),
        ({"version": 1, "password": "x"}, "SECRET_REFUSED"),
        ("a: &x 1\nb: *x", "INVALID_CONFIG"),
        (None, "INVALID_CONFIG"),
        (7, "INVALID_CONFIG"),
    ],
)
def test_ctl_6_an_invalid_hand_edit_is_refused_with_the_reason(play: Play, change: Any, code: str):
    async def scenario(p: Plane) -> None:
        answer = await hand_edit(p, change)
        assert (answer["accepted"], answer["code"]) == (False, code)
        assert answer["errors"]
        assert p.context.desired.generation == 1
        found = await outcomes(await p.client(), act="desired:config:propose")
        assert found == [("desired:config:propose", "refused", code)]

    play(scenario)


def test_ctl_6_a_hand_edit_that_loosens_waits_for_a_person_then_for_its_time(play: Play):
    async def scenario(p: Plane) -> None:
        first = await hand_edit(p, with_limit("30000"))
        assert (first["accepted"], first["code"]) == (False, "APPROVAL_REQUIRED")
        assert (await hand_edit(p, with_limit("30000")))["detail"] == first["detail"]
        risk = await p.client(Role.RISK)
        items = (await risk.get(f"{CONFIG}/pending")).json()["items"]
        assert [(i["status"], i["until"], i["by"]) for i in items] == [
            ("needs_step_up", None, "host")
        ]
        await due(p, 3600)
        assert p.context.desired.generation == 1
        address = f"{CONFIG}/pending/{items[0]['id']}/approve"
        for given in ({}, {"step_up": "zzzzz-zzzzz"}):
            refused = await risk.post(address, json={"reason": "r", **given})
            assert refused.json()["code"] == "STEP_UP_REQUIRED"
        done = await risk.post(address, json={"reason": "r", "step_up": await p.code()})
        assert done.json()["status"] == "waiting"
        await due(p, 60)
        assert p.context.desired.generation == 2

    play(scenario)


def test_ctl_6_a_hand_edit_on_an_older_version_is_refused(play: Play):
    async def scenario(p: Plane) -> None:
        await patch(await p.client(), NEUTRAL)
        answer = await hand_edit(p, with_limit("20000"), base=1)
        assert (answer["accepted"], answer["code"]) == (False, "STALE_VERSION")

    play(scenario)


def test_the_runner_gets_signed_desired_state(play: Play):
    async def scenario(p: Plane) -> None:
        verifier = Verifier(p.context.key.verify_key(), "local")
        data = await p.runner.bus.request_bytes("desired.get", {"runner": "local", "generation": 0})
        opened = verifier.open(data, kind="desired", now_ns=p.clock.now_ns())
        assert opened.body["generation"] == 1
        assert opened.body["document"] == p.context.desired.document
        same = await p.runner.bus.request("desired.get", {"runner": "local", "generation": 1})
        assert same == {"unchanged": True}
        for other in ({"runner": "evil"}, {}, [], None):
            with pytest.raises(TradedeckError) as caught:
                await p.runner.bus.request("desired.get", other)
            assert caught.value.code is Code.NOT_FOUND

    play(scenario)


def test_a_seed_is_the_first_version_and_only_that(tmp_path: Path):
    async def scenario() -> None:
        home = tmp_path / "h"
        home.mkdir()
        async with plane(home) as p:
            seeded = {**p.context.desired.document, "scan_interval_s": "77"}
        other = tmp_path / "o"
        other.mkdir()
        (other / "seed.yaml").write_text(parse.dump(seeded))
        async with plane(other) as p:
            assert p.context.desired.document["scan_interval_s"] == 77
        (other / "seed.yaml").write_text("nonsense: [")
        async with plane(other) as p:
            assert p.context.desired.generation == 1

    asyncio.run(scenario())


def test_an_act_that_cannot_be_recorded_does_not_happen(play: Play):
    async def scenario(p: Plane) -> None:
        client = await p.client()
        raw(p.context.whole, "ALTER TABLE audit RENAME TO gone")
        answer = await patch(client, TIGHTER)
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE")
        assert p.context.desired.generation == 1
        raw(p.context.whole, "ALTER TABLE gone RENAME TO audit")
        assert (await client.get(CONFIG)).json()["generation"] == 1

    play(scenario)
