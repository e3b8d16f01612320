"""The runner as a process among processes. Names bear the ids of the cases they show."""

from __future__ import annotations

import os
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.host.harness import write as write_strategies
from tests.runner.guardpeer import lift
from tests.runner.harness import (
    PAPER,
    Rig,
    check_books,
    check_chain,
    document,
    rig,
    state,
    trader,
    until,
    wave,
)
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.signing import SigningKey

pytestmark = pytest.mark.processes

EMA = {"fast": 3, "slow": 5, "short": True}
CROSS = trader("one", "AAA", "ema-cross", params=EMA)


def limit_strategy(folder: Path, *, price: float, once: bool = True) -> None:
    """Buys 10 at a limit, on its first bar."""
    write_strategies(folder, {"rests": f"""
m = self.memory
if m.done: return None
m.done = {1 if once else 0}
return OrderRequest(Side.BUY, Decimal(10), OrderType.LIMIT, Decimal("{price}"))
"""})  # fmt: skip
    path = folder / "cases.py"
    head, _, body = path.read_text().partition("class C0")
    path.write_text(
        head + "@dataclass(slots=True)\nclass Kept:\n    done: int = 0\n\n\nclass C0"
        + body.replace("    def on_bar", "    Memory = Kept\n    def on_bar", 1)
    )  # fmt: skip


def test_eng_5_inv_11_a_bad_strategy_harms_only_itself(tmp_path: Path) -> None:
    """Each kind of harm in one runner; the good trader's decisions are on every bar."""
    bad = {
        "raises": "raise RuntimeError('no')",
        "hangs": "sum(range(10**11))",
        "bloats": "hoard = []\nwhile True: hoard.append(bytearray(1 << 27))",
        "exits": "os._exit(3)",
        "floods": "while True: print('x' * 4000)",
        "nan": "return Signal(float('nan'))",
    }
    late = {
        name: f"if bar.close < 100: return None if self.context.position else Signal(1.0)\n{code}"
        for name, code in bad.items()
    }
    write_strategies(tmp_path / "strategies", late)
    symbols = {name: f"B{n}" for n, name in enumerate(bad)}
    count = 120
    calm = [99.0] * 5 + [101.0] * (count - 5)
    traders = [CROSS, *(trader(f"t-{n}", symbols[n], n) for n in bad)]
    wanted = document(traders, speed=10, loop=False)
    # Time enough for a slow machine to fill the memory before the deadline of the callback.
    env = PAPER | {"TRADEDECK_CALLBACK_DEADLINE_MS": "4000", "TRADEDECK_STRATEGY_MEMORY_MB": "256"}
    closes = {"AAA": wave(count)} | dict.fromkeys(symbols.values(), calm)
    with rig(tmp_path, wanted, env, closes=closes) as r:
        r.wait("decision", lambda b: b["trader"] == "one", count=count, wait_s=60)
        ends = [e.body["time_ns"] for e in r.entries("decision") if e.body["trader"] == "one"]
        assert len(ends) == len(set(ends)) == count
        killed: dict[str, list[str]] = {}
        for entry in r.entries("host.killed"):
            killed.setdefault(entry.body["trader"], []).append(entry.body["reason"])
        expected = {
            "t-raises": "exception", "t-hangs": "deadline", "t-bloats": "memory",
            "t-exits": "exit", "t-floods": "flood", "t-nan": "exception",
        }  # fmt: skip
        assert {name: reasons[0] for name, reasons in killed.items()} == expected
        faulted = {
            e.body["trader"] for e in r.entries("trader.state") if e.body["new"] == "faulted"
        }
        assert faulted == set(expected)
        assert any(len(reasons) > 1 for reasons in killed.values())  # it was started again
        # Their positions are still held, and a person can close them.
        held = {p["instrument"]: p["quantity"] for p in state(r.journal)["book/main"]["positions"]}
        assert all(held[symbol] == "10" for symbol in symbols.values())
        assert r.command("flatten", scope="account/main")["accepted"]
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)
        book = state(r.journal)["book/main"]["positions"]
        assert all(Decimal(p["quantity"]) == 0 for p in book)


