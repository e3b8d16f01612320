"""Figures of an account, a trader or a backtest with their formulas, by `engine.performance`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select

from tradedeck.engine.performance import RoundTrip, measure
from tradedeck.projections import tables as t
from tradedeck.readmodels.equity import lap_start
from tradedeck.store.sessions import ReadSession

DAY_NS: Final = 86_400_000_000_000
DISCLAIMER: Final = "Past results on these data say nothing certain about future ones."
_TRADES_MAX: Final = 100_000
# name: (label, unit, formula); the formulas are those of `engine.performance`.
FIGURES: Final[dict[str, tuple[str, str, str]]] = {
    "total_return": ("Return", "ratio", "E_end / E_start - 1"),
    "annual_return": ("Annual return", "ratio", "(E_end / E_start)^(1 / years) - 1"),
    "volatility": ("Volatility", "ratio", "stdev(daily returns) x √(days per year)"),
    "sharpe": ("Sharpe", "number", "mean / stdev of daily returns x √(days per year), risk-free 0"),
    "max_drawdown": ("Max drawdown", "ratio", "max of 1 - E_t / max(E_s, s ≤ t)"),
    "trades": ("Trades", "count", "closed round trips"),
    "win_rate": ("Win rate", "ratio", "winning trades / trades"),
    "profit_factor": ("Profit factor", "number", "Σ gains / |Σ losses|; none without a loss"),
    "expectancy": ("Expectancy", "currency", "mean P&L per trade, net of fees"),
    "expectancy_r": (
        "Expectancy in R",
        "R",
        "mean of P&L / risk planned at entry (no stop planned: / average loss)",
    ),
    "exposure": ("Exposure", "ratio", "share of bars with a position"),
    "days": ("Days", "count", "trading days with a return"),
}
_OF_TRADES: Final = ("trades", "win_rate", "profit_factor", "expectancy", "expectancy_r")


def metric(name: str, value: float | None) -> dict[str, Any]:
    """One figure; what cannot be computed is null, not zero."""
    label, unit, formula = FIGURES[name]
    finite = value is not None and math.isfinite(value)
    return {
        "name": name,
        "label": label,
        "value": value if finite else None,
        "unit": unit,
        "formula": formula,
    }


def listed(figures: Mapping[str, float | int | None]) -> list[dict[str, Any]]:
    """Figures as pages show them."""
    return [metric(name, figures[name]) for name in FIGURES if name in figures]


def of_account(session: ReadSession, account: str) -> list[dict[str, Any]]:
    """Return, risk and trades of an account."""
    observed = session.first(
        select(t.accounts_observed).where(t.accounts_observed.c.account == account)
    )
    row: dict[str, Any] = dict(observed) if observed else {}
    since = lap_start(session, account)
    curve = _daily(session, account, since)
    figures = measure(
        curve,
        _closed(session, t.trades.c.account == account),
        # A replay that began again has its own first day; what laps before made is not its return.
        opening=None if since else _float(row.get("opening_balance")),
        max_drawdown=_float(row.get("max_drawdown")),
    ).to_json()
    return listed({name: value for name, value in figures.items() if name != "exposure"})


def of_trader(session: ReadSession, trader: str) -> list[dict[str, Any]]:
    """Trades of one trader, and its P&L as the runner reports it."""
    observed = session.first(
        select(t.traders_observed).where(t.traders_observed.c.trader == trader)
    )
    row: dict[str, Any] = dict(observed) if observed else {}
    figures = measure([], _closed(session, t.trades.c.trader == trader)).to_json()
    decided = session.scalar(
        select(func.count()).select_from(t.decisions).where(t.decisions.c.trader == trader)
    )
    return [
        _own(
            "realised",
            "Realised P&L",
            _float(row.get("realised")),
            "currency",
            "realised P&L less fees, as the runner reports it",
        ),
        _own(
            "unrealised",
            "Open P&L",
            _float(row.get("unrealised")),
            "currency",
            "quantity x price - cost",
        ),
        _own(
            "drawdown",
            "Drawdown",
            _float(row.get("drawdown")),
            "ratio",
            "(best P&L so far - P&L) / account equity at that best",
        ),
        *listed({name: figures[name] for name in _OF_TRADES}),
        _own("decisions", "Decisions", float(decided or 0), "count", "decisions journaled"),
    ]


def _own(name: str, label: str, value: float | None, unit: str, formula: str) -> dict[str, Any]:
    return {"name": name, "label": label, "value": value, "unit": unit, "formula": formula}


def _float(text: Any) -> float | None:
    return None if text is None else float(text)


def _daily(session: ReadSession, account: str, since: int) -> list[tuple[int, float]]:
    """The last sample of each day of the trading clock, of one lap of a replay."""
    columns = t.equity.c
    last = (
        select(func.max(columns.event))
        .where(columns.account == account, columns.event > since)
        .group_by(func.floor(columns.time_ns / DAY_NS))
    )
    rows = session.all(
        select(columns.time_ns, columns.equity)
        .where(columns.event.in_(last))
        .order_by(columns.time_ns)
    )
    return [(row["time_ns"], float(row["equity"])) for row in rows]


def _closed(session: ReadSession, where: Any) -> list[RoundTrip]:
    rows = session.all(
        select(t.trades).where(where).order_by(t.trades.c.event.desc()).limit(_TRADES_MAX)
    )
    return [
        RoundTrip(
            row["opened_ns"],
            row["closed_ns"],
            float(row["quantity"]) if row["side"] == "BUY" else -float(row["quantity"]),
            float(row["entry_price"]),
            float(row["exit_price"]),
            float(row["pnl"]),
            None if row["r_multiple"] is None else float(row["r_multiple"]),
        )
        for row in rows
    ]
