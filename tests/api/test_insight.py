"""Execution over time, the regime of the market, and a timeline that reaches back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api.deck import Wire, running
from tests.api.test_reading import some_days
from tradedeck.api.views_insight import EventPage, Execution, RegimeView
from tradedeck.identity import service
from tradedeck.identity.types import Role
from tradedeck.kernel.clock import parse_ns
from tradedeck.testkit.journals import MemoryJournal, TradingDay


def test_orders_are_counted_by_what_became_of_them(
    play: Any, home: Path, journal: MemoryJournal
) -> None:
    async def scenario(wire: Wire) -> None:
        some_days(journal)  # twelve filled, one denied, over six days
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            found = (await client.get("/accounts/demo/execution?points=3")).json()
            Execution.model_validate(found)
            assert (found["orders"], found["filled"], found["refused"]) == (13, 12, 1)
            assert found["working"] == 0
            buckets = found["buckets"]
            assert len(buckets) == 3
            assert [bucket["filled"] for bucket in buckets] == [4, 4, 4]
            assert [bucket["refused"] for bucket in buckets] == [0, 0, 1]
            assert [b["time"] for b in buckets] == sorted(b["time"] for b in buckets)
            assert found["width_s"] * 3 >= 5 * 86_400
            finer = (await client.get("/accounts/demo/execution")).json()
            assert len(finer["buckets"]) == 6
            assert sum(bucket["filled"] for bucket in finer["buckets"]) == 12
            assert (await client.get("/accounts/nobody/execution")).status_code == 404

    play(scenario)


def test_slippage_is_a_cost_on_either_side(play: Any, home: Path, journal: MemoryJournal) -> None:
    async def scenario(wire: Wire) -> None:
        day = TradingDay(journal)
        day.start()
        for side, price in (("BUY", "10.10"), ("SELL", "9.90")):
            day.time_ns += 1
            order = day.order(side, "10", price="10.00")
            day.accept(order)
            day.fill(order, price)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            found = (await client.get("/accounts/demo/execution")).json()
            assert round(found["slippage_bp"], 6) == 100.0
            assert found["latency_ms_p50"] is not None

    play(scenario)


def test_an_account_without_orders_has_no_figures(
    play: Any, home: Path, journal: MemoryJournal
) -> None:
    async def scenario(wire: Wire) -> None:
        TradingDay(journal).start()
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            found = (await client.get("/accounts/demo/execution")).json()
            assert (found["orders"], found["buckets"]) == (0, [])
            assert found["slippage_bp"] is None
            assert found["latency_ms_p95"] is None

    play(scenario)


def test_a_regime_is_told_up_to_the_feed_s_cursor(
    play: Any, home: Path, journal: MemoryJournal
) -> None:
    async def scenario(wire: Wire) -> None:
        TradingDay(journal).start("paper")
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            before = (await client.get("/accounts/paper/regime")).json()
            RegimeView.model_validate(before)
            assert before["spans"] == []  # no feed has said where its cursor is
            assert before["formula"]
            cursor = parse_ns("2008-10-10T20:00:00Z")
            journal.append(
                "feed.state",
                {
                    "feed": (await client.get("/feeds")).json()["items"][0]["id"],
                    "state": "running",
                    "reason": "",
                    "cursor_ns": cursor,
                    "source": "bundled:us-daily",
                    "data_mode": "replay",
                },
            )
            await wire.hint()
            await deck.settled(journal.head)
            found = (await client.get("/accounts/paper/regime")).json()
            RegimeView.model_validate(found)
            assert found["spans"][0]["regime"] == "unknown"
            assert found["spans"][-1]["end"] <= "2008-10-10T20:00:00Z"
            assert {span["regime"] for span in found["spans"]} == {
                "unknown", "rising", "falling", "turbulent",
            }  # fmt: skip
            # The crash of 2008 was not calm, whatever the threshold.
            assert found["spans"][-1]["regime"] == "turbulent"
            assert (await client.get("/accounts/nobody/regime")).status_code == 404

    play(scenario)


def test_history_reaches_back_by_kind_and_page(
    play: Any, home: Path, journal: MemoryJournal
) -> None:
    async def scenario(wire: Wire) -> None:
        some_days(journal)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            whole = (await client.get("/events/history?limit=500")).json()
            EventPage.model_validate(whole)
            assert whole["next_cursor"] is None
            kinds = {event["kind"] for event in whole["items"]}
            assert {"order.denied", "order.filled", "halt.set", "config.applied"} <= kinds
            assert not kinds & {"decision", "equity", "order.intent", "order.accepted"}
            numbers = [event["seq"] for event in whole["items"]]
            assert numbers == sorted(numbers, reverse=True)

            seen: list[Any] = []
            cursor: str | None = ""
            while cursor is not None:
                more = f"&cursor={cursor}" if cursor else ""
                page = (await client.get(f"/events/history?limit=4{more}")).json()
                seen += page["items"]
                cursor = page["next_cursor"]
            assert seen == whole["items"]

            wanted = "order.denied,halt.set"
            some = (await client.get(f"/events/history?kind={wanted}")).json()["items"]
            assert [event["kind"] for event in some] == ["halt.set", "order.denied"]
            assert (await client.get("/events/history?kind=equity")).status_code == 422

    play(scenario)


def test_the_audit_is_searched_by_the_api(play: Any, home: Path, journal: MemoryJournal) -> None:
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            for name in ("alpha_1", "alphaX1"):
                await deck.context.store.write(
                    lambda w, name=name: service.create_token(
                        w, name=name, role=Role.VIEWER, days=1, who=service.HOST,
                        now_ns=deck.context.clock.now_ns(),
                    )
                )  # fmt: skip
            every = (await client.get("/audit")).json()["items"]
            made = [r for r in every if r["act"] == "identity:token:create"]
            assert len(made) >= 2

            async def found(**query: str) -> list[Any]:
                answer = await client.get("/audit", params=query)
                assert answer.status_code == 200, answer.text
                return answer.json()["items"]

            assert await found(q="TOKEN:CREATE") == made
            assert await found(q=made[0]["audit_id"]) == [made[0]]
            # A wildcard of SQL is a letter like any other.
            assert await found(q="%") == []
            assert await found(q="token_create") == []
            assert await found(**{"from": made[0]["at"]}) == [
                r for r in every if r["at"] >= made[0]["at"]
            ]
            assert made[0] not in await found(to=made[0]["at"])
            assert (await client.get("/audit?from=yesterday")).status_code == 422

    play(scenario)