def test_eng_4_inv_7_a_halt_survives_kill_9(tmp_path: Path) -> None:
    with rig(tmp_path, document([CROSS], speed=100), closes={"AAA": wave(400)}) as r:
        r.wait("order.filled", count=4)
        assert r.command("halt.set", scope="all", level="halted", reason="enough")["accepted"]
        for _ in range(2):
            r.kill("runner")
            head = r.head()
            r.start("runner")
            r.wait("order.denied", lambda b: b["reason"] == "HALT_HALTED", after=head, count=2)
            entered = [
                e for e in r.entries("order.intent", after=head)
                if not e.body["order"]["reduce_only"]
            ]  # fmt: skip
            assert entered == []
        assert state(r.journal)["halts"]["all"]["reason"] == "enough"
        lift(r, "all")
        head = r.head()
        r.wait("order.filled", after=head)


def test_inv_7_ctl_18_nothing_on_the_wire_lifts_also_where_no_guard_is_required(
    tmp_path: Path,
) -> None:
    with rig(tmp_path, document([CROSS], speed=100), closes={"AAA": wave(400)}) as r:
        assert r.command("halt.set", scope="all", level="halted", reason="enough")["accepted"]
        answer = r.command("halt.clear", scope="all", reason="a control plane says so")
        assert (answer["accepted"], answer["code"]) == (False, "FORBIDDEN")
        assert state(r.journal)["halts"]["all"]["reason"] == "enough"
        lift(r, "all")
        assert state(r.journal)["halts"] == {}


def test_eng_7_a_resting_order_survives_both_and_still_fills(tmp_path: Path) -> None:
    limit_strategy(tmp_path / "strategies", price=95)
    closes = [100.0] * 30 + [96.0] * 30 + [94.0] * 10
    wanted = document([trader("one", "AAA", "rests")], speed=20, loop=False)
    with rig(tmp_path, wanted, closes={"AAA": closes}) as r:
        r.wait("order.accepted")
        r.kill("runner")
        r.kill("exchange")
        assert len([n for n in state(r.exchange) if n.startswith("order/")]) == 1
        r.start("exchange", "runner")
        filled = r.wait("order.filled")[0].body
        assert Decimal(filled["fill"]["price"]) <= 95
        sent = r.entries("order.intent")[0].body["order"]
        assert filled["order"]["id"] == sent["id"], "its own order came back as a stranger's"
        assert r.entries("alarm") == []
        r.kill("runner", signal.SIGTERM)
        assert check_books(r.journal, r.exchange) == (1, 1)


def test_eng_12_inv_4_filled_while_the_runner_was_dead(tmp_path: Path) -> None:
    """The answer is delayed at the venue; the runner dies waiting; afterwards it is booked once."""
    wanted = document([CROSS], speed=20, exchange={"latency_ms": 400})
    with rig(tmp_path, wanted, closes={"AAA": wave(400)}) as r:
        for _ in range(3):
            seen = len(r.entries("order.intent"))
            r.wait("order.intent", count=seen + 1)
            r.kill("runner")  # sent, and not answered yet
            time.sleep(0.6)
            r.start("runner")
            r.wait("runner.started", count=len(r.entries("runner.started")))
            until(
                lambda: not [n for n in state(r.journal) if n.startswith("order/")],
                "every order to be resolved",
            )
        r.command("replay.set", feed="bars", paused=True)
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)


def test_ctl_7_exchange_and_nats_die_and_come_back(tmp_path: Path) -> None:
    """Venue away: nothing increases. Frozen: UNKNOWN, then resolved. Wire away: facts wait."""
    with rig(tmp_path, document([CROSS], speed=50), closes={"AAA": wave(400)}) as r:
        r.wait("order.filled", count=2)
        r.kill("exchange")
        r.wait("condition", lambda b: b["type"] == "VenueConnected" and b["status"] == "False")
        r.start("exchange")
        head = r.head()
        r.wait("order.filled", after=head, count=2)

        os.kill(r.procs["exchange"].pid, signal.SIGSTOP)
        r.wait(
            "condition",
            lambda b: b["type"] == "VenueConnected" and b["status"] == "False",
            after=head,
        )
        began = time.monotonic()  # a kill does not wait for a venue that is frozen
        assert r.command("halt.set", scope="trader/one", level="pause")["accepted"]
        r.wait("halt.set", after=head)
        assert time.monotonic() - began < 4
        lift(r, "trader/one")
        os.kill(r.procs["exchange"].pid, signal.SIGCONT)
        head = r.head()
        r.wait("order.filled", after=head, count=2)

        r.kill("nats")
        head = r.head()
        r.wait("order.filled", after=head, count=3)  # trading does not need the wire
        r.start("nats")
        assert r.command("replay.set", feed="bars", paused=True)["accepted"]
        r.kill("runner", signal.SIGTERM)
        check_books(r.journal, r.exchange)


