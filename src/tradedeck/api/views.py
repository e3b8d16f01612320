"""The shapes that reading routes answer with. Money is text, times are RFC 3339, ratios 0 to 1."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from tradedeck.api.views_stop import HaltView
from tradedeck.api.wire import Instant

Dec = str


class RunnerView(BaseModel):
    """A runner as the api hears it."""

    id: str
    state: Literal["running", "stopped", "silent", "unknown", "distrusted"]
    guard: Literal["True", "False", "Unknown"] = Field(
        description="Whether the runner hears its guard; without it entries wait."
    )
    seen_at: Instant | None
    age_ms: int | None
    epoch: str
    seq: int
    loop_lag_ms: float | None
    build: str | None
    started_at: Instant | None
    detail: str


class AccountView(BaseModel):
    """An account: what was observed, beside its limits of the day."""

    id: str
    broker: str | None
    currency: str | None
    verdict: str
    reasons: list[str]
    balance: Dec | None
    equity: Dec | None
    unrealised: Dec | None
    realised: Dec | None
    day_pnl: Dec | None
    day_loss_max: Dec | None
    drawdown: Dec | None
    max_drawdown: Dec | None
    exposure: Dec | None
    starting_balance: Dec | None
    as_of: Instant | None
    observed_at: Instant | None


class TraderView(BaseModel):
    """A trader: desired and observed side by side."""

    id: str
    account: str | None
    instrument: str | None
    feed: str | None
    strategy: str | None
    strategy_observed: str | None
    params: dict[str, Any]
    sizing: dict[str, Any] | None
    session_gate: bool | None
    state: str
    reason: str | None
    desired_state: str | None
    generation_desired: int
    generation_observed: int
    applied: str
    position: Dec | None
    average_price: Dec | None
    price: Dec | None
    unrealised: Dec | None
    realised: Dec | None
    day_pnl: Dec | None
    drawdown: Dec | None
    restarts: int
    data_age_ms: int | None
    last_bar: Instant | None
    sparkline: list[float]
    last_decision: dict[str, Any] | None
    halt: HaltView | None


class FeedView(BaseModel):
    """A feed and its cursor."""

    id: str
    kind: str | None
    source: str | None
    data_mode: str | None
    state: str
    reason: str | None
    cursor: Instant | None
    start: str | None
    end: str | None
    speed: float | None
    loop: bool | None
    interval: str | None
    age_ms: int | None
    stale_after_ms: int | None
    instruments: list[str]
    observed_at: Instant | None


class SessionInfo(BaseModel):
    """What a market is doing, by the trading clock."""

    calendar: str
    verdict: str
    since: Instant | None
    until: Instant | None


class ReconcileView(BaseModel):
    """Whether our book and the venue's are the same."""

    verdict: str
    checked_at: Instant | None
    detail: str | None


class AlertsView(BaseModel):
    """How many alerts wait for somebody."""

    unacknowledged: int
    oldest_at: Instant | None


class Status(BaseModel):
    """Everything a dashboard needs, at one moment."""

    at: Instant
    build: str
    mode: str
    mode_reasons: list[str]
    simulated: bool
    data_mode: str
    execution_capable_accounts: int
    desired_generation: int
    observed_generation: int
    runner: RunnerView
    accounts: list[AccountView]
    traders: list[TraderView]
    feeds: list[FeedView]
    halts: list[HaltView]
    session: list[SessionInfo]
    reconcile: ReconcileView
    alerts: AlertsView
    last_seq: int


class AccountList(BaseModel):
    """All accounts."""

    items: list[AccountView]


class TraderList(BaseModel):
    """All traders."""

    items: list[TraderView]


class FeedList(BaseModel):
    """All feeds."""

    items: list[FeedView]


class HaltList(BaseModel):
    """Halts in force."""

    items: list[HaltView]


class OrderView(BaseModel):
    """An order as it stands."""

    id: str
    client_id: str
    venue_order: str | None
    account: str
    trader: str
    strategy: str
    instrument: str
    side: str
    type: str
    quantity: Dec
    limit_price: Dec | None
    stop_price: Dec | None
    tif: str
    expires: Instant | None
    reduce_only: bool
    purpose: str
    decision_price: Dec | None
    planned_stop: Dec | None
    status: str
    filled: Dec
    average_price: Dec | None
    by: str
    created: Instant
    sent_at_ns: int | None
    acked_at_ns: int | None
    reason: str | None
    numbers: dict[str, Any] | None
    updated_at: Instant
    seq: int


class OrderPage(BaseModel):
    """Newest first; `next_cursor` asks for what follows."""

    items: list[OrderView]
    next_cursor: str | None


