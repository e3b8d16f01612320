"""What each kind of job does: from stored parameters to a bounded result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

from tradedeck.engine import performance
from tradedeck.engine.performance import RoundTrip
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.marketdata.sources import PREFIX
from tradedeck.venue.model import ExchangeModel
from tradedeck.worker.run import Outcome, Request, execute

EQUITY_POINTS_MAX: Final = 2_000
TRADES_MAX: Final = 10_000
_COSTS: Final = ("spread_bps", "slippage_bps", "fee_bps", "fee_min")


def data_path(text: str, folder: Path) -> str:
    """`bundled:…` as it is; anything else is a file in the home's data folder and nowhere else.

    Raises:
        TradedeckError: NOT_FOUND.
    """
    if text.startswith(PREFIX):
        return text
    root = folder.resolve()
    path = (root / text).resolve()
    if path == root or not path.is_relative_to(root) or not path.exists():
        raise TradedeckError(
            Code.NOT_FOUND,
            f"There is no data {text!r}.",
            hint="Put files into the data folder of the home; GET /backtests/data lists them.",
        )
    return str(path)


def backtest(
    params: dict[str, Any],
    *,
    strategies: Path | None,
    data_folder: Path,
    sized: Callable[[int], None],
    progress: Callable[[int], bool],
) -> dict[str, Any]:
    """Run a backtest; the result has at most 2,000 points of equity and 10,000 trades."""
    request = _request(params, data_folder)
    outcome = execute(request, strategies=strategies, progress=progress, sized=sized)
    return {**outcome.to_json(), "data": params["data"], **_series(outcome)}


def _request(params: dict[str, Any], data_folder: Path) -> Request:
    sizing = params["sizing"]
    costs = cast("dict[str, Any]", params.get("costs") or {})
    given = {name: Decimal(str(costs[name])) for name in _COSTS if costs.get(name) is not None}
    values: dict[str, Any] = {}
    if given:
        values["model"] = ExchangeModel(**given)
    return Request(
        strategy=params["strategy"],
        data=data_path(params["data"], data_folder),
        instrument=params.get("instrument") or "",
        interval=params.get("interval"),
        preset=params.get("preset") or "",
        params=params.get("params") or {},
        balance=Decimal(params["starting_balance"]),
        sizing=Sizing(SizingKind(sizing["kind"]), Decimal(str(sizing["value"]))),
        start=params.get("start") or "",
        end=params.get("end") or "",
        session_gate=bool(params.get("session_gate", True)),
        **values,
    )


def _series(outcome: Outcome) -> dict[str, Any]:
    result = outcome.result
    trips = performance.round_trips(result.fills, float(outcome.instrument.multiplier))
    return {
        "equity": _curve(result.curve, float(result.opening_balance)),
        "trades": _trades(
            trips[-TRADES_MAX:],
            float(result.opening_balance) + sum(trip.pnl for trip in trips[:-TRADES_MAX]),
        ),
        "trades_total": len(trips),
        "halts": result.halts,
    }


def _curve(curve: Sequence[tuple[int, float]], opening: float) -> list[list[Any]]:
    """[time, equity, drawdown]: of each bucket the lowest and the highest, so no fall is lost."""
    peak = opening
    points: list[tuple[int, float, float]] = []
    for time_ns, equity in curve:
        peak = max(peak, equity)
        points.append((time_ns, equity, 1 - equity / peak if peak > 0 else 0.0))
    kept = points if len(points) <= EQUITY_POINTS_MAX else _extremes(points)
    return [[format_ns(at), round(equity, 2), round(fall, 6)] for at, equity, fall in kept]


def _extremes(points: Sequence[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    buckets = EQUITY_POINTS_MAX // 2 - 1
    kept: dict[int, None] = {0: None}
    for bucket in range(buckets):
        begin = bucket * len(points) // buckets
        inside = range(begin, max(begin + 1, (bucket + 1) * len(points) // buckets))
        low = min(inside, key=lambda index: points[index][1])
        high = max(inside, key=lambda index: points[index][1])
        kept |= dict.fromkeys(sorted((low, high)))
    kept[len(points) - 1] = None
    return [points[index] for index in sorted(kept)]


def _trades(trips: Sequence[RoundTrip], equity: float) -> list[list[Any]]:
    """Rows of the columns that exported trades have (RUN-9), then quantity and opening time."""
    rows: list[list[Any]] = []
    for trip in trips:
        equity += trip.pnl
        fields = asdict(trip)
        outcome = "win" if trip.pnl > 0 else "loss" if trip.pnl < 0 else "flat"
        rows.append(
            [
                format_ns(trip.closed_ns),
                round(trip.entry_price, 8),
                round(trip.exit_price, 8),
                round(trip.pnl, 2),
                outcome,
                None if fields["r"] is None else round(fields["r"], 4),
                round(equity, 2),
                trip.quantity,
                format_ns(trip.opened_ns),
            ]
        )
    return rows