def test_eng_11_a_saturated_feed_does_not_delay_a_kill(tmp_path: Path) -> None:
    """Speed 0 and a strategy that hangs for a second again and again: the kill goes between."""
    write_strategies(tmp_path / "strategies", {"slow": "time.sleep(0.8)"})
    wanted = document([CROSS, trader("slow", "BBB", "slow")], speed=0)
    with rig(tmp_path, wanted, closes={"AAA": wave(400), "BBB": wave(400)}) as r:
        r.wait("decision", lambda b: b["trader"] == "slow", count=2)
        began = time.monotonic()
        assert r.command("flatten", scope="all")["code"] == "DONE"
        assert time.monotonic() - began < 0.6  # the strategy alone sleeps longer
        assert r.command("trader.stop", trader="slow")["accepted"]
        head = r.head()
        r.wait("decision", after=head, count=500)
        took: list[float] = []
        for _ in range(20):
            began = time.monotonic()
            assert r.command("flatten", scope="trader/one")["code"] == "DONE"
            took.append(time.monotonic() - began)
        assert sorted(took)[10] < 0.25
        r.command("replay.set", feed="bars", paused=True)
        book = state(r.journal)["book/main"]["positions"]
        assert all(Decimal(p["quantity"]) == 0 for p in book)


def test_inv_1_signals_mode_reaches_no_broker(tmp_path: Path) -> None:
    """RUN-1, ENG-6, acceptance 2: no module, no session, and each submit an explicit denial."""
    with rig(tmp_path, document([CROSS], speed=100), {}, closes={"AAA": wave(400)}) as r:
        denied = r.wait("order.denied", count=5)
        assert {e.body["reason"] for e in denied} == {"MODE_SIGNALS_ONLY"}
        started = r.wait("runner.started")[0].body
        assert (started["mode"], started["broker_modules"]) == ("signals", [])
        assert started["execution_capable_accounts"] == 0
        assert r.entries("order.intent", "order.filled") == []
        verdicts = {e.body["verdict"] for e in r.entries("mode.verdict")}
        assert verdicts == {"signals"}
        assert r.command("position.close", account="main", instrument="AAA")["code"] == "CONFLICT"


LIVE: list[tuple[dict[str, str], set[str]]] = [
    ({}, {"LIVE_NOT_CONFIRMED", "LIVE_TRADING_NOT_TRUE", "LIVE_TRADING_CONFIRM_NOT_TRUE",
          "BROKER_NOT_ALLOWED"}),
    ({"LIVE_TRADING": "true"},
     {"LIVE_NOT_CONFIRMED", "LIVE_TRADING_CONFIRM_NOT_TRUE", "BROKER_NOT_ALLOWED"}),
    ({"LIVE_TRADING": "true", "LIVE_TRADING_CONFIRM": "true", "BROKER_NETWORK": "true"}, set()),
]  # fmt: skip
ALWAYS = {"CREDENTIALS_MISSING", "PREFLIGHT_MISSING", "DATA_REPLAYED", "BROKER_UNSUPPORTED"}


@pytest.mark.parametrize(("env", "unmet"), LIVE)
def test_inv_2_live_is_blocked_and_says_why(
    tmp_path: Path, env: dict[str, str], unmet: set[str]
) -> None:
    """RUN-2, acceptance 3; no version of the configuration and no command changes it."""
    given = {"TRADING_MODE": "live", **env}
    with rig(tmp_path, document([CROSS], speed=100), given, closes={"AAA": wave(400)}) as r:
        verdict = r.wait("mode.verdict", lambda b: b["verdict"] == "blocked")[-1].body
        assert set(verdict["reasons"]) == unmet | ALWAYS
        denied = r.wait("order.denied", count=2)
        assert {e.body["reason"] for e in denied} == {"MODE_BLOCKED"}
        changed = document([CROSS], speed=200)
        changed["accounts"][0]["starting_balance"] = "5"
        r.desire(changed)
        r.wait("config.applied", lambda b: b["generation"] == r.api.generation)
        head = r.head()
        r.wait("order.denied", after=head)
        assert {e.body["verdict"] for e in r.entries("mode.verdict")} == {"blocked"}
        assert r.entries("order.intent") == []
        assert r.wait("runner.started")[0].body["broker_modules"] == []


