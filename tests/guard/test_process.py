"""The guard's driver in one process: a disk that takes no write, and what is asked of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.guard.kit import Play
from tests.journal.test_ballast import bounded
from tradedeck.authority.envelope import Verifier, seal
from tradedeck.closing.report import content_hash
from tradedeck.guard import types as t
from tradedeck.guard.core import Core
from tradedeck.guard.fence import started
from tradedeck.guard.notify import Notifier
from tradedeck.guard.people import Book
from tradedeck.guard.process import Guard
from tradedeck.guard.records import Records
from tradedeck.guard.wiring import Keys, rows_of
from tradedeck.journal.log import Journal
from tradedeck.kernel import canonical
from tradedeck.kernel.clock import SystemClock
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.signing import SigningKey

PROOF = {"reads": [[1, 1], [2, 2], [3, 3]], "held": {}, "kept": []}


class Closing:
    def __init__(self) -> None:
        self.taken: list[t.Take] = []
        self.checked: list[t.Check] = []

    def take(self, take: t.Take) -> None:
        self.taken.append(take)

    def check(self, check: t.Check) -> None:
        self.checked.append(check)

    async def stop(self) -> None:
        return


class Session:
    """A session that keeps what it is sent."""

    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        self.frames: list[dict[str, Any]] = []
        self.closed = False

    def send(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)

    def close(self) -> None:
        self.closed = True


class Made:
    def __init__(self, home: Path) -> None:
        self.journal = Journal(home / "guard.db", SystemClock().now_ns)
        self.clock = SystemClock()
        now = t.Now(self.clock.now_ns(), self.clock.monotonic_ns())
        core = Core(rows_of(self.journal), now, 0.0, lambda at: f"kill_g{at}", armed=True)
        self.key = SigningKey.generate()
        verifier = Verifier(self.key.verify_key(), "guard.local")
        self.guard = Guard(
            core, self.journal, self.clock, Records(home / "local.db"), Notifier("", "", ""),
            lambda: verifier, t.Policy(), Book(home),
        )  # fmt: skip
        self.closing = self.guard.closing = Closing()

    def ask(self, act: str, **fields: Any) -> dict[str, Any]:
        asked: Any = Session(None)
        return asyncio.run(self.guard.ask(asked, {"op": "ask", "act": act, **fields}))


@pytest.fixture
def made(tmp_path: Path):
    found = Made(tmp_path)
    yield found
    found.journal.close()


def known(made: Made) -> None:
    """The guard has heard of an account."""
    made.guard.core.watch.accounts = {"main": t.Policy()}


def test_inv_3_inv_6_a_disk_that_takes_nothing_stops_no_kill_and_lifts_nothing(made: Made) -> None:
    known(made)
    bounded(made.journal, 1)
    for n in range(200):  # until not even a page is left
        made.guard.happened(t.Ignored("X", "x" * 900))
        made.journal.append("filler", {"n": n, "text": "x" * 900})
        if not made.guard.commit():
            break
    assert made.guard.unwritten
    told: Any = Session(1)
    made.guard._runner = told
    assert made.ask("kill", scope="all")["state"] == "open"
    [take] = made.closing.taken
    assert take.account == "main"
    made.guard.happened(t.Proved(take.kill.id, "main", flat=True, proof=PROOF))
    made.ask("lift", scope="all", reason="calm")
    made.guard.happened(t.Tick())
    assert [frame["op"] for frame in told.frames] == [], "no lift before it is durable"
    assert made.journal.get("halts") is None
    bounded(made.journal, 1_000_000)
    made.guard.happened(t.Tick())
    assert made.guard.commit()
    assert [frame["op"] for frame in told.frames] == ["lift"]
    kinds = [entry.kind for entry in made.journal.iterate(0)]
    assert kinds.index("kill.requested") < kinds.index("kill.done") < kinds.index("halt.cleared")
    assert made.journal.verify() == len(kinds)


def test_a_kill_that_is_done_bears_the_hash_of_its_evidence(made: Made) -> None:
    known(made)
    name = made.ask("kill", scope="account/main", reason="enough")["id"]
    made.guard.together([t.Stepped(name, "main", "guard", "cancel all", {"orders": 3}, "ref-1")])
    made.guard.happened(t.Proved(name, "main", flat=True, proof=PROOF))
    made.guard.happened(t.Stepped(name, "main", "guard", "watched", {}))
    [done] = made.journal.kinds(["kill.done"], 0)
    told = made.ask("report", id=name)
    assert told["sha256"] == content_hash(told["report"])
    assert f'"sha256":"{told["sha256"]}"' in done.body
    assert made.journal.get(f"kill/{name}")["sha256"] == told["sha256"]
    assert [step["words"] for step in told["report"]["steps"]] == ["cancel all"]
    assert told["report"]["proofs"]["main"]["reads"] == PROOF["reads"]
    with pytest.raises(TradedeckError, match="no kill"):
        made.ask("report", id="kill_none")


def test_records_that_cannot_be_read_widen_a_kill(made: Made, tmp_path: Path) -> None:
    known(made)
    (tmp_path / "local.db").write_bytes(b"no database" * 500)
    made.ask("kill", scope="trader/one")
    assert [(take.account, take.instruments) for take in made.closing.taken] == [("main", None)]


def hello(pid: int, ticks: int, **more: Any) -> dict[str, Any]:
    return {
        "op": "hello", "role": "runner", "runner": "local", "pid": pid, "started": ticks,
        "accounts": [{"id": "main"}], "halts": {}, **more,
    }  # fmt: skip


def test_ctl_17_a_runner_is_the_process_that_the_kernel_says(made: Made) -> None:
    me = os.getpid()
    ticks = started(me)
    assert ticks is not None

    async def body() -> None:
        session: Any = Session(me)
        for wrong in (
            hello(me + 1, ticks), hello(me, ticks + 1), hello(me, ticks, role="guard"),
            hello(me, ticks, role="king"),
        ):  # fmt: skip
            with pytest.raises(TradedeckError):
                made.guard.runner(session, wrong)
        with pytest.raises(TradedeckError):
            made.guard.runner(session, {"op": "beat"})
        assert not made.guard.core.watch.connected
        made.guard.runner(session, hello(me, ticks))
        assert session.frames[-1]["op"] == "latch"
        for bad in ({"op": "dance"}, {"op": "owned"}, {"op": "halted", "row": 5}):
            made.guard.runner(session, bad)
        again: Any = Session(me)
        made.guard.runner(again, hello(me, ticks))
        assert session.closed
        made.guard.gone(session)
        assert made.guard.core.watch.connected
        made.guard.gone(again)
        assert not made.guard.core.watch.connected
        await made.guard.end()

    asyncio.run(body())
    codes = [e.body for e in made.journal.kinds(["alarm"], 0)]
    assert any("PEER" in body for body in codes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"act": "dance"}, {"act": "kill"}, {"act": "kill", "scope": "moon"},
        {"act": "kill", "scope": "all", "step": "dance"},
        {"act": "kill", "scope": "all", "flatten": "no"},
        {"act": "kill", "scope": "all", "id": "kill_../x"}, {"act": "lift"}, {"act": "follow"},
        {"act": "follow", "id": "kill_x"}, {"act": "drill"}, {"act": "lift_cancel"},
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused_with_a_reason(made: Made, wrong: dict[str, Any]) -> None:
    act = wrong.pop("act")
    with pytest.raises(TradedeckError):
        made.ask(act, **wrong)
    assert made.guard.core.kills == {}


def test_ctl_17_a_key_that_is_not_there_opens_nothing(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "api.pub", "guard.local", {})
    assert keys() is None
    key = SigningKey.generate()
    (tmp_path / "api.pub").write_bytes(key.verify_key().raw.hex().encode() + b"\n")
    first = keys()
    assert first is not None
    sealed = seal(key, kind="kill", target="guard.local", body={}, now_ns=5, ttl_ns=10)
    first.open(sealed, kind="kill", now_ns=6)
    assert keys() is first
    (tmp_path / "api.pub").unlink()
    assert keys() is first


def test_a_home_without_a_key_refuses_the_wire(made: Made) -> None:
    made.guard.asks._verifier = lambda: None
    assert made.guard.asks.message(b"{}")["code"] == "UNAVAILABLE"
    assert Play().core.kills == {}


def test_steps_that_came_together_are_one_commit_and_come_before_what_follows(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    me: Any = Session(os.getpid())
    ticks = started(os.getpid())
    assert ticks is not None
    commits: list[int] = []
    commit = made.journal.commit

    def counted() -> int:
        commits.append(1)
        return commit()

    async def body() -> None:
        guard = made.guard
        guard.runner(me, hello(os.getpid(), ticks))
        asked = {"op": "ask", "act": "kill", "scope": "account/main", "reason": "enough"}
        name = (await guard.ask(me, asked))["id"]
        guard.runner(me, {"op": "owned", "id": name, "accounts": ["main"]})
        monkeypatch.setattr(made.journal, "commit", counted)
        step = {"op": "step", "id": name, "account": "main", "words": "cancelled", "numbers": {}}
        for n in range(50):
            guard.runner(me, step | {"ref": f"v{n}"})
        assert commits == []
        guard.runner(me, {"op": "closed", "id": name, "account": "main"})
        assert len(commits) == 2, "the steps, then that it is closed"
        guard.runner(me, step | {"ref": "late"})
        guard.settled()
        assert len(commits) == 3
        await guard.end()

    asyncio.run(body())
    refs = [canonical.decode(e.body)["ref"] for e in made.journal.kinds(["kill.step"], 0)]
    assert refs == [f"v{n}" for n in range(50)] + ["late"]
