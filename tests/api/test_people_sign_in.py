"""Passwords, second factors, stepping up, lock-out: CTL-4 and what SEC-2 asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

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
    step_up,
    within,
)
from tests.api.plane import Plane
from tradedeck.identity.people import DELAY_MAX_S, LOCKED_AT, delay_ns
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import NS_PER_S

ME = f"{API}/session"
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Scenario, **settings: object) -> None:
        asyncio.run(within(tmp_path / "h", scenario, **settings))

    return run


def test_a_password_opens_a_session_of_the_account(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "olga", Role.OPERATOR)
        answer, browser = await sign_in(p, "olga")
        assert answer.status_code == 201
        me = (await browser.get(ME)).json()
        assert (me["actor"], me["role"], me["mfa"], me["needs_mfa"]) == (
            "olga", "operator", False, False,
        )  # fmt: skip
        assert me["stepped_up_until"] is None

    play(scenario)


def test_every_failure_looks_the_same(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "olga", Role.OPERATOR)
        admin = await p.browser(step_up=True)
        nobody, _ = await sign_in(p, "nobody")
        wrong, _ = await sign_in(p, "olga", "not the right words")
        unset, _ = await sign_in(p, "admin")  # has no password
        for answer in (wrong, unset):
            assert answer.status_code == nobody.status_code == 401
            assert answer.content == nobody.content
            assert "set-cookie" not in answer.headers
        assert (await admin.get(ME)).status_code == 200
        tries = await acts(p, "identity:sign-in:try")
        assert tries == [
            ("admin", "refused", "wrong password"),
            ("olga", "refused", "wrong password"),
            ("anonymous", "refused", "unknown name"),
        ]

    play(scenario)


def test_a_second_factor_is_asked_for_where_there_is_one(play: Play):
    async def scenario(p: Plane) -> None:
        secret, _ = await enrol(p, await person(p, "rita", Role.RISK))
        p.clock.advance(MINUTE)
        answer, browser = await sign_in(p, "rita")
        assert answer.status_code == 202
        assert answer.json()["ways"] == ["totp", "recovery"]
        assert "set-cookie" not in answer.headers
        assert (await browser.get(ME)).status_code == 401
        answer, browser = await second(p, "rita", code(p, secret))
        assert answer.status_code == 201
        me = (await browser.get(ME)).json()
        assert (me["mfa"], me["needs_mfa"]) == (True, False)
        assert "config.loosen" in me["permissions"]

    play(scenario)


def test_ctl_4_a_code_is_taken_once(play: Play):
    async def scenario(p: Plane) -> None:
        secret, _ = await enrol(p, await person(p, "rita", Role.RISK))
        p.clock.advance(MINUTE)
        shown = code(p, secret)
        assert (await second(p, "rita", shown))[0].status_code == 201
        again, browser = await second(p, "rita", shown)
        assert again.status_code == 403
        assert (await browser.get(ME)).status_code == 401
        p.clock.advance(MINUTE)
        assert (await second(p, "rita", code(p, secret)))[0].status_code == 201

    play(scenario)


def test_ctl_4_fifty_uses_of_one_code_at_once_open_one_session(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "olga", Role.OPERATOR)
        secret, _ = await enrol(p, browser)
        p.clock.advance(MINUTE)
        asked = [(await sign_in(p, "olga"))[0].json()["challenge"] for _ in range(50)]
        shown = code(p, secret)
        answers = await asyncio.gather(
            *(
                p.page().post(
                    f"{API}/sessions/second",
                    json={"challenge": challenge, "way": "totp", "code": shown},
                )
                for challenge in asked
            )
        )
        assert sorted(a.status_code for a in answers) == [201] + [403] * 49

    play(scenario)


def test_a_recovery_code_works_once(play: Play):
    async def scenario(p: Plane) -> None:
        _, codes = await enrol(p, await person(p, "rita", Role.RISK))
        assert len(set(codes)) == 10
        typed = codes[0].upper().replace("-", " ")
        assert (await second(p, "rita", typed, "recovery"))[0].status_code == 201
        assert (await second(p, "rita", codes[0], "recovery"))[0].status_code == 403
        answer, browser = await second(p, "rita", codes[1], "recovery")
        assert answer.status_code == 201
        assert (await browser.get(f"{API}/me")).json()["recovery_codes_left"] == 8

    play(scenario)


def test_an_answer_is_to_its_own_question_and_comes_within_five_minutes(play: Play):
    async def scenario(p: Plane) -> None:
        secret, _ = await enrol(p, await person(p, "rita", Role.RISK))
        asked = (await sign_in(p, "rita"))[0].json()["challenge"]
        p.clock.advance(5 * MINUTE)
        body = {"challenge": asked, "way": "totp", "code": code(p, secret)}
        late = await p.page().post(f"{API}/sessions/second", json=body)
        assert late.status_code == 401
        answer, browser = await second(p, "rita", code(p, secret))
        assert answer.status_code == 201
        offer = (await browser.post(f"{API}/me/totp/start")).json()["challenge"]
        p.clock.advance(MINUTE)
        body = {"challenge": offer, "way": "totp", "code": code(p, secret)}
        other = await p.page().post(f"{API}/sessions/second", json=body)
        assert other.status_code == 401

    play(scenario)


# -- stepping up ---------------------------------------------------------------------------------

TOKEN = {"name": "ci", "role": "viewer"}


def test_a_dangerous_act_needs_a_factor_of_the_last_five_minutes(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "ada", Role.ADMIN)
        refused = await browser.post(f"{API}/tokens", json=TOKEN)
        assert (refused.status_code, refused.json()["code"]) == (403, "STEP_UP_REQUIRED")
        assert refused.json()["ways"] == ["host"]
        secret, _ = await enrol(p, browser)  # enrolling shows it
        assert (await browser.post(f"{API}/tokens", json=TOKEN)).status_code == 201
        p.clock.advance(5 * MINUTE)
        refused = await browser.post(f"{API}/tokens", json=TOKEN)
        assert refused.json()["ways"] == ["totp", "recovery", "host"]
        assert (await step_up(browser, "totp", code(p, secret))).status_code == 200
        assert (await browser.post(f"{API}/tokens", json=TOKEN)).status_code == 201
        p.clock.advance(5 * MINUTE - 1)
        assert (await browser.post(f"{API}/tokens", json=TOKEN)).status_code == 201
        p.clock.advance(1)
        assert (await browser.post(f"{API}/tokens", json=TOKEN)).status_code == 403
        assert await acts(p, "identity:access:refuse") != []

    play(scenario)


def test_one_session_stepping_up_lifts_no_other(play: Play):
    async def scenario(p: Plane) -> None:
        one, other = await p.browser(), await p.browser()
        assert (await step_up(one, "host", await p.code())).status_code == 200
        p.clock.advance(6 * NS_PER_S)  # beyond what memory keeps
        assert (await one.post(f"{API}/tokens", json=TOKEN)).status_code == 201
        assert (await other.post(f"{API}/tokens", json=TOKEN)).status_code == 403

    play(scenario)


def test_wrong_proofs_do_not_step_up(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "ada", Role.ADMIN)
        secret, codes = await enrol(p, browser)
        p.clock.advance(6 * MINUTE)
        shown = code(p, secret)
        wrong = f"{(int(shown) + 1) % 1_000_000:06d}"
        for way, given in (
            ("totp", wrong), ("totp", codes[0]), ("recovery", "aaaa-bbbb-cccc-dddd"),
            ("passkey", shown), ("host", shown),
        ):  # fmt: skip
            answer = await step_up(browser, way, given)
            assert answer.status_code == 403, (way, answer.text)
        assert (await browser.post(f"{API}/tokens", json=TOKEN)).status_code == 403
        used = await acts(p, "identity:step-up:use")
        assert ("ada", "refused", "the code was not valid") in used

    play(scenario)


def test_a_token_cannot_step_up(play: Play):
    async def scenario(p: Plane) -> None:
        admin = await p.client()
        answer = await admin.post(f"{API}/tokens", json=TOKEN)
        assert (answer.status_code, answer.json()["ways"]) == (403, [])
        assert (await step_up(admin, "host", await p.code())).status_code == 403
        assert (await admin.get(f"{API}/me")).status_code == 403

    play(scenario)


# -- roles that need a second factor ------------------------------------------------------------


def test_without_its_factor_a_role_looks_and_stops_and_no_more(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "rita", Role.RISK)
        _, browser = await sign_in(p, "rita")
        me = (await browser.get(ME)).json()
        assert me["needs_mfa"] is True
        assert "kill" in me["permissions"]
        assert "config.loosen" not in me["permissions"]
        refused = await browser.get(f"{API}/audit")
        assert (refused.status_code, refused.json()["code"]) == (403, "STEP_UP_REQUIRED")
        assert (await browser.get(f"{API}/status")).status_code == 200
        assert (await browser.post(f"{API}/flatten", json={"scope": "all"})).status_code == 200
        await enrol(p, browser)
        assert (await browser.get(f"{API}/audit")).status_code == 200

    play(scenario)


def test_a_link_suffices_until_there_is_a_factor(play: Play):
    """The host's owner sets up; once a factor is enrolled the link alone looks and stops."""

    async def scenario(p: Plane) -> None:
        first = await p.browser()
        assert (await first.get(f"{API}/audit")).status_code == 200
        await enrol(p, first)
        again = await p.browser()
        assert (await again.get(f"{API}/audit")).status_code == 403
        assert (await step_up(again, "host", await p.code())).status_code == 200
        assert (await again.get(f"{API}/audit")).status_code == 200

    play(scenario)


