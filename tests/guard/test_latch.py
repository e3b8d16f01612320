"""Halts and their lifting: the code of the host, the wait, and who may not. Names bear the ids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.authority.signing import HOUR, act, person
from tests.guard.kit import RUNNER, Play, answer, of
from tradedeck.authority import approval
from tradedeck.authority.people import Trusted
from tradedeck.closing.types import KillStep
from tradedeck.guard import types as t
from tradedeck.kernel.signing import SigningKey


def halted(*, connected: bool = True) -> Play:
    play = Play()
    if connected:
        play.hello()
    play.kill(step=KillStep.PAUSE)
    if connected:
        play.do(t.Owned("kill_a", ()))
    return play


def code(play: Play, text: str = "12345678") -> None:
    assert answer(play.do(t.CodeAsked(text))) == {"ok": True, "code": text, "expires_s": 300}


def test_ctl_18_no_lift_without_the_hosts_code() -> None:
    play = halted()
    for given in ("", "12345678"):
        told = play.lift(code=given)
        assert (told["ok"], told["code"]) == (False, "STEP_UP_REQUIRED")
    play.pass_s(120, beat=True)
    assert "all" in play.core.latch.halts
    assert play.kinds().count("halt.lift_refused") == 2
    assert "halt.cleared" not in play.kinds()


def test_ctl_18_five_wrong_codes_void_it() -> None:
    play = halted()
    code(play)
    codes = [play.lift(code=f"{n:08d}")["code"] for n in range(5)]
    assert codes == ["STEP_UP_REQUIRED"] * 4 + ["TOO_MANY"]
    assert play.lift(code="12345678")["code"] == "STEP_UP_REQUIRED", "the right one comes too late"
    play.pass_s(120, beat=True)
    assert "all" in play.core.latch.halts
    code(play, "87654321")
    assert play.lift(code="87654321")["ok"]


def test_ctl_18_a_code_is_for_one_lift_and_five_minutes() -> None:
    play = halted()
    code(play)
    play.pass_s(301, beat=True, tick_s=0.5)
    assert play.lift(code="12345678")["code"] == "STEP_UP_REQUIRED"
    code(play)
    assert play.lift(code="12345678")["ok"]
    play.kill("kill_b", scope="account/main", step=KillStep.PAUSE)
    play.do(t.Owned("kill_b", ()))
    told = play.lift("account/main", code="12345678", name="lift_2")
    assert told["code"] == "STEP_UP_REQUIRED"


def test_ctl_18_codes_do_not_survive_a_restart() -> None:
    play = halted()
    code(play)
    play.restart()
    assert play.lift(code="12345678")["code"] == "STEP_UP_REQUIRED"


def test_inv_7_a_lift_waits_and_only_then_the_runner_is_told() -> None:
    play = halted()
    told = play.lift(local=True)
    assert (told["ok"], told["wait_s"]) == (True, 60.0)
    play.pass_s(59.9, beat=True)
    assert "all" in play.core.latch.halts
    play.pass_s(0.2, beat=True)
    assert play.core.latch.halts == {}
    assert play.rows["halts"] == {}
    assert play.told[-1]["op"] == "lift"
    assert play.rows["lifts-to-deliver"]
    play.do(t.Lifted("all"))
    assert play.rows["lifts-to-deliver"] == {}


def test_inv_7_a_lift_that_the_runner_did_not_hear_is_told_when_it_comes() -> None:
    play = halted()
    kept = dict(play.core.latch.halts)
    play.lift(local=True)
    play.do(t.Exited(RUNNER))
    play.pass_s(8, beat=False)
    play.core.watch.expected = False  # its silence is another case
    play.pass_s(60)
    play.restart()
    play.hello(halts=kept)
    assert play.told[-1]["halts"] == {}
    assert [lift["scope"] for lift in play.told[-1]["lifts"]] == ["all"]
    newer = kept["all"] | {"at_ns": play.wall + 1, "reason": "again"}
    play.hello(halts={"all": newer})
    assert play.told[-1]["halts"]["all"]["reason"] == "again"
    assert play.told[-1]["lifts"] == []


def test_a_waiting_lift_can_be_taken_back_and_waits_anew_after_a_restart() -> None:
    play = halted()
    play.lift(local=True)
    play.pass_s(50, beat=True)
    play.restart()
    play.hello()
    play.pass_s(55, beat=True)
    assert "all" in play.core.latch.halts
    assert answer(play.do(t.LiftCancelled("lift_1", "me")))["ok"]
    assert answer(play.do(t.LiftCancelled("lift_1", "me")))["code"] == "NOT_FOUND"
    play.pass_s(120, beat=True)
    assert "all" in play.core.latch.halts
    assert "halt.lift_cancelled" in play.kinds()


def test_inv_7_halted_again_takes_a_waiting_lift_back() -> None:
    play = halted()
    play.lift(local=True)
    play.kill("kill_b", step=KillStep.FLATTEN)
    assert play.core.latch.waiting == []
    play.pass_s(120, beat=True)
    assert play.core.latch.halts["all"]["level"] == "halted"


@pytest.mark.parametrize(
    ("scope", "reason", "expected"), [("trader/x", "calm", "NOT_FOUND"), ("all", "  ", "INVALID")]
)
def test_a_lift_needs_a_halt_and_a_reason(scope: str, reason: str, expected: str) -> None:
    play = halted()
    assert play.lift(scope, reason=reason, local=True)["code"] == expected


def test_inv_7_nothing_is_lifted_while_its_kill_is_not_done() -> None:
    play = Play()
    play.hello()
    play.kill()
    assert play.lift(local=True)["code"] == "CONFLICT"


def test_one_lift_of_a_scope_waits_and_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    play = halted()
    assert play.lift(local=True)["ok"]
    assert play.lift(local=True, name="lift_2")["code"] == "CONFLICT"
    monkeypatch.setattr("tradedeck.guard.latch.LIFTS_WAITING_MAX", 1)
    play.kill("kill_b", scope="trader/x", step=KillStep.PAUSE)
    play.do(t.Owned("kill_b", ()))
    assert play.lift("trader/x", local=True, name="lift_3")["code"] == "TOO_MANY"


def test_inv_7_a_lower_level_never_replaces_a_higher() -> None:
    play = halted()
    play.kill("kill_b", step=KillStep.REDUCE_ONLY)
    play.do(t.Owned("kill_b", ()))
    play.kill("kill_c", step=KillStep.PAUSE)
    assert play.core.latch.halts["all"]["level"] == "reduce_only"
    assert play.core.latch.halts["all"]["kill"] == "kill_b"
    assert of(play.do(t.Tick()), t.Entry) == []


# -- two people ------------------------------------------------------------------------------------

ANN, BOB = SigningKey.generate(), SigningKey.generate()
PEOPLE = {"ann": person("ann", ANN), "bob": person("bob", BOB)}


def approved(play: Play, *who: tuple[str, SigningKey], **change: Any) -> t.Word:
    """The lift of `all` as it is asked for in `Play.lift`, signed by those."""
    at = play.core.latch.halts["all"]["at_ns"]
    fields = {"reason": "calm", "subject": at, "issued_at_ns": play.wall} | change
    what = act(expires_at_ns=play.wall + HOUR, **fields)
    signers = who or (("ann", ANN), ("bob", BOB))
    signed = tuple(approval.sign(key, name, what) for name, key in signers)
    return t.Word(Trusted(PEOPLE), what, signed)


def test_ctl_18_a_host_that_names_two_lifts_on_their_word_and_on_no_code() -> None:
    play = halted()
    code(play)
    bare = t.Word(Trusted(PEOPLE))
    assert play.lift(code="12345678", word=bare)["code"] == "APPROVAL_REQUIRED"
    assert play.lift(word=approved(play, ("ann", ANN)))["code"] == "APPROVAL_REQUIRED"
    told = play.lift(word=approved(play))
    assert (told["ok"], told["by"]) == (True, "ann, bob")
    play.pass_s(61, beat=True)
    assert "all" not in play.core.latch.halts
    (waiting,) = [body for kind, body in play.entries if kind == "halt.lift_waiting"]
    assert [each["person"] for each in waiting["approval"]["signatures"]] == ["ann", "bob"]


def test_ctl_18_a_list_that_cannot_be_gone_by_is_not_an_empty_one() -> None:
    play = halted()
    code(play)
    broken = t.Word(Trusted({}, "people.yaml is no YAML"))
    told = play.lift(code="12345678", word=broken)
    assert (told["code"], "no YAML" in told["detail"]) == ("REFUSED", True)
    asked = t.LiftAsked("lift_1", "all", "calm", "me", local=False, code="12345678")
    assert answer(play.do(asked))["code"] == "REFUSED"
    assert play.lift(local=True)["ok"], "a person on the host still may"


def test_ctl_18_one_who_may_is_no_two() -> None:
    play = halted()
    code(play)
    one = t.Word(Trusted({"ann": PEOPLE["ann"]}))
    assert play.lift(code="12345678", word=one)["ok"]


def test_ctl_2_an_approval_is_used_once_also_after_a_restart() -> None:
    play = halted()
    word = approved(play)
    assert play.lift(word=word)["ok"]
    play.do(t.LiftCancelled("lift_1", "me"))
    assert play.lift(word=word, name="lift_2")["code"] == "REPLAYED"
    play.restart()
    assert play.lift(word=word, name="lift_3")["code"] == "REPLAYED"
    assert "all" in play.core.latch.halts


def test_ctl_2_a_refused_lift_spends_nothing() -> None:
    play = Play()
    play.kill()  # its closing is not done: too early
    word = approved(play)
    assert play.lift(word=word)["code"] == "CONFLICT"
    play.do(t.Proved("kill_a", "main", flat=True, proof={"reads": []}))
    assert play.lift(word=word)["ok"]


def test_ctl_2_another_lift_than_was_approved_is_refused() -> None:
    play = halted()
    assert play.lift(word=approved(play), reason="other")["code"] == "MISADDRESSED"
    assert play.lift("trader/x", word=approved(play))["code"] == "MISADDRESSED"
    assert play.lift(word=approved(play, host="guard.else"))["code"] == "MISADDRESSED"
    assert play.lift(word=approved(play, subject=1))["code"] == "STALE_VERSION"


def test_ctl_2_halted_anew_is_another_halt() -> None:
    play = halted()
    word = approved(play)
    play.wall += 1
    play.kill("kill_b")  # stricter, and later
    assert play.lift(word=word)["code"] == "STALE_VERSION"
