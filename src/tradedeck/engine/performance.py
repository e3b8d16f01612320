"""Figures of performance, with their formulas. Analytics: floats, no money is moved by them.

Owns what a return, a Sharpe ratio or a drawdown is in this program; every page, report and export
takes them from here. Pure. A figure that the data cannot give is None, never zero.

Formulas (E: equity, r: daily returns, N: how many, y: the span in years of 365.25 days)
    total return      E_end / E_start - 1
    annual return     (E_end / E_start)^(1 / y) - 1                                 (CAGR)
    daily returns     r_t = E_t / E_{t-1} - 1 of the last equity of each UTC day that has one
    days per year     N / y, as observed: about 252 for stocks, 260 for FX, 365 for crypto
    volatility        stdev(r) x √(days per year), stdev with N - 1
    Sharpe            mean(r) / stdev(r) x √(days per year), risk-free rate 0
                      (Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21, 1994)
    max drawdown      max over t of 1 - E_t / max(E_s, s ≤ t)
    win rate          winning trades / trades; a trade of exactly 0 is neither
    profit factor     Σ gains / |Σ losses|; None without a loss
    expectancy        mean P&L per trade
    expectancy in R   mean R-multiple; R is the risk planned at entry, or where no stop was
                      planned the average loss (Tharp, "Trade Your Way to Financial Freedom", 2007)
    exposure          share of bars with a position
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt

from tradedeck.trading.fill import Fill

_DAY_NS = 86_400_000_000_000
_YEAR_NS = 365.25 * _DAY_NS
# Yearly figures from less than this say more about chance than about the strategy.
ANNUAL_DAYS_MIN = 30


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """From flat to flat, or through zero.

    `quantity` is signed (negative: short), `pnl` net of fees, `r` the R-multiple if a stop was
    planned.
    """

    opened_ns: int
    closed_ns: int
    quantity: float
    entry_price: float
    exit_price: float
    pnl: float
    r: float | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """All figures; fractions, not percent (0.12 is 12 %)."""

    total_return: float | None
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    max_drawdown: float
    trades: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    expectancy_r: float | None
    exposure: float | None
    days: int

    def to_json(self) -> dict[str, float | int | None]:
        """Rounded to six places: more would pretend."""
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def measure(
    curve: Sequence[tuple[int, float]],
    trips: Sequence[RoundTrip],
    *,
    opening: float | None = None,
    exposure: float | None = None,
    max_drawdown: float | None = None,
) -> Performance:
    """The figures of an equity curve and its round trips.

    Args:
        curve: (epoch ns, equity), ascending.
        trips: closed round trips.
        opening: equity before the first point; the first point's without it.
        exposure: share of bars with a position, where it was counted.
        max_drawdown: where it was followed on every bar and the curve is thinner than that.
    """
    start = opening if opening is not None else (curve[0][1] if curve else 0.0)
    end = curve[-1][1] if curve else start
    total = end / start - 1 if start > 0 else None
    returns = daily_returns(curve, start)
    years = (curve[-1][0] - curve[0][0]) / _YEAR_NS if curve else 0.0
    annual = volatility = sharpe = None
    if len(returns) >= ANNUAL_DAYS_MIN and years > 0:
        per_year = len(returns) / years
        mean = sum(returns) / len(returns)
        deviation = sqrt(sum((value - mean) ** 2 for value in returns) / (len(returns) - 1))
        volatility = deviation * sqrt(per_year)
        sharpe = mean / deviation * sqrt(per_year) if deviation else None
        if start > 0 and end > 0:
            annual = (end / start) ** (1 / years) - 1
    fall = drawdown(curve, start) if max_drawdown is None else max_drawdown
    return Performance(
        total, annual, volatility, sharpe, fall, *_of_trips(trips), exposure, len(returns)
    )


def daily_returns(curve: Iterable[tuple[int, float]], opening: float) -> list[float]:
    """Returns from one UTC day's last equity to the next's; the first is against `opening`."""
    last: dict[int, float] = {}
    for at_ns, equity in curve:
        last[at_ns // _DAY_NS] = equity
    returns: list[float] = []
    before = opening
    for equity in last.values():
        if before > 0:
            returns.append(equity / before - 1)
        before = equity
    return returns


def drawdown(curve: Iterable[tuple[int, float]], opening: float = 0.0) -> float:
    """The deepest fall from a peak, as a fraction of the peak."""
    peak, deepest = opening, 0.0
    for _, equity in curve:
        if equity > peak:
            peak = equity
        elif peak > 0:
            deepest = max(deepest, 1 - equity / peak)
    return deepest


def _of_trips(
    trips: Sequence[RoundTrip],
) -> tuple[int, float | None, float | None, float | None, float | None]:
    if not trips:
        return 0, None, None, None, None
    wins = [trip.pnl for trip in trips if trip.pnl > 0]
    losses = [trip.pnl for trip in trips if trip.pnl < 0]
    factor = sum(wins) / -sum(losses) if losses else None
    average_loss = -sum(losses) / len(losses) if losses else None
    multiples: list[float] = []
    for trip in trips:
        if trip.r is not None:
            multiples.append(trip.r)
        elif average_loss:
            multiples.append(trip.pnl / average_loss)
    in_r = sum(multiples) / len(multiples) if len(multiples) == len(trips) else None
    expectancy = sum(trip.pnl for trip in trips) / len(trips)
    return len(trips), len(wins) / len(trips), factor, expectancy, in_r


def round_trips(
    fills: Iterable[Fill], multiplier: float = 1.0, stops: Mapping[str, float] | None = None
) -> list[RoundTrip]:
    """Closed round trips of one instrument's fills, in order.

    A fill through zero ends one trip and begins the next; its fee is split by quantity. `stops`
    gives the stop planned with an order, by order id.
    """
    trips: list[RoundTrip] = []
    trip: _Open | None = None
    for fill in fills:
        side = 1.0 if fill.signed > 0 else -1.0
        quantity, price = float(fill.quantity), float(fill.price)
        fee_each, rest = float(fill.fee) / quantity, quantity
        if trip is not None and trip.side != side:
            closing = min(quantity, trip.held)
            rest = quantity - closing
            trip.leave(closing, price, fee_each * closing)
            if trip.held < _NOTHING:
                trips.append(trip.closed(fill.time_ns, multiplier))
                trip = None
        if rest < _NOTHING:
            continue
        if trip is None:
            trip = _Open(fill.time_ns, side, (stops or {}).get(fill.order))
        trip.enter(rest, price, fee_each * rest)
    return trips


# Quantities have steps far above this; below it is what is left of adding floats.
_NOTHING = 1e-9


class _Open:
    """A round trip on its way."""

    __slots__ = ("entered", "entry", "exit", "fees", "held", "left", "opened_ns", "side", "stop")

    def __init__(self, opened_ns: int, side: float, stop: float | None) -> None:
        self.opened_ns = opened_ns
        self.side = side
        self.stop = stop
        self.held = self.entered = self.left = self.entry = self.exit = self.fees = 0.0

    def enter(self, quantity: float, price: float, fee: float) -> None:
        self.held += quantity
        self.entered += quantity
        self.entry += quantity * price
        self.fees += fee

    def leave(self, quantity: float, price: float, fee: float) -> None:
        self.held -= quantity
        self.left += quantity
        self.exit += quantity * price
        self.fees += fee

    def closed(self, at_ns: int, multiplier: float) -> RoundTrip:
        entry, leave = self.entry / self.entered, self.exit / self.left
        pnl = self.side * (self.exit - self.entry) * multiplier - self.fees
        risk = 0.0 if self.stop is None else abs(entry - self.stop) * self.entered * multiplier
        multiple = pnl / risk if risk else None
        return RoundTrip(
            self.opened_ns, at_ns, self.side * self.entered, entry, leave, pnl, multiple
        )
