"""The guard as a process among processes: every way a kill can be made hard. Names bear the ids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.authority.signing import HOUR, act
from tests.guard.harness import ROOT, deck, fills, shown
from tests.program import PROGRAM
from tests.runner.harness import check_chain, raw_entries, until
from tradedeck.authority.approval import Act, sign
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.signing import SigningKey

pytestmark = pytest.mark.processes
ORDERS = ("rest", "stop")
FLAT: tuple[dict[str, str], list[str]] = ({}, [])


def test_inv_6_the_runner_owns_and_the_guard_looks_for_itself(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("owns")
        assert shown(d.exchange)[0] == {"AAA": "10", "BBB": "10"}
        kill = d.guard("kill", scope="all", reason="test")
        d.done(kill["id"])
        assert shown(d.exchange) == FLAT
        owners = [entry.body["by"] for entry in d.facts("kill.owned")]
        assert owners == ["runner"]
        proof = d.facts("kill.account_flat")[0].body["proof"]
        assert len(proof["reads"]) == 3
        check_chain(d.log)


def test_inv_6_a_runner_that_does_not_answer_is_fenced(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        peer = d.peer("mute")
        kill = d.guard("kill", scope="all", reason="test")
        d.done(kill["id"])
        assert peer.wait(60) == -signal.SIGKILL
        assert shown(d.exchange) == FLAT
        assert [entry.body["by"] for entry in d.facts("kill.owned")] == ["guard"]
        assert fills(d.exchange, "AAA") == ["10", "-10"]


def test_inv_6_a_stopped_runner_is_ended_not_trusted(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        peer = d.peer("owns")
        peer.send_signal(signal.SIGSTOP)
        kill = d.guard("kill", scope="all", reason="test")
        d.done(kill["id"])
        assert peer.wait(60) == -signal.SIGKILL
        assert shown(d.exchange) == FLAT
        assert d.facts("guard.runner", where=lambda b: b["state"] == "fenced")


def test_inv_6_a_runner_killed_in_the_middle_is_replaced(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("claims")  # owns, cancels nothing, stands still
        kill = d.guard("kill", scope="all", reason="test")
        d.fact("kill.owned")
        d.kill("peer")
        d.done(kill["id"])
        assert shown(d.exchange) == FLAT
        assert {entry.body["by"] for entry in d.facts("kill.owned")} == {"runner", "guard"}


def test_inv_6_a_runner_that_says_flat_and_is_not_is_not_believed(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        peer = d.peer("lies")
        kill = d.guard("kill", scope="all", reason="test")
        d.done(kill["id"])
        assert d.facts("kill.step", where=lambda b: b["words"] == "not flat")
        assert peer.wait(60) == -signal.SIGKILL
        assert shown(d.exchange) == FLAT


def test_inv_7_a_latch_survives_kill_9_of_everything(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("owns")
        d.guard("kill", scope="trader/t-AAA", step="pause", reason="enough")
        until(lambda: d.facts("kill.done"), "the latch in both")
        for name in ("guard", "peer", "exchange", "nats"):
            d.kill(name)
        d.serve()
        halts = d.guard("status")["halts"]
        assert [(row["scope"], row["level"], row["reason"]) for row in halts] == [
            ("trader/t-AAA", "pause", "enough")
        ]
        d.start("exchange")
        d.peer("owns")
        until(lambda: "trader/t-AAA" in d.told("latch")[-1]["halts"], "the latch in the new runner")


def test_inv_6_a_guard_killed_in_the_middle_takes_up_its_own_sends(tmp_path: Path) -> None:
    """The exchange holds every send back, so that the guard dies with closes in flight."""
    symbols = [f"S{n}" for n in range(10)]
    with deck(tmp_path) as d:
        d.peer("mute", symbols=symbols, latency_ms=300)
        kill = d.guard("kill", scope="all", reason="test")
        for _ in range(2):
            until(lambda: d.facts("kill.step", where=lambda b: b["words"] == "close"), "a close")
            d.kill("guard")
            d.serve()
        d.done(kill["id"])
        assert shown(d.exchange) == FLAT
        for symbol in symbols:
            assert fills(d.exchange, symbol) == ["10", "-10"], "closed once, never flipped"
        starts = len(d.facts("guard.started"))
        assert starts == 3
        check_chain(d.log)


def test_inv_6_ctl_7_api_and_messages_dead(tmp_path: Path) -> None:
    """Nothing but the guard and the exchange runs; the host's own command does it."""
    with deck(tmp_path) as d:
        d.peer("mute")
        d.kill("nats")
        d.kill("peer")
        done = d.local("kill", "--reason", "test", "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert (told["state"], set(told["legs"])) == ("done", {"main"})
        assert shown(d.exchange) == FLAT


def test_inv_6_a_kill_on_the_host_starts_a_guard_where_none_answers(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("owns")
        d.kill("guard")
        d.kill("peer")
        try:
            done = d.local("kill", "account/main")
            assert done.returncode == 0, done.stderr
            assert "no guard answers: starting one" in done.stdout
            assert "main: flat, proved by 3 reads" in done.stdout
            assert shown(d.exchange) == FLAT
        finally:
            os.kill(d.facts("guard.started")[-1].body["pid"], signal.SIGTERM)


def test_inv_6_already_halted_is_no_reason_not_to_close(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("owns")
        d.guard("kill", scope="all", step="pause")
        d.guard("kill", scope="account/main", step="reduce_only")
        kill = d.guard("kill", scope="all")
        d.done(kill["id"])
        assert shown(d.exchange) == FLAT
        levels = {row["scope"]: row["level"] for row in d.guard("status")["halts"]}
        assert levels == {"all": "halted", "account/main": "reduce_only"}


def test_inv_6_an_exchange_that_is_away_is_asked_until_it_is_back(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("mute")
        d.kill("exchange")
        kill = d.guard("kill", scope="all")
        d.fact("kill.step", lambda b: "did not answer a read" in b["words"])
        assert not d.facts("kill.done")
        d.start("exchange")
        d.done(kill["id"])
        assert shown(d.exchange) == FLAT


def test_inv_6_each_scope_takes_exactly_its_subset(tmp_path: Path) -> None:
    left = {account: {"AAA", "BBB", "CCC", "DDD"} for account in ("main", "two", "three")}
    with deck(tmp_path) as d:
        d.peer("mute", accounts=list(left), symbols=["AAA", "BBB", "CCC", "DDD"])
        for scope, account, gone in (
            ("instrument/AAA", None, {"AAA"}),
            ("trader/t-BBB", None, {"BBB"}),
            ("account/two", "two", {"CCC", "DDD"}),
            ("strategy/none", None, set[str]()),
            ("strategy/s", None, {"CCC", "DDD"}),
        ):
            d.done(d.guard("kill", scope=scope)["id"])
            for name, symbols in left.items():
                symbols.difference_update(gone if account in (None, name) else ())
                positions, working = shown(d.exchange, name)
                assert set(positions) == symbols, scope
                assert working == sorted(f"{name}-{s}-{w}" for s in symbols for w in ORDERS)
        assert not any(left.values())


def test_inv_6_kills_that_overlap_close_each_position_once(tmp_path: Path) -> None:
    symbols = [f"S{n}" for n in range(6)]
    with deck(tmp_path) as d:
        d.peer("mute", symbols=symbols, latency_ms=100)
        scopes = ["instrument/S0", "instrument/S1", "trader/t-S2", "all", "account/main"]
        kills = [d.guard("kill", scope=scope)["id"] for scope in scopes]
        for kill in kills:
            d.done(kill)
        assert shown(d.exchange) == FLAT
        for symbol in symbols:
            assert fills(d.exchange, symbol) == ["10", "-10"]


def test_without_flatten_positions_and_their_stops_stay(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("mute")
        kill = d.guard("kill", scope="all", flatten=False)
        d.done(kill["id"])
        positions, working = shown(d.exchange)
        assert positions == {"AAA": "10", "BBB": "10"}
        assert working == ["main-AAA-stop", "main-BBB-stop"]
        proof = d.facts("kill.account_flat")[0].body["proof"]
        assert proof["held"] == {"AAA": "10", "BBB": "10"}


SHORT = {"on_silence": "cancel_and_flatten", "cancel_after_s": 3, "flatten_after_s": 8}


def test_ctl_14_a_frozen_runner_is_cancelled_then_flattened(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        peer = d.peer("mute", policy=SHORT)
        until(lambda: d.guard("status")["runner"]["silent_ms"] < 500, "a steady runner")
        peer.send_signal(signal.SIGSTOP)
        first = d.fact("kill.requested", lambda b: b["step"] == "pause")
        assert first.body["origin"] == "silence"
        d.done(first.body["id"])
        assert peer.wait(60) == -signal.SIGKILL
        assert shown(d.exchange) == ({"AAA": "10", "BBB": "10"}, ["main-AAA-stop", "main-BBB-stop"])
        second = d.fact("kill.requested", lambda b: b["step"] == "flatten")
        d.done(second.body["id"])
        assert shown(d.exchange) == FLAT
        silent = d.facts("guard.runner", where=lambda b: b["state"] == "silent")
        assert [entry.body["act"] for entry in silent] == ["cancel", "flatten"]
        assert [row["level"] for row in d.guard("status")["halts"]] == ["halted"]


def test_ctl_14_an_ordinary_restart_of_the_runner_triggers_nothing(tmp_path: Path) -> None:
    policy = {"on_silence": "cancel_and_flatten", "cancel_after_s": 15, "flatten_after_s": 30}
    with deck(tmp_path) as d:
        for _ in range(3):
            d.peer("owns", policy=policy)
            until(lambda: d.guard("status")["runner"]["silent_ms"] < 500, "a steady runner")
            d.kill("peer", signal.SIGTERM)
        d.peer("owns", policy=policy)
        assert d.guard("status")["halts"] == []
        assert not d.facts("kill.requested", "alarm")


def test_inv_9_two_guards_on_one_home_are_refused(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        done = d.local("serve")
        assert done.returncode == 1
        assert "held by another process" in done.stderr
        assert d.answers()


def test_ctl_17_what_is_not_authentic_is_ignored_and_alarmed(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("mute")
        body = {"id": "kill_forged", "scope": "all", "step": "flatten", "by": "mallory"}
        minute = 60 * 10**9
        bad = {
            "BAD_SIGNATURE": d.envelope("kill", body, key=SigningKey.generate()),
            "EXPIRED": d.envelope("kill", body, now_ns=time.time_ns() - 10 * minute),
            "MISADDRESSED": d.envelope("kill", body, target="guard.other"),
            "INVALID": b'{"kind": "kill"}',
        }
        for code, data in bad.items():
            assert d.wire(data)["code"] == code
            with pytest.raises(TradedeckError) as refused:  # the socket brings it no further
                d.guard("wire", envelope=data.decode())
            assert refused.value.code.value == code
        assert d.wire(d.envelope("command", body))["code"] == "MISADDRESSED"
        assert d.wire(d.envelope("lift", {"scope": "all", "by": "m"}, target="local"))["code"] == (
            "MISADDRESSED"
        )
        assert d.wire(d.envelope("kill", {"scope": "moon"}))["code"] == "INVALID"
        assert not d.facts("kill.requested", "halt.set", "halt.lift_waiting")
        assert d.facts("alarm", where=lambda b: b["code"] == "MESSAGE_IGNORED")
        assert shown(d.exchange)[0] == {"AAA": "10", "BBB": "10"}


def test_ctl_17_a_kill_of_the_control_plane_is_done_once_and_a_copy_ignored(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("owns")
        body = {"id": "kill_api", "scope": "instrument/AAA", "step": "flatten", "by": "ann"}
        sealed = d.envelope("kill", body, ttl_s=60)
        assert d.wire(sealed)["ok"]
        d.done("kill_api")
        assert d.wire(sealed)["code"] == "REPLAYED"
        assert d.wire(d.envelope("kill", body))["state"] == "done", "the same decision, asked again"
        d.kill("guard")
        d.serve()
        until(lambda: d.listens("guard"), "the guard on the wire")
        assert d.wire(sealed)["code"] == "REPLAYED"
        assert len(d.facts("kill.requested")) == 1


def test_ctl_18_an_api_that_was_taken_over_lifts_nothing(tmp_path: Path) -> None:
    """It has the real key and knows every word; the code is on the host alone."""
    with deck(tmp_path) as d:
        d.peer("owns")
        d.guard("kill", scope="all", step="pause")
        until(lambda: d.facts("kill.done"), "the latch")
        lift = {"scope": "all", "reason": "trust me", "by": "ann"}
        assert d.wire(d.envelope("lift", lift))["code"] == "STEP_UP_REQUIRED"
        right = d.guard("code")["code"]
        wrong = [f"{(int(right) + n) % 10**8:08d}" for n in range(1, 6)]
        answers = [d.wire(d.envelope("lift", lift | {"code": code}))["code"] for code in wrong]
        assert answers == ["STEP_UP_REQUIRED"] * 4 + ["TOO_MANY"]
        assert d.wire(d.envelope("lift", lift | {"code": right}))["code"] == "STEP_UP_REQUIRED"
        local = d.envelope("lift", lift | {"local": True})
        assert d.wire(local)["code"] == "STEP_UP_REQUIRED"
        assert d.guard("status")["halts"]
        assert not d.facts("halt.cleared")
        given = d.wire(d.envelope("lift", lift | {"code": d.guard("code")["code"]}))
        assert given["ok"], given
        d.fact("halt.cleared")
        until(lambda: d.told("lift"), "the runner's word")


def test_ctl_18_a_host_that_names_two_people_lifts_on_their_word_alone(tmp_path: Path) -> None:
    """The control plane is the attacker's: its key, its database, every message it ever saw."""
    with deck(tmp_path) as d:
        d.peer("owns")
        keys = {name: SigningKey.generate() for name in ("ann", "bob", "eve")}
        for name in ("ann", "bob"):
            key = {"kind": "ed25519", "public": keys[name].verify_key().raw.hex()}
            d.guard("people_trust", name=name, role="risk", key=key, by="host:root")
        assert d.guard("people")["demands_two"]
        d.guard("kill", scope="all", step="pause")
        until(lambda: d.facts("kill.done"), "the latch")
        (halt,) = d.guard("status")["halts"]
        now = time.time_ns()
        what = act(subject=halt["at_ns"], issued_at_ns=now, expires_at_ns=now + HOUR)
        lift = {"scope": "all", "reason": what.reason, "by": "ann, bob", "local": True}

        def asked(*who: str, of: Act = what, **more: object) -> dict[str, object]:
            signed = [sign(keys[who_], who_, of).body() for who_ in who]
            approval = {"act": of.body(), "signatures": signed} | more
            return d.wire(d.envelope("lift", lift | {"approval": approval}))

        code = d.guard("code")["code"]
        assert d.wire(d.envelope("lift", lift | {"code": code}))["code"] == "APPROVAL_REQUIRED"
        assert asked("ann")["code"] == "APPROVAL_REQUIRED"
        assert asked("ann", "ann")["code"] == "APPROVAL_REQUIRED"
        assert asked("ann", "eve")["code"] == "BAD_SIGNATURE"
        forged = [sign(d.api.key, name, what).body() for name in ("ann", "bob")]
        assert asked(signatures=forged)["code"] == "BAD_SIGNATURE"
        words = [sign(keys[name], name, what).body() for name in ("ann", "bob")]
        other = replace(what, expires_at_ns=what.expires_at_ns + 1)
        assert asked(of=other, signatures=words)["code"] == "BAD_SIGNATURE"
        old = replace(what, issued_at_ns=now - 2 * HOUR, expires_at_ns=now - HOUR)
        assert asked("ann", "bob", of=old)["code"] == "EXPIRED"
        for wrong in ({}, {"act": None}, {"act": what.body(), "signatures": 7}, "x", None):
            assert not d.wire(d.envelope("lift", lift | {"approval": wrong}))["ok"]
        for kind in ("people_trust", "people_distrust", "code"):  # not over the wire
            assert not d.wire(d.envelope(kind, {"name": "bob"}))["ok"]
        assert not d.facts("halt.lift_waiting", "halt.cleared")
        assert d.guard("people")["demands_two"]

        told = asked("ann", "bob")
        assert (told["ok"], told["by"]) == (True, "ann, bob")
        d.fact("halt.cleared")
        d.guard("kill", scope="all", step="pause", at_ns=halt["at_ns"])
        assert asked("ann", "bob")["code"] == "REPLAYED"
        d.kill("guard")
        d.serve()
        until(lambda: d.listens("guard"), "the guard on the wire")
        assert asked("ann", "bob")["code"] == "REPLAYED"
        assert len(d.facts("halt.cleared")) == 1
        (d.home / "people.yaml").write_text("people: [")  # torn by hand: not an empty list
        code = d.guard("code")["code"]
        assert d.wire(d.envelope("lift", lift | {"code": code}))["code"] == "REFUSED"
        assert [fact.body["code"] for fact in d.facts("alarm")].count("PEOPLE_CHANGED") == 2


def test_a_person_on_the_host_lifts_with_reason_and_waiting_time(tmp_path: Path) -> None:
    with deck(tmp_path, env={"TRADEDECK_LIFT_WAIT_S": "5"}) as d:
        d.peer("owns")
        d.guard("kill", scope="all", step="pause")
        until(lambda: d.facts("kill.done"), "the latch")
        assert d.local("lift", "all").returncode == 2, "a reason is asked for"
        waits = d.local("lift", "all", "--reason", "calm", "--no-wait", "--json")
        name = json.loads(waits.stdout)["id"]
        assert d.local("cancel-lift", name).returncode == 0
        assert d.facts("halt.lift_cancelled")
        done = d.local("lift", "all", "--reason", "calm")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "lifted"
        waited = d.facts("halt.cleared")[0].at_ns - d.facts("halt.lift_waiting")[-1].at_ns
        assert waited >= 5_000_000_000
        assert "halted" not in d.local("status").stdout


def test_a_drill_is_the_real_kill_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("owns")
        before = raw_entries(d.exchange)
        done = d.local("drill", "--orders", "20", "--positions", "10", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert told["passed"]
        assert set(told["ms"]) == {"to_last_cancel_sent", "to_cancelled", "to_flat"}
        assert len(told["proof"]["reads"]) == 3
        [fact] = d.facts("drill.done")
        assert (fact.body["orders"], fact.body["positions"]) == (20, 10)
        assert raw_entries(d.exchange) == before, "the exchange's own journal knows nothing of it"
        assert shown(d.exchange)[0] == {"AAA": "10", "BBB": "10"}
        assert not list(d.home.rglob("drill-*"))
        assert d.guard("status")["halts"] == []


def test_a_drill_without_an_exchange_is_refused_and_one_that_is_due_alarms(tmp_path: Path) -> None:
    with deck(tmp_path, env={"TRADEDECK_DRILL_EVERY_H": "0.0002"}, start=()) as d:
        with pytest.raises(TradedeckError, match="exchange does not answer"):
            d.guard("drill")
        d.start("exchange")
        d.fact("drill.done")


def test_the_guard_is_small_when_idle(tmp_path: Path) -> None:
    with deck(tmp_path) as d:
        d.peer("owns")
        d.guard("drill", orders=5, positions=5)
        rollup = Path(f"/proc/{d.procs['guard'].pid}/smaps_rollup").read_text()
        pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        assert pss <= 60 * 1024


def test_inv_3_inv_6_ctl_7_a_kill_on_a_full_disk(tmp_path: Path) -> None:
    """A real file system of 64 MB, filled to the last byte, where nobody else sees it."""
    mount = f'mount -t tmpfs -o size=64m none "{tmp_path}" && chmod 700 "{tmp_path}"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} && exec "$0" -m tests.guard.fulldisk "{tmp_path}"',
         sys.executable],
        capture_output=True, text=True, check=False, timeout=110, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{PROGRAM}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        return  # no right to mount here: test_process.py has SQLite's own bound in the disk's place
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == [[{}, []], True, True]
