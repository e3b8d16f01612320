"""The guard's decisions, one by one. Names bear the ids of the cases they show."""

from __future__ import annotations

import pytest

from tests.guard.kit import RUNNER, Play, answer, of
from tradedeck.closing.types import Cancels, KillStep
from tradedeck.guard import types as t

OTHER = t.Process(101, 9)
PROOF = {"reads": [[1, 1], [2, 2], [3, 3]]}


def proved(name: str = "kill_a", *, flat: bool = True) -> t.Proved:
    return t.Proved(name, "main", flat=flat, proof=PROOF)


def test_inv_6_a_kill_is_latched_told_owned_checked_and_done() -> None:
    play = Play()
    play.hello()
    outputs = play.kill()
    kinds = [type(output).__name__ for output in outputs]
    assert kinds.index("Entry") < kinds.index("Tell")
    assert play.told[-1]["op"] == "kill"
    assert play.rows["halts"]["all"]["level"] == "halted"
    assert answer(outputs)["state"] == "open"
    assert not of(play.pass_s(0.2), t.Fence)
    play.do(t.Owned("kill_a", ("main",)))
    assert not of(play.pass_s(0.9), t.Fence)
    play.do(t.Stepped("kill_a", "main", "runner", "cancel all", {}))
    play.do(t.Stepped("kill_a", "main", "runner", "cancelled", {}))
    assert not of(play.pass_s(0.9), t.Fence)
    [check] = of(play.do(t.Closed("kill_a", "main")), t.Check)
    assert (check.account, check.instruments) == ("main", None)
    assert play.core.kills["kill_a"].open  # the runner's word is not the proof
    play.do(proved())
    assert play.kinds()[-2:] == ["kill.account_flat", "kill.done"]
    done = play.entries[-1][1]
    assert done["totals"] == {"accounts": 1, "steps": 2}
    assert set(done["ms"]) == {"to_last_cancel_sent", "to_cancelled", "to_flat"}
    assert "halt.cleared" not in play.kinds()


def test_inv_6_the_same_kill_twice_is_one() -> None:
    play = Play()
    play.hello()
    play.kill()
    before = len(play.entries)
    assert answer(play.kill())["id"] == "kill_a"
    assert len(play.entries) == before
    play.restart()
    assert answer(play.kill())["state"] == "open"
    assert len(play.entries) == before


def test_inv_9_a_runner_that_does_not_own_in_time_is_fenced_then_replaced() -> None:
    play = Play()
    play.hello()
    play.kill()
    outputs = play.pass_s(0.3)
    [fence] = of(outputs, t.Fence)
    assert fence.process == RUNNER
    assert not of(outputs, t.Take), "nothing is sent while the runner might"
    assert not of(play.do(t.Fenced(ended=False, detail="stuck")), t.Take)
    assert ("alarm", "FENCE_FAILED") in [(k, b.get("code")) for k, b in play.entries]
    assert of(play.pass_s(1.2), t.Fence), "it is tried again"
    [take] = of(play.do(t.Fenced(ended=True, detail="")), t.Take)
    assert (take.account, take.cancels) == ("main", Cancels.ALL)
    play.do(t.Took("kill_a", "main", 4))
    play.do(proved())
    assert play.kinds()[-1] == "kill.done"


def test_inv_9_an_owner_that_falls_silent_or_dies_is_replaced_in_the_middle() -> None:
    play = Play()
    play.hello()
    play.kill()
    play.do(t.Owned("kill_a", ("main",)))
    play.do(t.Beat(("kill_a", "kill_unknown")))
    assert not of(play.pass_s(0.9), t.Fence)
    assert of(play.pass_s(0.2), t.Fence)
    play = Play()
    play.hello()
    play.kill()
    play.do(t.Owned("kill_a", ("main",)))
    assert not of(play.do(t.Exited(OTHER)), t.Take)
    assert of(play.do(t.Exited(RUNNER)), t.Take)
    assert not of(play.do(t.Exited(RUNNER)), t.Take)


def test_inv_6_a_runner_that_is_not_connected_is_fenced_at_once_a_dead_one_replaced() -> None:
    play = Play()
    play.hello()
    play.do(t.Gone())
    assert of(play.kill(), t.Fence)
    play = Play()
    assert of(play.kill(), t.Take)