def test_which_roles_need_one_is_a_setting(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "olga", Role.OPERATOR)
        _, browser = await sign_in(p, "olga")
        assert (await browser.get(ME)).json()["needs_mfa"] is True

    play(scenario, mfa_roles="operator risk admin")


# -- waiting and locking --------------------------------------------------------------------------


def test_the_delay_grows_and_ends_at_a_hundred():
    delays = [delay_ns(failed) / NS_PER_S for failed in range(LOCKED_AT)]
    assert delays[:5] == [0, 0, 0, 0, 0]
    assert delays[5:9] == [2, 4, 8, 16]
    assert delays == sorted(delays)
    assert delays[-1] == DELAY_MAX_S
    assert delay_ns(LOCKED_AT) == delay_ns(LOCKED_AT + 1) > 100 * 365 * 86_400 * NS_PER_S


def test_ctl_4_after_101_wrong_passwords_the_account_is_locked_and_can_still_stop(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "olga", Role.OPERATOR)
        for failed in range(1, 102):
            assert (await sign_in(p, "olga", "wrong words of course"))[0].status_code == 401
            assert (await browser.get(ME)).status_code == 200
            p.clock.advance(delay_ns(failed) if failed < LOCKED_AT else DELAY_MAX_S * NS_PER_S)
        assert (await sign_in(p, "olga"))[0].status_code == 401
        locks = await acts(p, "identity:user:lock")
        assert [actor for actor, _, _ in locks] == ["olga"]
        # The open session is not touched by what others type.
        assert (await browser.post(f"{API}/flatten", json={"scope": "all"})).status_code == 200

    play(scenario, session_hours=24.0, session_idle_minutes=60.0)