def test_any_other_trading_mode_is_a_failed_boot(tmp_path: Path) -> None:
    with rig(tmp_path, None, {"TRADING_MODE": "real"}, start=False) as r:
        r.start("runner")
        assert r.procs["runner"].wait(60) == 1
        assert "TRADING_MODE" in r.output("runner")


def test_ctl_17_only_good_commands_are_carried_out(tmp_path: Path) -> None:
    """Forged, expired, replayed (also over a restart), misaddressed, of another kind, garbage."""
    with rig(tmp_path, document([CROSS], speed=20), {}, closes={"AAA": wave(400)}) as r:
        r.wait("decision")
        body = {"command": "halt.set", "args": {"scope": "all"}, "by": "mallory"}
        good = r.api.seal("command", body)
        bad = {
            "BAD_SIGNATURE": r.api.seal("command", body, key=SigningKey.generate()),
            "EXPIRED": r.api.seal("command", body, now_ns=time.time_ns() - 60 * 10**9),
            "MISADDRESSED": r.api.seal("command", body, target="another"),
            "INVALID": b'{"v":1}',
        }
        for code, envelope in bad.items():
            answer = r.send(envelope)
            assert (answer["accepted"], answer["code"]) == (False, code)
        assert r.send(r.api.seal("desired", body))["code"] == "MISADDRESSED"
        assert r.entries("halt.set") == []
        assert r.send(good)["accepted"]
        assert r.send(good)["code"] == "REPLAYED"
        lift(r, "all")
        r.kill("runner")
        r.start("runner")
        again = until(lambda: _try(r, good), "an answer after the restart")
        assert again["code"] == "REPLAYED"
        assert len(r.entries("halt.set")) == 1
        alarms = [e.body for e in r.entries("alarm") if e.body["code"] == "COMMAND_IGNORED"]
        assert len(alarms) >= 6  # the last may not be committed yet


def _try(r: Rig, envelope: bytes) -> dict[str, Any] | None:
    try:
        return r.send(envelope, timeout_s=1)
    except TradedeckError:
        return None


def test_cfg_2_ctl_6_hand_edits(tmp_path: Path) -> None:
    """Valid: versioned by the api. Invalid: kept beside, file restored. While down: offered too."""
    with rig(tmp_path, document([CROSS], speed=20), {}, closes={"AAA": wave(400)}) as r:
        r.wait("config.applied", lambda b: b["generation"] == 1)
        path = tmp_path / "config.yaml"
        until(lambda: path.read_text().startswith("# Desired state, generation 1"), "the file")
        edited = document([CROSS], speed=33)
        path.write_text(yaml.safe_dump(edited))
        r.wait("config.applied", lambda b: b["generation"] == 2)
        assert r.api.proposals[0]["base_generation"] == 1
        assert float(r.api.proposals[0]["document"]["feeds"][0]["speed"]) == 33

        until(lambda: "generation 2" in path.read_text(), "the file to follow")
        path.write_text("version: 1\nfeeds: [{id: bars, speed: -4}]\n")
        refused = r.wait("config.refused")[0].body
        assert "feeds" in refused["path"]
        assert "-4" in (tmp_path / "config.rejected.yaml").read_text()
        until(lambda: "generation 2" in path.read_text(), "the file to be written again")

        r.api.refuse = "REFUSED"
        path.write_text(yaml.safe_dump(document([CROSS], speed=44)))
        r.wait("config.refused", lambda b: b["code"] == "REFUSED")
        assert len(r.api.documents) == 2

        r.kill("runner")  # CTL-6: an edit made while nobody looked is a proposal as well
        r.api.refuse = ""
        path.write_text(yaml.safe_dump(document([CROSS], speed=55)))
        proposals = len(r.api.proposals)
        head = r.head()
        r.start("runner")
        r.wait("config.applied", lambda b: b["generation"] == 3, after=head)
        first = r.entries("config.applied", after=head)[0].body
        assert first["generation"] == 2  # it booted from what was in force
        assert len(r.api.proposals) == proposals + 1

        r.kill("runner")  # a crash between temp and rename leaves the old file and a rest
        (tmp_path / "config.yaml.tmp").write_text("half a fi")
        head = r.head()
        r.start("runner")
        r.wait("config.applied", lambda b: b["generation"] == 3, after=head)


