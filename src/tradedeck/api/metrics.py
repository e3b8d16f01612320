"""The api's metrics: what is measured, in one table that the reference page is made from.

Written by hand in Prometheus' text format from state that exists anyway: a registry with its
locks in every request would cost more than the request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tradedeck import __version__
from tradedeck.api.context import Context
from tradedeck.api.live import SourceState
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.readmodels.parts import mapping

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[dict[str, str], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, its kind (gauge or counter), its labels and what it says."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


METRICS: Final = (
    Metric("tradedeck_build_info", "gauge", ("version",), "1, with the build."),
    Metric("tradedeck_process_start_time_seconds", "gauge", (), "When the api started."),
    Metric(
        "tradedeck_source_age_seconds", "gauge", ("source",), "Since a journal's owner was heard."
    ),
    Metric(
        "tradedeck_source_behind_entries",
        "gauge",
        ("source",),
        "Entries of a journal that are not taken over yet.",
    ),
    Metric(
        "tradedeck_source_lag_seconds",
        "gauge",
        ("source",),
        "From commit in the journal to commit here, of the newest entry.",
    ),
    Metric(
        "tradedeck_source_stopped",
        "gauge",
        ("source",),
        "1 when nothing is taken from a journal because its chain does not hold.",
    ),
    Metric(
        "tradedeck_source_entries_total",
        "counter",
        ("source",),
        "Entries taken over since the api started.",
    ),
    Metric("tradedeck_events_head", "gauge", (), "Newest sequence of the event stream."),
    Metric("tradedeck_streams", "gauge", (), "Open event streams and sockets."),
    Metric(
        "tradedeck_streams_slow_total",
        "counter",
        (),
        "Readers let go because they did not keep up.",
    ),
    Metric("tradedeck_store_waiting", "gauge", (), "Units of work that wait for the store."),
    Metric("tradedeck_bus_connected", "gauge", (), "1 while the bus is connected."),
    Metric("tradedeck_accounts_execution_capable", "gauge", (), "Accounts that can send orders."),
    Metric("tradedeck_account_equity", "gauge", ("account",), "Equity, account currency."),
    Metric("tradedeck_account_day_pnl", "gauge", ("account",), "P&L of the day."),
    Metric("tradedeck_account_drawdown_ratio", "gauge", ("account",), "Drawdown from the peak."),
    Metric("tradedeck_traders", "gauge", ("state",), "Traders by state."),
    Metric("tradedeck_halts", "gauge", (), "Halts in force."),
    Metric("tradedeck_alerts_unacknowledged", "gauge", (), "Alerts that wait for somebody."),
    Metric("tradedeck_generation_desired", "gauge", (), "Newest desired generation."),
    Metric("tradedeck_generation_observed", "gauge", (), "Generation the runner has applied."),
    Metric("tradedeck_runner_loop_lag_seconds", "gauge", (), "Longest recent turn of the runner."),
    Metric("tradedeck_feed_stale_checks", "gauge", ("feed",), "Stale checks in a row."),
)
_STARTED: Final = time.time()
_STATES: Final = ("starting", "running", "paused", "stopped", "faulted", "blocked", "unknown")


async def render(context: Context) -> bytes:
    """Every metric now."""
    body = await context.live.made.body()
    samples = {**_process(context), **_sources(context), **_book(body, context)}
    return b"".join(_lines(metric, samples[metric.name]) for metric in METRICS)


def _process(context: Context) -> dict[str, list[Sample]]:
    hub = context.live.hub
    return {
        "tradedeck_build_info": [({"version": __version__}, 1.0)],
        "tradedeck_process_start_time_seconds": [({}, _STARTED)],
        "tradedeck_events_head": [({}, hub.head)],
        "tradedeck_streams": [({}, hub.subscribers)],
        "tradedeck_streams_slow_total": [({}, hub.slow)],
        "tradedeck_store_waiting": [({}, context.store.waiting)],
        "tradedeck_bus_connected": [({}, context.bus.state == "connected")],
    }


def _sources(context: Context) -> dict[str, list[Sample]]:
    now = context.clock.now_ns()
    found = sorted(context.live.sources.items())

    def each(value: Callable[[SourceState], float]) -> list[Sample]:
        return [({"source": name}, value(state)) for name, state in found]

    return {
        "tradedeck_source_age_seconds": [
            ({"source": name}, (now - state.seen_ns) / NS_PER_S)
            for name, state in found
            if state.seen_ns is not None
        ],
        "tradedeck_source_behind_entries": each(lambda s: max(0, s.head - s.seq)),
        "tradedeck_source_lag_seconds": each(lambda s: s.lag_ns / NS_PER_S),
        "tradedeck_source_stopped": each(lambda s: s.stopped is not None),
        "tradedeck_source_entries_total": each(lambda s: s.pulled),
    }


def _book(body: dict[str, Any], context: Context) -> dict[str, list[Sample]]:
    accounts: list[dict[str, Any]] = body["accounts"]
    states = [trader["state"] for trader in body["traders"]]
    gauges = context.live.telemetry.get(context.settings.runner)
    feeds = mapping(gauges.body.get("feeds") if gauges else None)

    def of_accounts(key: str) -> list[Sample]:
        return [({"account": a["id"]}, float(a[key])) for a in accounts if a[key] is not None]

    lag = body["runner"]["loop_lag_ms"]
    return {
        "tradedeck_accounts_execution_capable": [({}, body["execution_capable_accounts"])],
        "tradedeck_account_equity": of_accounts("equity"),
        "tradedeck_account_day_pnl": of_accounts("day_pnl"),
        "tradedeck_account_drawdown_ratio": of_accounts("drawdown"),
        "tradedeck_traders": [({"state": state}, states.count(state)) for state in _STATES],
        "tradedeck_halts": [({}, len(body["halts"]))],
        "tradedeck_alerts_unacknowledged": [({}, body["alerts"]["unacknowledged"])],
        "tradedeck_generation_desired": [({}, body["desired_generation"])],
        "tradedeck_generation_observed": [({}, body["observed_generation"])],
        "tradedeck_runner_loop_lag_seconds": [] if lag is None else [({}, lag / 1000)],
        "tradedeck_feed_stale_checks": [
            ({"feed": name}, float(mapping(feed).get("stale_checks") or 0))
            for name, feed in feeds.items()
        ],
    }


def _lines(metric: Metric, samples: Iterable[Sample]) -> bytes:
    return "".join(_text(metric, samples)).encode()


def _text(metric: Metric, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
    for labels, value in samples:
        assert tuple(labels) == metric.labels
        inner = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{metric.name}{{{inner}}} " if inner else f"{metric.name} "
        yield f"{float(value):.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def table() -> str:
    """The reference page, as Markdown."""
    rows = "\n".join(
        f"| `{m.name}` | {m.kind} | {', '.join(f'`{x}`' for x in m.labels)} | {m.help} |"
        for m in METRICS
    )
    return (
        "# Metrics\n\nServed as Prometheus text by `GET /api/v1/metrics` to whoever may read. "
        "Generated from `tradedeck.api.metrics` by `python tools/gen_metrics.py`.\n\n"
        f"| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}\n"
    )