def test_a_waiting_account_refuses_the_right_password_and_counts_nothing(play: Play):
    async def scenario(p: Plane) -> None:
        await person(p, "olga", Role.OPERATOR)
        for _ in range(5):
            await sign_in(p, "olga", "wrong words of course")
        assert (await sign_in(p, "olga"))[0].status_code == 401
        p.clock.advance(2 * NS_PER_S)
        assert (await sign_in(p, "olga"))[0].status_code == 201
        for _ in range(4):  # a whole sign-in forgot the five
            await sign_in(p, "olga", "wrong words of course")
        assert (await sign_in(p, "olga"))[0].status_code == 201

    play(scenario)


def test_a_right_password_does_not_forget_wrong_codes(play: Play):
    async def scenario(p: Plane) -> None:
        secret, _ = await enrol(p, await person(p, "rita", Role.RISK))
        p.clock.advance(MINUTE)
        wrong = f"{(int(code(p, secret)) + 1) % 1_000_000:06d}"
        for _ in range(5):
            assert (await second(p, "rita", wrong))[0].status_code == 403
        assert (await sign_in(p, "rita"))[0].status_code == 401  # waits
        p.clock.advance(2 * NS_PER_S)
        assert (await second(p, "rita", code(p, secret)))[0].status_code == 201

    play(scenario)


