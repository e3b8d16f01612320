"""Dead-man timers of the exchange, under a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.kit import bar, order
from tradedeck.exchange.core import ExchangeCore
from tradedeck.journal.log import Journal
from tradedeck.kernel.clock import NS_PER_S, ManualClock
from tradedeck.kernel.errors import Code, TradedeckError


class Exchange:
    """Two accounts with an order at rest each; `main` has a timer."""

    def __init__(self, home: Path) -> None:
        self.path = home / "paper.db"
        self.clock = ManualClock(NS_PER_S)
        self.core = self._open()
        for account in ("main", "other"):
            self.account(account, dead_man_timer=account == "main")
        self.core.handle({"op": "bar", "bar": bar(100).to_list()})
        for account in ("main", "other"):
            rests = order("BUY", 5, type="LIMIT", limit=90, name=f"rests-{account}")
            rests.account = account
            self.core.handle({"op": "place", "order": rests.to_body()})
        self.core.commit()

    def _open(self) -> ExchangeCore:
        self.journal = Journal(self.path, self.clock.now_ns)
        return ExchangeCore(self.journal, self.clock.monotonic_ns)

    def account(self, name: str, **more: Any) -> None:
        body = {"op": "account", "account": name, "currency": "USD", "balance": "10000", **more}
        self.core.handle(body)

    def restart(self) -> None:
        self.core.commit()
        self.journal.close()
        self.core = self._open()

    def arm(self, seconds: float, account: str = "main") -> dict[str, Any]:
        body = {"op": "arm_dead_man", "account": account, "seconds": seconds}
        return self.core.handle(body)

    def pass_s(self, seconds: float) -> list[str]:
        """Time passes; the orders that the exchange cancels by itself."""
        self.clock.advance(int(seconds * NS_PER_S))
        reports = self.core.fire(self.clock.now_ns())
        self.core.commit()
        assert all(report["kind"] == "cancelled" for report in reports)
        return [report["client_id"] for report in reports]

    def states(self) -> list[str]:
        return [str(e.body) for e in self.journal.iterate(0) if e.kind == "exch.timer"]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    made = Exchange(tmp_path)
    yield made
    made.journal.close()


def test_what_nobody_renews_is_cancelled_once_and_of_that_account_alone(exchange: Exchange) -> None:
    assert exchange.arm(10) == {"seconds": 10, "fired_ns": None}
    for _ in range(5):
        assert exchange.pass_s(9) == []
        exchange.arm(10)
    assert exchange.pass_s(10) == ["rests-main"]
    fired = exchange.clock.now_ns()
    assert exchange.pass_s(100) == []
    assert exchange.arm(0) == {"seconds": 0, "fired_ns": fired}
    states = exchange.states()
    assert len(states) == 2  # not one of the renewals
    assert '"state":"armed"' in states[0]
    assert '"state":"fired"' in states[1]
    alarms = [e.body for e in exchange.journal.iterate(0) if e.kind == "alarm"]
    assert len(alarms) == 1
    assert "DEAD_MAN_FIRED" in alarms[0]
    [left] = exchange.core.handle({"op": "snapshot", "account": "other"})["working"]
    assert left["client_id"] == "rests-other"


def test_one_that_is_taken_back_does_not_go_off(exchange: Exchange) -> None:
    exchange.arm(10)
    exchange.arm(0)
    assert exchange.pass_s(100) == []
    assert '"state":"disarmed"' in exchange.states()[-1]


def test_a_restart_of_the_exchange_keeps_it_for_its_whole_time(exchange: Exchange) -> None:
    exchange.arm(10)
    exchange.pass_s(9)
    exchange.restart()
    assert exchange.pass_s(9) == []
    assert exchange.pass_s(1) == ["rests-main"]
    exchange.restart()
    assert exchange.pass_s(100) == []


@pytest.mark.parametrize(
    ("account", "seconds", "code"),
    [
        ("other", 10, Code.FORBIDDEN),
        ("main", -1, Code.INVALID),
        ("main", 3601, Code.INVALID),
        ("main", float("nan"), Code.INVALID),
        ("nobody", 10, Code.NOT_FOUND),
    ],
)
def test_what_makes_no_sense_is_refused(
    exchange: Exchange, account: str, seconds: float, code: Code
) -> None:
    with pytest.raises(TradedeckError) as refused:
        exchange.arm(seconds, account)
    assert refused.value.code is code
    assert exchange.states() == []