def test_inv_12_boots_from_the_last_good_copy(tmp_path: Path) -> None:
    with rig(tmp_path, document([CROSS], speed=20), {}, closes={"AAA": wave(400)}) as r:
        r.wait("config.applied", lambda b: b["generation"] == 1)
        r.wait("decision", count=3)
        r.kill("runner")
        r.kill("nats")  # no api, no wire, and a torn file
        (tmp_path / "config.yaml").write_bytes(b"\x00\xff{{{ version")
        head = r.head()
        r.start("runner")
        r.wait("decision", after=head, count=3)
        check_chain(r.journal)


LIVE_FAST = PAPER | {"LIVE_FILE_REFRESH_MS": "50", "LIVE_FILE_STALE_MS": "1500"}


def live(home: Path, traders: list[dict[str, Any]], **more: Any) -> tuple[Path, dict[str, Any]]:
    """A document whose feed tails a file of frames, and that file."""
    frames = home / "frames.jsonl"
    frames.write_text("")
    wanted = document(traders, source=str(frames), kind="live_file", loop=False, **more)
    del wanted["feeds"][0]["speed"], wanted["feeds"][0]["loop"]
    return frames, wanted


def tick(frames: Path, close: float) -> None:
    """One frame that closes now."""
    at = time.time_ns() - 60_000_000_000
    with frames.open("a") as out:
        out.write(
            f'{{"instrument":"AAA","time":{at},"open":{close},"high":{close},'
            f'"low":{close},"close":{close}}}\n'
        )


PYRAMID = """
from decimal import Decimal

from tradedeck.strategies.interface import Meta, Strategy
from tradedeck.trading.order import OrderType, Side
from tradedeck.trading.signal import OrderRequest, Signal


class Pyramid(Strategy):
    meta = Meta("pyramid", "Pyramid", "Adds to its position at a fill.")

    def on_bar(self, bar):
        return Signal(1.0) if self.context.position == 0 else None

    def on_fill(self, fill):
        return OrderRequest(Side.BUY, Decimal(1), OrderType.MARKET)
"""


def test_inv_10_a_price_that_grew_old_while_a_fill_was_awaited_is_not_traded_on(
    tmp_path: Path,
) -> None:
    """The fill of a slow venue comes when the bar that caused the order is too old already."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "pyramid.py").write_text(PYRAMID)
    slow = {"latency_ms": 2_000}
    frames, wanted = live(tmp_path, [trader("one", "AAA", "pyramid")], exchange=slow)
    with rig(tmp_path, wanted, LIVE_FAST) as r:
        until(lambda: (tick(frames, 100), r.entries("order.intent"))[1], "an order")
        assert r.wait("order.denied")[0].body["reason"] == "DATA_STALE"


def test_rsk_3_live_file_goes_stale_and_comes_back(tmp_path: Path) -> None:
    """Entries stop while the source is silent, by the breaker; a fresh frame resets it."""
    frames, wanted = live(tmp_path, [CROSS])
    stream = iter(wave(4000, period=6))

    def frame() -> None:
        tick(frames, next(stream))

    def feed(kind: str, **where: str) -> None:
        def found() -> bool:
            frame()
            return any(all(e.body.get(k) == v for k, v in where.items()) for e in r.entries(kind))

        until(found, f"{kind} {where}")

    with rig(tmp_path, wanted, LIVE_FAST) as r:
        feed("order.filled")
        r.wait("breaker.tripped", lambda b: b["breaker"] == "stale_checks")
        feed("breaker.reset")
        head = r.head()
        until(lambda: (frame(), r.entries("order.filled", after=head))[1], "fills again")


@pytest.mark.parametrize("strict", [True, False])
def test_run_7_a_missing_live_source(tmp_path: Path, strict: bool) -> None:
    """STRICT_LIVE_MODE: a failed boot; without it blocked and visible, never a silent replay."""
    wanted = document([CROSS], source="nowhere.jsonl", kind="live_file", loop=False)
    del wanted["feeds"][0]["speed"], wanted["feeds"][0]["loop"]
    env = PAPER | {"STRICT_LIVE_MODE": str(strict).lower(), "LIVE_FILE_REFRESH_MS": "50"}
    with rig(tmp_path, wanted, env) as r:
        if strict:
            assert r.procs["runner"].wait(60) == 1
            assert "nowhere.jsonl" in r.output("runner")
            return
        verdict = r.wait("mode.verdict", lambda b: b["verdict"] == "blocked")[0].body
        assert verdict["reasons"] == ["LIVE_SOURCE_MISSING"]
        r.wait("feed.state", lambda b: b["state"] == "failed")
        assert r.entries("order.intent") == []
