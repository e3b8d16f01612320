"""RSK-3: the breakers of a real runner, and its watch against a clock that is set."""

from __future__ import annotations

import json
import signal
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.runner.guardpeer import lift
from tests.runner.harness import PAPER, Rig, document, rig, trader, until, wave
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.marketdata.ports import FeedState
from tradedeck.risk.breakers import Breaker, Breakers, Rule
from tradedeck.risk.limits import Action
from tradedeck.runner.breakers import BreakerWatch, close_lifted, gauges

pytestmark = pytest.mark.processes


EMA = {"fast": 3, "slow": 5, "short": True}
CROSS = trader("one", "AAA", "ema-cross", params=EMA)
LATCH = {"bound": 3, "window_s": 86_400, "action": "pause", "resume": "person"}


def with_breakers(wanted: dict[str, Any], **breakers: Any) -> dict[str, Any]:
    wanted["accounts"][0]["breakers"] = breakers
    return wanted


def tripped(r: Rig, breaker: str) -> dict[str, Any]:
    return r.wait("breaker.tripped", lambda b: b["breaker"] == breaker)[0].body


def test_repeated_execution_is_stopped_until_a_person_lifts_it(tmp_path: Path) -> None:
    wanted = with_breakers(document([CROSS], speed=100), repeated_execution=LATCH)
    with rig(tmp_path, wanted, closes={"AAA": wave(400)}) as r:
        body = tripped(r, "repeated_execution")
        assert (body["scope"], body["action"], body["resume"]) == ("trader/one", "pause", "person")
        assert body["numbers"]["count"] == 3
        r.wait("halt.set", lambda b: b["scope"] == "trader/one" and b["by"] == "breaker")
        r.wait("alarm", lambda b: b["code"] == "BREAKER_TRIPPED")
        r.wait("order.denied", lambda b: b["reason"] == "HALT_PAUSED")
        r.kill("runner", signal.SIGKILL)
        head = r.head()
        r.start("runner")
        r.wait("order.denied", lambda b: b["reason"] == "HALT_PAUSED", after=head)
        assert not [e for e in r.entries("breaker.tripped") if e.seq > head]
        lift(r, "trader/one")
        r.wait("breaker.reset", lambda b: b["by"] == "host", after=head)
        r.wait("order.intent", lambda b: not b["order"]["reduce_only"], after=head)


def test_one_that_cools_down_denies_entries_while_it_is_open_and_latches_nothing(
    tmp_path: Path,
) -> None:
    cooling = {**LATCH, "resume": "auto", "cooldown_s": 600}
    wanted = with_breakers(document([CROSS], speed=100), repeated_execution=cooling)
    with rig(tmp_path, wanted, closes={"AAA": wave(400)}) as r:
        tripped(r, "repeated_execution")
        denied = r.wait("order.denied", lambda b: b["reason"] == "BREAKER_OPEN")[0].body
        assert denied["numbers"] == {"breaker": "repeated_execution"}
        assert not r.entries("halt.set")


def test_a_feed_that_is_away_for_too_long_opens_and_comes_back(tmp_path: Path) -> None:
    frames = tmp_path / "frames.jsonl"

    def frame() -> None:
        at = time.time_ns() - 60 * NS_PER_S
        body = {"instrument": "AAA", "time": at, "open": 9, "high": 9, "low": 9, "close": 9}
        with frames.open("a") as file:
            file.write(json.dumps(body) + "\n")

    frame()
    wanted = document([CROSS], source=str(frames), kind="live_file", loop=False)
    del wanted["feeds"][0]["speed"], wanted["feeds"][0]["loop"]
    with_breakers(
        wanted, feed_disconnected={"bound": 1, "action": "pause", "resume": "auto", "cooldown_s": 0}
    )
    env = PAPER | {"LIVE_FILE_STALE_MS": "1000", "LIVE_FILE_REFRESH_MS": "50"}
    with rig(tmp_path, wanted, env) as r:
        body = tripped(r, "feed_disconnected")
        assert (body["scope"], body["resume"]) == ("feed/bars", "auto")
        assert body["numbers"]["seconds"] >= 1

        def closed() -> bool:
            frame()
            return any(e.body["breaker"] == "feed_disconnected" for e in r.entries("breaker.reset"))

        until(closed, "the feed is back")


def test_a_feed_that_came_back_while_the_runner_was_down_closes_its_breaker(tmp_path: Path) -> None:
    frames = tmp_path / "frames.jsonl"

    def frame() -> None:
        at = time.time_ns() - 60 * NS_PER_S
        body = {"instrument": "AAA", "time": at, "open": 9, "high": 9, "low": 9, "close": 9}
        with frames.open("a") as file:
            file.write(json.dumps(body) + "\n")

    frame()
    wanted = document([CROSS], source=str(frames), kind="live_file", loop=False)
    del wanted["feeds"][0]["speed"], wanted["feeds"][0]["loop"]
    env = PAPER | {"LIVE_FILE_STALE_MS": "3000", "LIVE_FILE_REFRESH_MS": "50"}
    with rig(tmp_path, wanted, env) as r:
        tripped(r, "stale_checks")
        r.kill("runner", signal.SIGKILL)
        head = r.head()
        frame()
        r.start("runner")

        def closed() -> bool:
            frame()
            said = r.entries("breaker.reset")
            return any(e.body["breaker"] == "stale_checks" and e.seq > head for e in said)

        until(closed, "the breaker to be closed")