# -- one's own account ----------------------------------------------------------------------------


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "olga", Role.OPERATOR)
        _, other = await sign_in(p, "olga")
        for body in ({"new": PASSWORD + "!"}, {"old": "wrong", "new": PASSWORD + "!"}):
            assert (await browser.put(f"{API}/me/password", json=body)).status_code == 403
        weak = await browser.put(f"{API}/me/password", json={"old": PASSWORD, "new": "short"})
        assert weak.status_code == 422
        body = {"old": PASSWORD, "new": PASSWORD + "!"}
        assert (await browser.put(f"{API}/me/password", json=body)).status_code == 204
        assert (await browser.get(ME)).status_code == 200
        assert (await other.get(ME)).status_code == 401
        assert (await sign_in(p, "olga"))[0].status_code == 401
        assert (await sign_in(p, "olga", PASSWORD + "!"))[0].status_code == 201

    play(scenario)


def test_factors_are_changed_only_by_whoever_showed_one(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "ada", Role.OPERATOR)
        secret, _ = await enrol(p, browser)
        p.clock.advance(6 * MINUTE)
        for method, path in (
            ("POST", "/me/totp/start"), ("DELETE", "/me/totp"), ("POST", "/me/recovery-codes"),
        ):  # fmt: skip
            answer = await browser.request(method, API + path)
            assert (answer.status_code, answer.json()["code"]) == (403, "STEP_UP_REQUIRED"), path
        answer = await browser.put(f"{API}/me/password", json={"old": PASSWORD, "new": "x" * 20})
        assert answer.status_code == 403
        await step_up(browser, "totp", code(p, secret))
        fresh = (await browser.post(f"{API}/me/recovery-codes")).json()["recovery_codes"]
        assert len(fresh) == 10
        assert (await browser.delete(f"{API}/me/totp")).status_code == 204
        me = (await browser.get(f"{API}/me")).json()
        assert (me["has_totp"], me["recovery_codes_left"]) == (False, 10)

    play(scenario)


def test_a_wrong_code_enrols_nothing(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "ada", Role.ADMIN)
        offer = (await browser.post(f"{API}/me/totp/start")).json()
        wrong = f"{(int(code(p, offer['secret'])) + 1) % 1_000_000:06d}"
        body = {"challenge": offer["challenge"], "code": wrong}
        assert (await browser.post(f"{API}/me/totp/finish", json=body)).status_code == 422
        other = await person(p, "rita", Role.RISK)
        body["code"] = code(p, offer["secret"])
        assert (await other.post(f"{API}/me/totp/finish", json=body)).status_code == 401
        assert (await browser.get(f"{API}/me")).json()["has_totp"] is False
        assert (await browser.post(f"{API}/me/totp/finish", json=body)).status_code == 200

    play(scenario)


def test_own_sessions_are_listed_and_ended(play: Play):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "olga", Role.OPERATOR)
        stranger = await person(p, "rita", Role.RISK)
        others = [(await sign_in(p, "olga"))[1] for _ in range(3)]
        items = (await browser.get(f"{API}/me/sessions")).json()["items"]
        assert [(i["method"], i["current"]) for i in items].count(("password", False)) == 3
        assert [i["current"] for i in items].count(True) == 1
        theirs = (await stranger.get(f"{API}/me/sessions")).json()["items"][0]["id"]
        assert (await browser.delete(f"{API}/me/sessions/{theirs}")).status_code == 404
        assert (await stranger.get(ME)).status_code == 200
        mine = (await others[0].get(ME)).json()["id"]
        assert (await browser.delete(f"{API}/me/sessions/{mine}")).status_code == 204
        assert (await others[0].get(ME)).status_code == 401
        assert (await others[1].get(ME)).status_code == 200
        assert (await browser.delete(f"{API}/me/sessions")).status_code == 204
        assert [(await o.get(ME)).status_code for o in others] == [401] * 3
        assert (await browser.get(ME)).status_code == 200

    play(scenario)


def test_inv_14_no_secret_of_a_person_is_in_the_database(play: Play, tmp_path: Path):
    async def scenario(p: Plane) -> None:
        browser = await person(p, "ada", Role.ADMIN)
        secret, codes = await enrol(p, browser)
        asked = (await sign_in(p, "ada"))[0].json()["challenge"]
        dump = b"".join(f.read_bytes() for f in (tmp_path / "h" / "store").iterdir())
        for text in (PASSWORD, secret, asked, *codes, *(c.replace("-", "") for c in codes)):
            assert text.encode() not in dump

    play(scenario)