def test_inv_6_what_the_runner_no_longer_trades_the_guard_closes() -> None:
    play = Play()
    play.hello()
    play.kill(cells={"main": None, "old": frozenset({"AAA"})})
    [take] = of(play.do(t.Owned("kill_a", ("main",))), t.Take)
    assert (take.account, take.instruments) == ("old", frozenset({"AAA"}))


def test_inv_6_a_close_that_the_broker_does_not_show_is_taken_over() -> None:
    play = Play()
    play.hello()
    play.kill()
    play.do(t.Owned("kill_a", ("main",)))
    play.do(t.Closed("kill_a", "main"))
    assert not of(play.do(t.Closed("kill_a", "main")), t.Check)
    assert of(play.do(proved(flat=False)), t.Fence)
    assert of(play.do(t.Fenced(ended=True, detail="")), t.Take)
    play = Play()
    play.hello()
    play.kill()
    play.do(t.Owned("kill_a", ("main",)))
    play.do(t.Closed("kill_a", "main"))
    play.do(t.Exited(RUNNER))
    assert of(play.do(proved(flat=False)), t.Take)


def test_words_of_a_kill_or_account_nobody_knows_change_nothing() -> None:
    play = Play()
    play.hello()
    play.kill()
    play.do(t.Owned("kill_a", ("main",)))
    before = len(play.entries)
    for what in (
        t.Owned("kill_b", ("main",)),
        t.Stepped("kill_b", "main", "runner", "cancel", {}),
        t.Stepped("kill_a", "other", "runner", "cancel", {}),
        t.Closed("kill_b", "main"),
        t.Closed("kill_a", "other"),
        proved("kill_b"),
        proved(),  # the runner still has it
        t.Ended("kill_b", "main"),
        t.Lifted("all"),
        t.RunnerHalted({"scope": "all", "level": "pause", "reason": "", "by": ""}),
    ):
        assert play.do(what) == []
    assert len(play.entries) == before


@pytest.mark.parametrize("step", [KillStep.PAUSE, KillStep.REDUCE_ONLY])
def test_inv_6_a_pause_is_done_when_the_runner_has_it(step: KillStep) -> None:
    play = Play()
    play.hello()
    play.kill(step=step)
    assert play.rows["halts"]["all"]["level"] == step.value
    assert not of(play.pass_s(0.9), t.Fence)
    play.do(t.Owned("kill_a", ()))
    assert play.kinds()[-1] == "kill.done"
    assert "to_flat" not in play.entries[-1][1]["ms"]
    play.do(t.Owned("kill_a", ()))
    assert play.kinds().count("kill.done") == 1
    play = Play()
    play.hello()
    play.kill(step=step)
    assert of(play.pass_s(1.2), t.Fence)
    play.do(t.Fenced(ended=True, detail=""))
    assert play.kinds()[-1] == "kill.done"
    play = Play()
    play.kill(step=step)
    assert play.kinds()[-1] == "kill.done"


def test_a_home_where_nothing_is_armed_latches_and_closes_nothing() -> None:
    play = Play(armed=False)
    play.hello()
    play.kill()
    play.do(t.Owned("kill_a", ("main",)))
    assert play.kinds()[-1] == "kill.done"
    assert play.rows["halts"]["all"]["level"] == "halted"
    play.pass_s(2, beat=True)
    outputs = play.pass_s(65)
    assert not of(outputs, t.Fence)
    assert [b["code"] for k, b in play.entries if k == "alarm"] == ["RUNNER_SILENT"]


# -- restarts -----------------------------------------------------------------------------------


def test_inv_6_a_restarted_guard_takes_up_what_was_its_own() -> None:
    play = Play()
    play.kill()
    [take] = of(play.restart(), t.Take)
    assert (take.kill.id, take.account) == ("kill_a", "main")
    play.do(proved())
    assert not play.core.kills["kill_a"].open
    assert of(play.restart(), t.Take), "it is watched on"
    play.do(t.Ended("kill_a", "main"))
    assert "sent/kill_a/main" not in play.rows
    assert play.restart() == []


def test_inv_6_a_restarted_guard_gives_the_owner_a_second_to_be_heard() -> None:
    play = Play()
    play.hello()
    play.kill()
    play.restart()
    assert not of(play.pass_s(0.9), t.Fence)
    play.hello()
    assert play.told[-1]["kills"][0]["id"] == "kill_a"
    play.do(t.Owned("kill_a", ("main",)))
    play.restart()
    assert of(play.pass_s(2.0), t.Fence)
    play.do(t.Closed("kill_a", "main"))
    play.do(t.Gone())


