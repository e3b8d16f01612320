"""INV-6: a kill works whatever else does not, and never flips a position. Real processes.

Without api and messages nobody can ask: there the runner's own limits are the kill.
"""

from __future__ import annotations

import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.host.harness import write as write_strategies
from tests.runner.harness import PAPER, Rig, check_books, document, rig, state, trader, until
from tests.runner.kills import done, kill, venue

pytestmark = pytest.mark.processes

HOLD = "return None if self.context.position else Signal(1.0)"
# Holds from the first bar, and hangs inside one C call from the first bar above 105.
HANG = f"if bar.close > 105: return sum(range(10**11))\n{HOLD}"
# Holds, and rests orders away from the market until the limiters refuse.
CROWD = """
if not self.context.position: return Signal(1.0)
return OrderRequest(Side.BUY, Decimal(1), OrderType.LIMIT, Decimal("50.00"))
"""  # fmt: skip
SLOW = PAPER | {"TRADEDECK_CALLBACK_DEADLINE_MS": "8000"}


def deck(home: Path, strategies: dict[str, str], closes: list[float], **more: Any) -> Any:
    """One trader per strategy, each on an instrument of its own with the same prices."""
    write_strategies(home / "strategies", strategies)
    symbols = {name: f"S{number}" for number, name in enumerate(strategies)}
    traders = [trader(f"t-{name}", symbols[name], name) for name in strategies]
    wanted = document(traders, loop=False, **more)
    return rig(home, wanted, SLOW, closes=dict.fromkeys(symbols.values(), closes))


def flat(r: Rig) -> bool:
    """At the venue, by its own journal."""
    rows = {n: b for n, b in state(r.exchange).items() if n.startswith("position/")}
    return bool(rows) and all(Decimal(row["quantity"]) == 0 for row in rows.values())


def working(r: Rig) -> list[str]:
    """Orders that still rest at the venue."""
    return [name for name in state(r.exchange) if name.startswith("order/")]


def check_never_flipped(r: Rig, after: int) -> None:
    """Every close only brought a position nearer to zero; nothing opened behind it."""
    held: dict[str, Decimal] = {}
    for entry in r.entries("order.filled"):
        fill = entry.body["fill"]
        signed = Decimal(fill["quantity"]) * (1 if fill["side"] == "BUY" else -1)
        before = held.get(fill["instrument"], Decimal(0))
        held[fill["instrument"]] = before + signed
        if entry.seq > after:
            assert abs(before + signed) < abs(before)
            assert (before + signed) * before >= 0


def check_killed(r: Rig, after: int) -> None:
    """Flat, nothing rests, never through zero, and both books tell the same."""
    until(lambda: flat(r) and not working(r), "everything to be closed at the venue")
    r.kill("runner", signal.SIGTERM)
    check_never_flipped(r, after)
    check_books(r.journal, r.exchange)


def test_inv_6_while_halted(tmp_path: Path) -> None:
    with deck(tmp_path, {"holds": HOLD, "other": HOLD}, [100.0] * 400, speed=20) as r:
        r.wait("order.filled", count=2)
        for scope in ("all", "account/main", "trader/t-holds"):
            assert r.command("halt.set", scope=scope, level="halted", reason="drill")["accepted"]
        head = r.head()
        assert r.command("flatten", scope="all")["code"] == "DONE"
        check_killed(r, head)


def test_inv_6_with_the_limiters_exhausted(tmp_path: Path) -> None:
    limits = {"orders_per_minute": 4, "open_orders_max": 3, "order_value_max": "1001"}
    with deck(tmp_path, {"crowds": CROWD}, [100.0] * 400, speed=20, limits=limits) as r:
        r.wait("order.denied", lambda b: b["reason"] in ("ORDER_RATE_LIMIT", "ORDERS_OPEN_LIMIT"))
        assert working(r)
        head = r.head()
        assert r.command("flatten", scope="account/main")["code"] == "DONE"
        check_killed(r, head)


def test_inv_6_with_a_strategy_hung_in_a_c_call(tmp_path: Path) -> None:
    """The kill is done before the strategy's deadline has ended its process."""
    closes = [100.0] * 10 + [106.0] * 400
    with deck(tmp_path, {"hangs": HANG, "other": HOLD}, closes, speed=20) as r:
        r.wait("decision", count=20)  # ten bars of two traders: the eleventh hangs
        time.sleep(0.5)
        head = r.head()
        assert r.command("flatten", scope="all")["code"] == "DONE"
        until(lambda: flat(r), "everything to be closed at the venue")
        assert r.entries("host.killed") == []
        killed = r.wait("host.killed")[0]
        assert killed.body["reason"] == "deadline"
        check_killed(r, head)