class _Clock:
    """A wall clock that can be set, beside one that cannot."""

    def __init__(self) -> None:
        self.wall = self.mono = 10**18

    def monotonic_ns(self) -> int:
        return self.mono

    def pass_s(self, seconds: float) -> None:
        self.wall += int(seconds * NS_PER_S)
        self.mono += int(seconds * NS_PER_S)


def watched(rules: dict[Breaker, Rule]) -> tuple[BreakerWatch, Any, _Clock]:
    clock, facts = _Clock(), []
    halted: list[tuple[Any, ...]] = []
    account = SimpleNamespace(
        plan=SimpleNamespace(id="main", breakers=rules),
        engine=SimpleNamespace(act=lambda *said: halted.append(said) or []),
    )
    world: Any = SimpleNamespace(
        clock=clock,
        breakers=Breakers(),
        accounts={"main": account},
        traders={},
        feeds={},
        facts=facts,
        halted=halted,
        fact=lambda kind, body: facts.append((kind.value, body)),
        journal=SimpleNamespace(put=lambda *_: None),
        sink=SimpleNamespace(turn_rejected=[], turn_entries=[], alarm=lambda *_: None),
    )
    return BreakerWatch(world), world, clock


RULES = {
    Breaker.CLOCK_OFFSET: Rule(Decimal(1), Action.PAUSE, cooldown_s=60),
    Breaker.REJECTS: Rule(Decimal(3), Action.FLATTEN, window_s=60),
}


def test_a_clock_that_is_set_opens_and_cools_down() -> None:
    watch, world, clock = watched(RULES)
    for _ in range(3):
        watch.keep(clock.wall)
        clock.pass_s(1)
    assert world.facts == []
    clock.wall += 2 * NS_PER_S
    watch.keep(clock.wall)
    kind, body = world.facts[-1]
    assert kind == "breaker.tripped"
    assert body["breaker"] == "clock_offset"
    assert "+2.000 s" in body["reason"]
    assert world.breakers.denying("account/main") is not None
    for _ in range(62):
        clock.pass_s(1)
        watch.keep(clock.wall)
    assert world.facts[-1][0] == "breaker.reset"
    assert world.breakers.denying("account/main") is None


def test_a_clock_that_is_set_back_is_noticed_too() -> None:
    watch, world, clock = watched(RULES)
    watch.keep(clock.wall)
    clock.pass_s(1)
    clock.wall -= 3600 * NS_PER_S
    watch.keep(clock.wall)
    assert world.facts[-1][1]["breaker"] == "clock_offset"


def test_rejects_act_on_their_account() -> None:
    watch, world, clock = watched(RULES)
    for _ in range(3):
        world.sink.turn_rejected.append("main")
        watch.keep(clock.wall)
        clock.pass_s(1)
    assert world.facts[-1][1]["breaker"] == "rejects"
    scope, action, reason, by = world.halted[-1]
    assert (scope, action, by) == ("account/main", Action.FLATTEN, "breaker")
    assert "3 rejects in 60 s" in reason
    assert until(lambda: not world.sink.turn_rejected)


def test_a_feeds_latch_halts_its_accounts_and_closes_with_their_lift() -> None:
    patience = Rule(Decimal(30), Action.PAUSE)
    watch, world, clock = watched(RULES | {Breaker.FEED_DISCONNECTED: patience})
    world.traders["one"] = SimpleNamespace(plan=SimpleNamespace(account="main", feed="bars"))
    feed = SimpleNamespace(feed=SimpleNamespace(id="bars"), state=FeedState.STALE, down_ns=None)
    world.feeds["bars"] = feed
    watch.keep(clock.wall)
    clock.pass_s(31)
    watch.keep(clock.wall)
    kind, body = world.facts[-1]
    assert (kind, body["scope"]) == ("breaker.tripped", "feed/bars")
    assert body["halts"] == ["account/main"]
    assert world.halted[-1][0] == "account/main"
    close_lifted(world, "account/other", "me")
    assert world.breakers.open
    close_lifted(world, "account/main", "me")
    assert (world.facts[-1][0], world.facts[-1][1]["by"]) == ("breaker.reset", "me")
    assert not world.breakers.open


def test_people_see_how_far_each_is_from_opening() -> None:
    rules = RULES | {
        Breaker.FEED_DISCONNECTED: Rule(Decimal(30), Action.PAUSE, cooldown_s=5),
        Breaker.REPEATED_EXECUTION: Rule(Decimal(9), Action.PAUSE, window_s=60),
    }
    watch, world, clock = watched(rules)
    world.accounts["main"].engine.now_ns = 5 * NS_PER_S
    world.traders["one"] = SimpleNamespace(plan=SimpleNamespace(account="main", feed="bars"))
    feed = SimpleNamespace(feed=SimpleNamespace(id="bars"), state=FeedState.STALE, down_ns=None)
    world.feeds["bars"] = feed
    world.sink.turn_rejected += ["main", "main"]
    world.sink.turn_entries.append(("one", 4 * NS_PER_S))
    watch.keep(clock.wall)
    clock.pass_s(31)
    watch.keep(clock.wall)
    rows = {(row["scope"], row["breaker"]): row for row in gauges(world, clock.wall)}
    assert rows["account/main", "rejects"]["used"] == 2
    assert rows["trader/one", "repeated_execution"]["used"] == 1
    away = rows["feed/bars", "feed_disconnected"]
    assert (away["used"], away["closes_ns"]) == (31.0, clock.wall + 5 * NS_PER_S)