def test_a_check_is_made_again_after_a_restart() -> None:
    play = Play()
    play.hello()
    play.kill()
    play.do(t.Closed("kill_a", "main"))
    assert of(play.restart(), t.Check)


def test_inv_7_a_runner_reads_the_latch_first_and_what_it_holds_is_kept() -> None:
    play = Play()
    row = {"scope": "trader/x", "level": "pause", "reason": "limit", "by": "limit", "at_ns": 1}
    play.hello(halts={"trader/x": row})
    assert play.told[-1]["op"] == "latch"
    assert set(play.rows["halts"]) == {"trader/x"}
    play.do(t.RunnerHalted(row | {"scope": "account/main", "level": "halted"}))
    play.restart()
    assert set(play.core.latch.halts) == {"trader/x", "account/main"}


def test_a_runner_after_another_means_that_the_other_is_over() -> None:
    play = Play()
    play.hello()
    play.kill()
    play.do(t.Owned("kill_a", ("main",)))
    assert of(play.hello(OTHER), t.Take)
    assert play.core.watch.process == OTHER
    play.do(t.Gone())
    assert play.do(t.Gone()) == []


def test_old_kills_are_forgotten_but_not_those_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradedeck.guard.core.DONE_KEPT_MAX", 2)
    play = Play()
    play.kill("kill_open")
    for n in range(5):
        play.kill(f"kill_{n}", scope="trader/x", step=KillStep.PAUSE)
    assert set(play.core.kills) == {"kill_open", "kill_3", "kill_4"}
    assert {name for name in play.rows if name.startswith("kill/")} == {
        "kill/kill_open", "kill/kill_3", "kill/kill_4",
    }  # fmt: skip


def test_a_fence_of_nobody_takes_over() -> None:
    play = Play()
    play.hello()
    play.kill()
    play.pass_s(0.3)
    play.do(t.Exited(RUNNER))
    assert play.do(t.Fenced(ended=True, detail=""))[0].body["state"] == "fenced"
    play.restart()
    status = play.core.status(play.now)
    assert status["kills"][0]["legs"]["main"]["by"] == "guard"
    assert status["runner"]["connected"] is False


# -- silence ------------------------------------------------------------------------------------


def test_ctl_14_silence_cancels_what_could_open_then_flattens() -> None:
    play = Play()
    play.hello()
    play.pass_s(3, beat=True)
    assert not of(play.pass_s(9.9), t.Fence)
    outputs = play.pass_s(0.3)
    assert of(outputs, t.Fence)
    assert not of(outputs, t.Take), "it is fenced first"
    assert play.rows["halts"]["account/main"]["level"] == "pause"
    [take] = of(play.do(t.Fenced(ended=True, detail="")), t.Take)
    assert take.cancels is Cancels.OPENERS
    assert not take.kill.flatten
    outputs = play.pass_s(50)
    [take] = of(outputs, t.Take)
    assert (take.cancels, take.kill.flatten) == (Cancels.ALL, True)
    assert play.rows["halts"]["account/main"]["level"] == "halted"
    assert not of(play.pass_s(200), t.Take), "once each"


@pytest.mark.parametrize(
    ("policy", "levels"), [("none", []), ("cancel", ["pause"]), ("cancel_and_flatten", ["halted"])]
)
def test_ctl_14_silence_does_what_the_policy_says(policy: str, levels: list[str]) -> None:
    play = Play()
    play.hello(on_silence=policy, cancel_after_s=2, flatten_after_s=4)
    play.pass_s(2, beat=True)
    play.pass_s(10)
    assert [row["level"] for row in play.core.latch.halts.values()] == levels


def test_ctl_14_an_ordinary_restart_triggers_nothing() -> None:
    play = Play()
    play.hello()
    play.pass_s(5, beat=True)
    play.do(t.Bye(whole=False))
    play.do(t.Gone())
    play.do(t.Exited(RUNNER))
    play.pass_s(7)
    play.hello(OTHER)
    play.pass_s(60, beat=True)
    assert "alarm" not in play.kinds()
    assert play.core.latch.halts == {}


def test_ctl_14_a_crash_loop_is_silence() -> None:
    play = Play()
    play.hello()
    play.pass_s(3, beat=True)
    for n in range(12):  # a second each: beats, and dies before it is steady
        play.do(t.Exited(play.core.watch.process or RUNNER))
        play.hello(t.Process(200 + n, n))
        play.pass_s(0.9, beat=True)
    assert play.rows["halts"]["account/main"]["level"] == "pause"


