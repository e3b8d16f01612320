"""Latches, kills, lifts and drills: told by api, guard and runner, joined by the kill's id."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Table, select

from tradedeck.closing import report
from tradedeck.closing.types import Kill
from tradedeck.guard import evidence as guard_evidence
from tradedeck.guard.kills import Leg, Running
from tradedeck.projections import tables_stop as t
from tradedeck.projections.apply import append_own
from tradedeck.projections.stop import KILL_SENT
from tradedeck.projections.types import Applied
from tradedeck.readmodels import stop
from tradedeck.store.database import ScopedStore
from tradedeck.testkit.journals import MemoryJournal

Pull = Callable[..., Applied]
ID = "kill_01test00001"
KILL = {
    "id": ID, "scope": "account/paper", "step": "flatten", "flatten": True, "reason": "news",
    "by": "olga", "at_ns": 10**18,
}  # fmt: skip
PROOF = {"reads": [[1, 5], [2, 5], [3, 6]], "held": {}, "kept": []}
MS = {"to_last_cancel_sent": 3.5, "to_cancelled": 7.0, "to_flat": 21.0}


def rows(store: ScopedStore, table: Table) -> list[dict[str, Any]]:
    key = list(table.primary_key.columns)
    return store.read_now(lambda s: [dict(r) for r in s.all(select(table).order_by(*key))])


def latches(store: ScopedStore) -> dict[str, tuple[str, list[str]]]:
    found = store.read_now(stop.read_latches)
    return {each["scope"]: (each["level"], each["holders"]) for each in found}


@pytest.fixture
def guard() -> MemoryJournal:
    return MemoryJournal("guard", "g1")


def sent(store: ScopedStore, **more: Any) -> None:
    store.write_now(lambda s: append_own(s, KILL_SENT, {**KILL, "latched": [], **more}, 10**18))


def requested(journal: MemoryJournal) -> None:
    journal.append("kill.requested", {**KILL, "origin": "bus", "accounts": {"paper": None}})
    journal.append("halt.set", {"scope": KILL["scope"], "level": "halted", "reason": "news",
                                "by": "olga", "kill": ID, "at_ns": 10**18})  # fmt: skip


def step(journal: MemoryJournal, words: str, by: str, **numbers: Any) -> None:
    journal.append("kill.step", {"id": ID, "account": "paper", "by": by, "words": words,
                                 "numbers": numbers, "ref": "v1"})  # fmt: skip


def proved(guard: MemoryJournal) -> None:
    guard.append("kill.account_flat", {"id": ID, "account": "paper", "proof": PROOF})
    guard.append("kill.done", {"id": ID, "scope": KILL["scope"], "totals": {"accounts": 1},
                               "ms": MS, "sha256": "ab" * 32})  # fmt: skip


def found(store: ScopedStore) -> dict[str, Any]:
    kill = store.read_now(lambda s: stop.find_kill(s, ID))
    assert kill is not None
    return kill


def test_a_kill_from_its_posting_to_its_proof(
    store: ScopedStore, journal: MemoryJournal, guard: MemoryJournal, pull: Pull
):
    sent(store)
    assert found(store)["state"] == "unanswered"
    assert latches(store) == {"account/paper": ("halted", ["store"])}
    requested(guard)
    pull(guard)
    assert found(store)["state"] == "closing"
    assert [leg["state"] for leg in found(store)["legs"]] == ["asked"]
    guard.append("kill.owned", {"id": ID, "account": "paper", "by": "runner"})
    step(guard, "cancel sent", "runner", orders=50)
    step(journal, "cancel sent", "runner", orders=50)  # the same step, told by both
    step(journal, "close sent", "runner", instrument="AAPL")
    journal.append("halt.set", {"scope": KILL["scope"], "level": "halted", "reason": "news",
                                "by": "olga", "kill": ID})  # fmt: skip
    journal.append("kill.account_flat", {"id": ID, "account": "paper", "proof": PROOF})
    pull(guard)
    pull(journal)
    kill = found(store)
    assert sorted(s["step"] for s in kill["steps"]) == ["cancel sent", "close sent"]
    assert (kill["legs"][0]["state"], kill["legs"][0]["by"]) == ("checking", "runner")
    assert kill["legs"][0]["steps"] == 2
    assert kill["done_at"] is None  # the runner's word is no proof
    assert latches(store)["account/paper"][1] == ["guard", "runner", "store"]
    proved(guard)
    pull(guard)
    kill = found(store)
    assert (kill["state"], kill["legs"][0]["state"], kill["to_flat_ms"]) == ("done", "flat", 21.0)
    assert kill["legs"][0]["proof"] == PROOF
    assert all(kill["latched"].values())


def test_a_holder_has_latched_since_its_own_journal_says_so(
    store: ScopedStore, guard: MemoryJournal, pull: Pull
):
    guard.at_ns -= 10**9
    requested(guard)
    sent(store, latched=["guard", "runner"])  # answered a moment later
    pull(guard)
    latched = found(store)["latched"]
    assert latched["guard"] < latched["store"] == latched["runner"]


def test_the_runners_word_alone_never_ends_a_kill(
    store: ScopedStore, journal: MemoryJournal, pull: Pull
):
    sent(store, latched=["runner"])
    journal.append("kill.owned", {"id": ID, "account": "paper", "by": "runner"})
    journal.append("kill.account_flat", {"id": ID, "account": "paper", "proof": PROOF})
    journal.append("kill.done", {"id": ID, "scope": "account/paper", "totals": {}, "ms": MS})
    pull(journal)
    kill = found(store)
    assert (kill["state"], kill["legs"][0]["state"], kill["legs"][0]["proof"]) == (
        "closing", "checking", None,
    )  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_in_which_journals_arrive_does_not_matter(
    store: ScopedStore,
    journal: MemoryJournal,
    guard: MemoryJournal,
    pull: Pull,
    order: tuple[int, ...],
):
    requested(guard)
    guard.append("kill.owned", {"id": ID, "account": "paper", "by": "guard", "epoch": 3})
    step(guard, "cancel sent", "guard")
    proved(guard)
    journal.append("kill.owned", {"id": ID, "account": "paper", "by": "runner"})
    step(journal, "cancel sent", "runner")
    arrivals = (lambda: sent(store), lambda: pull(guard), lambda: pull(journal))
    for which in order:
        arrivals[which]()
    kill = found(store)
    assert (kill["scope"], kill["by"], kill["state"]) == ("account/paper", "olga", "done")
    leg = kill["legs"][0]
    assert (leg["state"], leg["by"], leg["epoch"], leg["steps"]) == ("flat", "guard", 3, 2)
    assert len(kill["steps"]) == 2
    assert rows(store, t.kills)[0]["event"] == 1
    assert store.read_now(lambda s: stop.unanswered(s, 0)) == []


def test_what_nobody_took_is_known_after_a_restart(store: ScopedStore):
    sent(store)
    assert store.read_now(lambda s: stop.unanswered(s, 0)) == [KILL]
    assert store.read_now(lambda s: stop.unanswered(s, 10**18 + 1)) == []  # long ago
    sent(store, latched=["runner"])
    assert store.read_now(lambda s: stop.unanswered(s, 0)) == []


def test_inv_7_only_the_guards_word_takes_the_latch_of_the_store_away(
    store: ScopedStore, journal: MemoryJournal, guard: MemoryJournal, pull: Pull
):
    sent(store)
    requested(guard)
    journal.append("halt.set", {"scope": KILL["scope"], "level": "halted", "reason": "news",
                                "by": "olga", "kill": ID})  # fmt: skip
    journal.append("halt.cleared", {"scope": KILL["scope"], "level": "none", "reason": "",
                                    "by": "mallory"})  # fmt: skip
    pull(guard)
    pull(journal)
    assert latches(store) == {"account/paper": ("halted", ["guard", "store"])}
    guard.append("halt.cleared", {"scope": KILL["scope"], "reason": "looked", "by": "rita",
                                  "id": "lift_1", "level": "none"})  # fmt: skip
    pull(guard)
    assert latches(store) == {}


def test_the_strictest_holder_is_what_a_scope_shows(
    store: ScopedStore, journal: MemoryJournal, guard: MemoryJournal, pull: Pull
):
    journal.append("halt.set", {"scope": "all", "level": "pause", "reason": "a", "by": "x"})
    guard.append("halt.set", {"scope": "all", "level": "halted", "reason": "b", "by": "y"})
    guard.append("halt.set", {"scope": "all", "level": "pause", "reason": "c", "by": "z"})
    pull(guard)
    pull(journal)
    (latch,) = store.read_now(stop.read_latches)
    assert (latch["level"], latch["by"], latch["holders"]) == ("halted", "y", ["guard", "runner"])


def test_lifts_wait_and_end(store: ScopedStore, guard: MemoryJournal, pull: Pull):
    wait = {"scope": "all", "reason": "ok", "by": "rita", "due_ns": 10**18 + 5, "wait_s": 60}
    for name in ("lift_1", "lift_2", "lift_3"):
        guard.append("halt.lift_waiting", {"id": name, **wait})
    guard.append("halt.lift_cancelled", {"id": "lift_2", "scope": "all", "by": "olga",
                                         "reason": "taken back"})  # fmt: skip
    guard.append("halt.cleared", {"scope": "all", "reason": "ok", "by": "rita", "id": "lift_3"})
    guard.append("halt.lift_refused", {"id": "lift_4", "scope": "all", "by": "mallory",
                                       "code": "STEP_UP_REQUIRED", "detail": "wrong"})  # fmt: skip
    pull(guard)
    lifts = {each["id"]: each for each in store.read_now(lambda s: stop.list_lifts(s, 10))}
    assert {name: each["state"] for name, each in lifts.items()} == {
        "lift_1": "waiting", "lift_2": "cancelled", "lift_3": "lifted", "lift_4": "refused",
    }  # fmt: skip
    assert lifts["lift_1"]["until"] is not None
    assert (lifts["lift_4"]["by"], lifts["lift_4"]["detail"]) == ("mallory", "wrong")
    assert next(iter(lifts)) == "lift_1"  # what waits stands first


def test_drills_and_the_guards_standing(store: ScopedStore, guard: MemoryJournal, pull: Pull):
    guard.append("guard.started", {"pid": 7, "build": "b"})
    guard.append("drill.done", {"id": "drill_1", "orders": 50, "positions": 50, "ms": MS,
                                "by": "schedule"})  # fmt: skip
    guard.append("drill.failed", {"id": "drill_2", "detail": "not flat", "by": "olga"})
    guard.append("guard.runner", {"state": "silent", "account": "paper", "act": "cancel"})
    pull(guard)
    failed, done = store.read_now(stop.list_drills)
    assert (done["ok"], done["to_flat_ms"], done["orders"]) == (True, 21.0, 50)
    assert (failed["ok"], failed["to_flat_ms"], failed["detail"]) == (False, None, "not flat")
    standing = store.read_now(stop.guard_row)
    assert standing is not None
    assert (standing["state"], standing["pid"], standing["runner_state"]) == (
        "started",
        7,
        "silent",
    )


def test_the_evidence_holds_every_step_and_shows_a_changed_copy(
    store: ScopedStore, journal: MemoryJournal, guard: MemoryJournal, pull: Pull
):
    requested(guard)
    step(guard, "cancel sent", "guard", orders=2)
    proved(guard)
    pull(guard)
    body = store.read_now(lambda s: stop.evidence(s, ID))
    assert body is not None
    sealed = report.seal(body)
    assert report.verify(sealed)["kill"] == KILL
    assert [s["words"] for s in body["steps"]] == ["cancel sent"]
    assert body["proofs"] == {"paper": PROOF}
    # The guard sealed the same, and what was watched after it is not part of it.
    running = Running(Kill.from_body(KILL), {"paper": Leg(None, proof=PROOF)}, ms=MS)
    theirs = guard_evidence.report(
        running, [e for e in guard.entries if e.kind in guard_evidence.KINDS]
    )
    assert report.content_hash(theirs) == report.content_hash(body)
    step(guard, "watched", "guard")
    step(journal, "watched", "runner")
    pull(guard)
    pull(journal)
    assert store.read_now(lambda s: stop.evidence(s, ID)) == body
    altered = orjson.loads(sealed)
    altered["report"]["kill"]["by"] = "nobody"
    with pytest.raises(Exception, match="not what was sealed"):
        report.verify(orjson.dumps(altered))
    assert store.read_now(lambda s: stop.evidence(s, "kill_00000000")) is None
