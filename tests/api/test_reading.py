"""Reading routes: shapes as declared, pages and their limits, files, refusals, anonymity."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.api.deck import Wire, running, token
from tradedeck.api import export, metrics, views, views_operations
from tradedeck.api.app import build
from tradedeck.api.front import is_public
from tradedeck.identity.types import Role
from tradedeck.testkit.journals import MemoryJournal, TradingDay

SHAPES = {
    "/status": views.Status,
    "/accounts": views.AccountList,
    "/accounts/demo/equity": views.EquitySeries,
    "/accounts/demo/performance": views.Performance,
    "/accounts/demo/limits": views.HeadroomList,
    "/positions": views.PositionList,
    "/feeds": views.FeedList,
    "/halts": views.HaltList,
    "/orders": views.OrderPage,
    "/orders/o1": views.OrderDetail,
    "/fills": views.FillPage,
    "/ledger": views.LedgerPage,
    "/trades": views.TradePage,
    "/decisions": views.DecisionPage,
    "/signals": views.DecisionPage,
    "/alerts?state=all": views.AlertPage,
    "/traders": views.TraderList,
    "/health/components": views_operations.ComponentList,
    "/logs": views_operations.LogPage,
}
RUN_9 = ["trade_time", "entry_price", "exit_price", "pnl", "outcome", "r_multiple", "equity"]


def some_days(journal: MemoryJournal) -> TradingDay:
    day = TradingDay(journal)
    day.start()
    for number in range(6):
        day.decide("15.00", target="1", stop="14.00", orders=(f"o{2 * number + 1}",))
        day.trade("BUY", "100", "15.00")
        day.trade("SELL", "100", f"1{5 + number % 3 - 1}.00")
        day.equity("100000", drawdown="0.01")
    day.order("BUY", "5", status="DENIED")
    journal.append("alarm", {"code": "X", "detail": "d", "severity": "warning"})
    journal.append("halt.set", {"scope": "all", "level": "pause", "reason": "r", "by": "b"})
    return day


def test_every_answer_has_its_declared_shape(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        some_days(journal)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            for path, shape in SHAPES.items():
                answer = await client.get(path)
                assert answer.status_code == 200, (path, answer.text)
                found = shape.model_validate(answer.json(), strict=False)
                assert set(answer.json()) == set(shape.model_fields), path
                assert found.model_dump(mode="json", exclude_unset=True) == answer.json(), path

    play(scenario)


def test_the_status_tells_what_was_journaled(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        day = some_days(journal)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            await deck.context.live.status.get()  # the first makes it
            body = await deck.context.live.made.body()
            account = next(a for a in body["accounts"] if a["id"] == "demo")
            assert account["balance"] == str(day.balance)
            assert (body["mode"], body["execution_capable_accounts"]) == ("paper", 1)
            assert (body["runner"]["state"], body["last_seq"]) == ("running", journal.head)
            assert body["halts"][0]["level"] == "pause"
            assert body["alerts"]["unacknowledged"] == 1
            assert (await client.get("/status")).headers["cache-control"] == "no-store"

    play(scenario)


def test_a_home_without_a_runner_says_so(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        wire.hub.services.clear()
        async with running(home, wire) as deck, deck.client() as client:
            body = (await client.get("/status")).json()
            assert (body["mode"], body["mode_reasons"]) == ("blocked", ["RUNNER_NEVER_SEEN"])
            assert body["runner"]["state"] == "unknown"
            assert body["execution_capable_accounts"] == 0
            assert body["reconcile"]["verdict"] == "unknown"
            down = await client.get("/traders/aapl-momentum/signal")
            assert (down.status_code, down.json()["code"]) == (503, "UNAVAILABLE")

    play(scenario)


def test_inv_16_a_runner_that_falls_silent_is_not_shown_as_it_last_was(
    play: Any, home: Path, journal: MemoryJournal
):
    async def scenario(wire: Wire) -> None:
        some_days(journal)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            body = (await client.get("/status")).json()
            assert body["runner"]["state"] == "running"
            assert body["runner"]["age_ms"] is not None
            wire.hub.services.clear()  # nobody answers for the journal any more
            async with asyncio.timeout(60):
                while body["runner"]["state"] == "running":
                    await asyncio.sleep(0.1)
                    body = (await client.get("/status")).json()
            assert body["runner"]["state"] == "silent"
            assert body["runner"]["age_ms"] > 0
            assert {trader["state"] for trader in body["traders"]} == {"unknown"}
            assert not {feed["state"] for feed in body["feeds"]} & {"running", "paused"}
            assert body["mode_reasons"] == ["RUNNER_SILENT"]
            items = (await client.get("/health/components")).json()["items"]
            assert {i["id"]: i["state"] for i in items}["journal/local"] == "down"

    play(scenario)


@pytest.mark.parametrize("name", ["orders", "fills", "ledger", "trades", "decisions"])
def test_pages_join_to_the_whole_list(play: Any, home: Path, journal: MemoryJournal, name: str):
    async def scenario(wire: Wire) -> None:
        some_days(journal)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            whole = (await client.get(f"/{name}?limit=500")).json()
            assert whole["next_cursor"] is None
            seen: list[Any] = []
            cursor = ""
            while cursor is not None:
                more = f"&cursor={cursor}" if cursor else ""
                found = (await client.get(f"/{name}?limit=3{more}")).json()
                assert len(found["items"]) <= 3
                seen += found["items"]
                cursor = found["next_cursor"]
            assert seen == whole["items"]
            assert [i["seq"] for i in seen] == sorted((i["seq"] for i in seen), reverse=True)

    play(scenario)


@pytest.mark.parametrize(
    "path",
    [
        "/orders?limit=0",
        "/orders?limit=501",
        "/orders?limit=x",
        "/orders?cursor=-1",
        "/orders?cursor=99999999999999999999",
        "/orders?status=LOST",
        "/orders?from=yesterday",
        "/orders?from=2020-01-01T00:00:00",
        "/orders?trader=%27%20or%201",
        "/fills?format=xls",
        "/accounts/demo/equity?points=1",
        "/accounts/demo/equity?points=5001",
        "/logs?limit=1001",
        "/logs?process=../store",
        "/decisions?verdict=maybe",
        "/alerts?state=closed",
        "/events?after=-1",
        "/backtests?limit=501",
        "/backtests/x",
    ],
)
def test_limits_and_filters_are_held(play: Any, home: Path, path: str):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            answer = await client.get(path)
            assert answer.status_code == 422, (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"

    play(scenario)


def test_filters(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        some_days(journal)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)

            async def count(path: str) -> int:
                return len((await client.get(path)).json()["items"])

            assert await count("/orders?status=DENIED") == 1
            assert await count("/orders?status=FILLED,DENIED&limit=500") == 13
            assert await count("/orders?status=open") == 0
            assert await count("/orders?trader=nobody") == 0
            assert await count("/fills?order=o1") == 1
            assert await count("/ledger?ledger=cash&limit=500") > await count("/trades")
            assert await count("/trades?from=2004-08-22T00:00:00Z&to=2004-08-23T00:00:00Z") == 1
            missing = await client.get("/orders/nothing")
            assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")

    play(scenario)


def test_exports(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        some_days(journal)
        journal.append(
            "order.denied",
            {
                "order": {
                    **_order(journal),
                    "id": "o99",
                    "strategy": "=cmd|' /C calc'!A0",
                },
                "reason": "@SUM(1)",
                "numbers": {},
            },
        )
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            answer = await client.get("/trades?format=csv")
            assert answer.headers["content-disposition"] == 'attachment; filename="trades.csv"'
            rows = list(csv.reader(io.StringIO(answer.text)))
            assert rows[0][:7] == RUN_9
            assert len(rows) == 7
            assert rows[1][0] < rows[-1][0]
            text = (await client.get("/orders?format=csv")).text
            assert "'=cmd|" in text
            assert "'@SUM(1)" in text
            assert not re.search(r"(^|,)[=@+]", text, re.MULTILINE)
            assert "-102.00" in (await client.get("/trades?format=csv")).text
            data = (await client.get("/fills?format=parquet")).content
            path = home / "fills.parquet"
            path.write_bytes(data)
            found = duckdb.read_parquet(str(path)).aggregate("count(*), sum(fee)").fetchall()
            assert [(count, float(fees)) for count, fees in found] == [(12, 12.0)]
            for name in ("orders", "ledger", "trades"):
                answer = await client.get(f"/{name}?format=parquet")
                assert answer.content[:4] == b"PAR1", answer.text
            equity = await client.get("/accounts/demo/equity?format=csv")
            assert equity.text.startswith("time,at,account,equity")
            acts = (await client.get("/audit?act=readmodels:data:export")).json()["items"]
            assert len(acts) == 8

    play(scenario)


def _order(journal: MemoryJournal) -> dict[str, Any]:
    import orjson

    return orjson.loads(next(e.body for e in journal.entries if e.kind == "order.intent"))["order"]


def test_parquet_without_duckdb_is_a_clear_problem(
    play: Any, home: Path, monkeypatch: pytest.MonkeyPatch
):
    import sys

    monkeypatch.setitem(sys.modules, "duckdb", None)

    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            answer = await client.get("/fills?format=parquet")
            assert (answer.status_code, answer.json()["code"]) == (503, "MISSING_DEPENDENCY")
            assert "parquet" in answer.json()["hint"]

    play(scenario)


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("-1.5", "-1.5"),
        ("+3", "+3"),
        ("-cmd", "'-cmd"),
        ("@a", "'@a"),
        ("\t=a", "'\t=a"),
        (None, ""),
        (True, "true"),
        ({"a": 1}, '{"a":1}'),
        ("plain", "plain"),
    ],
)
def test_cells(given: Any, safe: str):
    assert export.safe_cell(given) == safe


def test_inv_15_every_route_refuses_the_anonymous(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client("") as client:
            for path, operations in build().openapi()["paths"].items():
                if not path.startswith("/api/v1/"):
                    continue
                real = re.sub(r"\{[^}]+\}", "x", path).removeprefix("/api/v1")
                for method in operations:
                    if is_public(method.upper(), path):  # tests/api/test_access.py holds the list
                        continue
                    answer = await client.request(method, real)
                    assert answer.status_code == 401, (method, path)
                    assert answer.json()["code"] == "UNAUTHENTICATED"

    play(scenario)


def test_an_alert_is_acknowledged_once_and_audited(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        journal.append("alarm", {"code": "X", "detail": "d", "severity": "warning"})
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(1)
            (alert,) = (await client.get("/alerts")).json()["items"]
            viewer = await token(deck.context, Role.VIEWER)
            async with deck.client(viewer) as other:
                refused = await other.post(f"/alerts/{alert['id']}/acknowledge")
                assert refused.status_code == 403
            path = f"/alerts/{alert['id']}/acknowledge"
            done = await client.post(path, json={"note": "looking"})
            said = done.json()
            assert (said["acknowledged_by"], said["note"]) == ("test-admin", "looking")
            assert (await client.post(path)).status_code == 409
            assert (await client.post("/alerts/99/acknowledge")).status_code == 404
            assert (await client.get("/alerts")).json()["items"] == []
            assert len((await client.get("/alerts?state=all")).json()["items"]) == 1
            acts = (await client.get("/audit?act=incidents:alert:acknowledge")).json()
            assert acts["items"][0]["target"] == f"alert/{alert['id']}"
            assert deck.context.live.hub.head == 2  # the stream carries it too

    play(scenario)


def test_equity_keeps_every_peak_and_trough(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        day = TradingDay(journal)
        day.start()
        for number in range(900):
            day.time_ns += 60_000_000_000
            day.equity("5" if number == 437 else "99999" if number == 611 else "1000")
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            found = (await client.get("/accounts/demo/equity?points=40")).json()["points"]
            values = [point["equity"] for point in found]
            assert len(found) <= 40
            assert {5.0, 99999.0} <= set(values)
            assert [p["time"] for p in found] == sorted(p["time"] for p in found)
            whole = (await client.get("/accounts/demo/equity?points=5000")).json()["points"]
            assert len(whole) == 900

    play(scenario)


def test_metrics_are_those_of_the_reference_page(play: Any, home: Path, journal: MemoryJournal):
    page = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
    assert page.read_text("utf-8") == metrics.table(), "run tools/gen_metrics.py"

    async def scenario(wire: Wire) -> None:
        some_days(journal)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            answer = await client.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            names = set(re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE))
            assert names == {metric.name for metric in metrics.METRICS}
            assert 'tradedeck_account_equity{account="demo"} 100000' in answer.text
            assert deck.token not in answer.text

    play(scenario)


def test_a_trader_s_chart_has_candles_and_marks(play: Any, home: Path, journal: MemoryJournal):
    async def scenario(wire: Wire) -> None:
        day = TradingDay(journal)
        day.start("paper")
        day.time_ns = 1_093_032_000_000_000_000
        names = {"trader": "aapl-momentum", "account": "paper"}
        day.decide("15.00", target="1", stop="14.00", orders=("o1",), **names)
        day.trade("BUY", "100", "15.00", **names)
        async with running(home, wire) as deck, deck.client() as client:
            await deck.settled(journal.head)
            found = (await client.get("/traders/aapl-momentum/bars")).json()
            views.TraderBars.model_validate(found)
            assert found["origin"] == "decisions"  # no feed has said where its cursor is
            journal.append(
                "feed.state",
                {
                    "feed": (await client.get("/feeds")).json()["items"][0]["id"],
                    "state": "running",
                    "reason": "",
                    "cursor_ns": day.time_ns,
                    "source": "bundled:us-daily",
                    "data_mode": "replay",
                },
            )
            await wire.hint()
            await deck.settled(journal.head)
            found = (await client.get("/traders/aapl-momentum/bars?points=50")).json()
            views.TraderBars.model_validate(found)
            assert (found["origin"], len(found["bars"])) == ("feed", 50)
            assert {mark["kind"] for mark in found["marks"]} == {"signal", "order", "fill"}
            times = {bar["time"] for bar in found["bars"]}
            assert {mark["time"] for mark in found["marks"]} <= times
            assert (await client.get("/traders/nobody/bars")).status_code == 404

    play(scenario)