def test_ctl_14_a_gap_in_the_beats_is_not_steady() -> None:
    play = Play()
    play.hello()
    play.pass_s(3, beat=True)
    for _ in range(8):
        play.pass_s(1.3)
        play.do(t.Beat())
    assert play.rows["halts"]["account/main"]["level"] == "pause"


def test_ctl_14_the_time_in_which_the_guard_did_not_run_is_nobodys_silence() -> None:
    play = Play()
    play.hello()
    play.pass_s(3, beat=True)
    play.jump_s(3_600)
    assert not of(play.pass_s(5), t.Fence)
    assert of(play.pass_s(6), t.Fence)


def test_ctl_14_a_runner_that_works_again_is_told_of_and_may_fall_silent_again() -> None:
    play = Play()
    play.hello()
    play.pass_s(3, beat=True)
    play.pass_s(11)
    play.do(t.Fenced(ended=True, detail=""))
    play.hello(OTHER)
    play.pass_s(2, beat=True)
    assert ("guard.runner", {"state": "working"}) in play.entries
    assert play.core.latch.halts, "a halt never clears itself"
    before = play.kinds().count("alarm")
    play.pass_s(11)
    assert play.kinds().count("alarm") == before + 1


def test_ctl_14_a_guard_that_comes_back_counts_from_then_and_nobody_is_missed_after_goodbye() -> (
    None
):
    play = Play()
    play.hello()
    play.pass_s(3, beat=True)
    play.restart()
    assert not of(play.pass_s(9.8), t.Fence)
    assert of(play.pass_s(0.4), t.Fence)
    for whole in (True, False):
        play = Play()
        play.hello()
        play.do(t.Bye(whole=whole))
        play.do(t.Stopping())
        play.restart()
        assert not of(play.pass_s(120), t.Take)
    play = Play()
    play.hello()
    play.do(t.Stopping())  # the guard alone is restarted
    play.restart()
    assert of(play.pass_s(11), t.Fence)


def test_a_guard_that_never_met_a_runner_misses_none() -> None:
    play = Play()
    play.pass_s(120)
    assert play.entries == []


def test_a_new_plan_brings_its_policies() -> None:
    play = Play()
    play.hello()
    assert play.do(t.Accounts({"main": t.Policy()})) == []
    play.do(t.Accounts({"main": t.Policy("none"), "two": t.Policy("cancel", 1, 1)}))
    play.pass_s(5)
    assert set(play.core.latch.halts) == {"account/two"}
    assert play.rows["runner"]["accounts"]["two"]["on_silence"] == "cancel"


def test_ctl_17_forgeries_are_counted_one_alarm_a_second() -> None:
    play = Play()
    for _ in range(50):
        play.do(t.Ignored("BAD_SIGNATURE", "no"))
    play.jump_s(1.1)
    play.do(t.Ignored("BAD_SIGNATURE", "no"))
    details = [body["detail"] for kind, body in play.entries if kind == "alarm"]
    assert details == ["BAD_SIGNATURE: no", "BAD_SIGNATURE: no (50 since the last alarm)"]


def test_ctl_14_each_beat_is_answered_by_its_number() -> None:
    play = Play()
    play.hello()
    for n in (1, 2, 7):
        told = of(play.do(t.Beat(n=n)), t.Tell)
        assert [tell.frame for tell in told] == [{"op": "heard", "n": n}]


def test_ctl_14_the_timer_is_renewed_for_the_policys_time_and_not_while_a_cancel_is_owed() -> None:
    play = Play()
    play.hello(dead_man=True)
    assert play.core.timers() == {"main": 10.0}
    play.pass_s(3, beat=True)
    play.pass_s(11)
    kill = play.ids
    assert play.core.timers() == {"main": None}
    play.do(t.Fenced(ended=True, detail=""))
    play.do(t.Proved(f"kill_own{kill}", "main", flat=True, proof={}))
    assert play.core.timers() == {"main": 10.0}
    play.restart()
    assert play.core.timers() == {"main": 10.0}


def test_no_timer_where_nobody_is_missed() -> None:
    for told, policy in ((False, {"on_silence": "none"}), (True, {"on_silence": "cancel"})):
        play = Play()
        play.hello(dead_man=True, **policy)
        if told:
            assert play.core.timers() == {"main": 10.0}
            play.do(t.Bye(whole=True))
        assert play.core.timers() == {}
    play = Play()
    play.hello()
    assert play.core.timers() == {}