class FillView(BaseModel):
    """One execution."""

    id: str
    order: str
    client_id: str
    account: str
    trader: str
    instrument: str
    side: str
    quantity: Dec
    price: Dec
    fee: Dec
    currency: str
    time: Instant
    venue_seq: int
    at_ns: int
    liquidity: str
    decision_price: Dec | None
    balance: Dec
    seq: int


class FillPage(BaseModel):
    """Newest first."""

    items: list[FillView]
    next_cursor: str | None


class OrderStep(BaseModel):
    """One entry in the life of an order."""

    seq: int
    at: Instant
    kind: str
    body: dict[str, Any]


class OrderDetail(BaseModel):
    """An order, how it got there, its executions, and the decision it came from."""

    order: OrderView
    steps: list[OrderStep]
    fills: list[FillView]
    decision: dict[str, Any] | None


class PositionView(BaseModel):
    """What is held, with the newest price where one is known."""

    account: str
    instrument: str
    trader: str | None
    quantity: Dec
    average_price: Dec | None
    realised: Dec
    opened: Instant | None
    price: Dec | None
    unrealised: Dec | None
    value: Dec | None


class PositionList(BaseModel):
    """Open positions."""

    items: list[PositionView]


class PostingView(BaseModel):
    """One line of the double entry."""

    seq: int
    line: int
    at: Instant
    time: Instant
    account: str
    ledger: str
    amount: Dec
    currency: str
    ref: str
    balance: Dec


class LedgerPage(BaseModel):
    """Newest first."""

    items: list[PostingView]
    next_cursor: str | None


class TradeView(BaseModel):
    """A round trip."""

    trade_time: Instant
    entry_price: Dec
    exit_price: Dec
    pnl: Dec
    outcome: str
    r_multiple: Dec | None
    equity: Dec
    account: str
    trader: str
    strategy: str
    instrument: str
    side: str
    quantity: Dec
    fees: Dec
    opened: Instant
    seq: int


class TradePage(BaseModel):
    """Newest first."""

    items: list[TradeView]
    next_cursor: str | None


class DecisionPage(BaseModel):
    """Newest first; each with its inputs, signal, verdict and every limit it was held against."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class EquityPoint(BaseModel):
    """One sample of an account."""

    time: Instant
    at: Instant
    equity: float
    balance: float
    drawdown: float


class EquitySeries(BaseModel):
    """A curve, oldest first; of each stretch the lowest and the highest."""

    account: str
    currency: str | None
    points: list[EquityPoint]


class Metric(BaseModel):
    """A figure with its formula."""

    name: str
    label: str
    value: float | str | None
    unit: str
    formula: str


class Performance(BaseModel):
    """Figures of an account or a trader."""

    metrics: list[Metric]
    disclaimer: str


class Headroom(BaseModel):
    """A limit, how much of it is used, who set it, when it was last breached."""

    scope: str
    limit: str
    label: str
    used: float | None
    bound: float | None
    unit: str
    action: str | None
    set_by: str | None
    set_at: Instant | None
    last_breach: Instant | None
    breaches: int


class HeadroomList(BaseModel):
    """Limits of an account and of its traders."""

    items: list[Headroom]


class AlertView(BaseModel):
    """Something a person must look at."""

    id: str
    at: Instant
    last_at: Instant
    code: str
    subject: str
    detail: str
    severity: str
    count: int
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    note: str | None


class AlertPage(BaseModel):
    """Newest first."""

    items: list[AlertView]
    next_cursor: str | None


class BarView(BaseModel):
    """A candle; `time` is its close."""

    time: Instant
    open: float
    high: float
    low: float
    close: float
    volume: float | None


class MarkView(BaseModel):
    """Something that happened at a bar."""

    time: Instant
    kind: Literal["signal", "order", "fill", "denied"]
    side: str | None
    price: Dec | None
    quantity: Dec | None
    order: str | None
    label: str
    seq: int


class TraderBars(BaseModel):
    """Candles with what the trader did; `origin` says where the candles come from."""

    bars: list[BarView]
    marks: list[MarkView]
    origin: Literal["feed", "decisions"]


class MemoryView(BaseModel):
    """What a strategy remembers."""

    trader: str
    strategy: str | None
    memory: dict[str, Any]


class SignalPreview(BaseModel):
    """What a strategy would wish on the last bar."""

    trader: str
    time: Instant | None
    price: Dec | None
    inputs: dict[str, Any]
    signal: dict[str, Any] | None
    wishes: list[dict[str, Any]]
    orders: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