def test_inv_6_without_api_and_messages_the_limits_flatten(tmp_path: Path) -> None:
    """Nobody is there to ask: halted, at its limits and cut off, the runner closes by itself."""
    limits = {
        "orders_per_minute": 2,
        "day_loss_max": {"bound": "150", "action": "flatten"},
    }
    closes = [100.0] * 60 + [80.0] * 340
    with deck(tmp_path, {"holds": HOLD, "other": HOLD}, closes, speed=20, limits=limits) as r:
        r.wait("order.filled", count=2)
        assert r.command("halt.set", scope="all", level="reduce_only")["accepted"]
        head = r.head()
        r.kill("nats")
        r.wait("limit.breached", lambda b: b["limit"] == "day_loss_max", after=head)
        until(lambda: flat(r), "everything to be closed at the venue")
        halt = state(r.journal)["halts"]["account/main"]
        assert (halt["level"], halt["by"]) == ("halted", "limit")
        check_killed(r, head)


def test_inv_6_every_kind_of_close_at_once_is_one_close(tmp_path: Path) -> None:
    """By hand, by trader, by strategy, and a kill, on a venue that is slow: one closer does it."""
    slow = {"latency_ms": 400}
    with deck(tmp_path, {"holds": HOLD}, [100.0] * 400, speed=20, exchange=slow) as r:
        r.wait("order.filled")
        head = r.head()
        asked = [
            r.command("flatten", scope="strategy/holds"),
            r.command("position.close", account="main", instrument="S0"),
            r.command("trader.stop", trader="t-holds", close=True),
            r.command("flatten", scope="instrument/S0"),
        ]
        assert [answer["code"] for answer in asked if not answer["accepted"]] in ([], ["CONFLICT"])
        kill(r, "c", "all")
        done(r, "c")
        orders = [e.body["order"] for e in r.entries("order.intent", after=head)]
        assert len([order for order in orders if order["purpose"] == "close"]) == 1
        assert r.entries("close.requested", after=head)
        assert len({e.body["id"] for e in r.entries("kill.requested")}) == 1  # closes are no kills
        check_killed(r, head)


@pytest.mark.parametrize("scope", ["strategy/holds", "instrument/S0", "trader/t-holds"])
def test_inv_6_a_flatten_takes_the_scopes_of_a_kill_and_only_pauses(
    tmp_path: Path, scope: str
) -> None:
    strategies = {"holds": HOLD, "other": HOLD}
    with deck(tmp_path, strategies, [100.0] * 400, speed=20) as r:
        r.wait("order.filled", count=2)
        head = r.head()
        assert r.command("flatten", scope=scope)["accepted"]
        flat = r.wait("close.flat", after=head)[0].body
        assert len(flat["proof"]["reads"]) == 3
        assert venue(r) == ({("main", "S1"): Decimal(10)}, {})
        halt = state(r.journal)["halts"][scope]
        assert (halt["level"], halt["kill"]) == ("pause", None)


def test_inv_6_a_flatten_goes_on_after_kill_9(tmp_path: Path) -> None:
    slow = {"latency_ms": 1500}
    with deck(tmp_path, {"holds": HOLD}, [100.0] * 400, speed=20, exchange=slow) as r:
        r.wait("order.filled")
        head = r.head()
        assert r.command("flatten", scope="all")["accepted"]
        r.kill("runner")
        r.start("runner")
        r.wait("close.flat", after=head)
        check_killed(r, head)


def test_inv_6_a_kill_that_is_given_twice_does_not_flip(tmp_path: Path) -> None:
    """Closes in flight when the next kill comes: with an answer that is slow, twice as many."""
    with deck(
        tmp_path, {"holds": HOLD}, [100.0] * 400, speed=20, exchange={"latency_ms": 400}
    ) as r:
        r.wait("order.filled")
        head = r.head()
        for scope in ("all", "account/main", "trader/t-holds"):
            assert r.command("flatten", scope=scope)["accepted"]
        check_killed(r, head)
