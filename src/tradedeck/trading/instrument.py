"""What can be traded: precision, steps, currency, calendar, margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from tradedeck.trading.money import ONE, round_down


class AssetClass(StrEnum):
    """What kind of thing an instrument is; reporting groups by it."""

    EQUITY = "equity"
    FX = "fx"
    METAL = "metal"
    CRYPTO = "crypto"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing.

    Args:
        symbol: unique name, such as AAPL or EURUSD.
        currency: of its price; ISO 4217.
        tick: smallest price step, in `currency`.
        step: smallest quantity step, in units (shares, base currency, ounces).
        calendar: name of its session table: XNYS, FX, 24x7.
        asset_class: reporting group.
        multiplier: units of `currency` that one price unit of one quantity is worth.
        margin_rate: share of notional that must be held as margin (1: fully paid).
    """

    symbol: str
    currency: str
    tick: Decimal
    step: Decimal
    calendar: str
    asset_class: AssetClass = AssetClass.EQUITY
    multiplier: Decimal = ONE
    margin_rate: Decimal = ONE
    _format: str = field(init=False, repr=False, compare=False)
    _decimal_tick: bool = field(init=False, repr=False, compare=False)
    # The last observation and its price: one bar's close is asked for several times per order.
    _last: list[tuple[float, Decimal]] = field(init=False, repr=False, compare=False)
    # The last quantity asked for, and that on the grid: a fixed size is asked for at each order.
    _sized: list[tuple[Decimal, Decimal]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, value in (
            ("tick", self.tick),
            ("step", self.step),
            ("multiplier", self.multiplier),
            ("margin_rate", self.margin_rate),
        ):
            if not value.is_finite() or value <= 0:
                msg = f"instrument {self.symbol}: {name} was {value}, it must be above zero"
                raise ValueError(msg)
        exponent = self.tick.normalize().as_tuple()
        places = max(0, -int(exponent.exponent))
        object.__setattr__(self, "_format", f"%.{places}f")
        object.__setattr__(self, "_decimal_tick", exponent.digits == (1,))
        object.__setattr__(self, "_last", [(float("nan"), ONE)])
        object.__setattr__(self, "_sized", [(ONE, round_down(ONE, self.step))])

    def price(self, observed: float) -> Decimal:
        """A market observation as an exact price on the tick grid, half to even."""
        last = self._last[0]
        if last[0] == observed:
            return last[1]
        if self._decimal_tick:
            exact = Decimal(self._format % observed)
        else:
            steps = (Decimal(repr(observed)) / self.tick).quantize(ONE, ROUND_HALF_EVEN)
            exact = steps * self.tick
        self._last[0] = (observed, exact)
        return exact

    def quantity(self, wanted: Decimal) -> Decimal:
        """`wanted` on the quantity grid, towards zero."""
        last = self._sized[0]
        if last[0] is wanted:
            return last[1]
        rounded = round_down(wanted, self.step)
        self._sized[0] = (wanted, rounded)
        return rounded

    def on_tick(self, price: Decimal) -> bool:
        """Whether `price` lies on the tick grid."""
        return not price % self.tick

    def to_body(self) -> dict[str, str]:
        """JSON-able form."""
        return {
            "symbol": self.symbol,
            "currency": self.currency,
            "tick": str(self.tick),
            "step": str(self.step),
            "calendar": self.calendar,
            "asset_class": self.asset_class.value,
            "multiplier": str(self.multiplier),
            "margin_rate": str(self.margin_rate),
        }

    @classmethod
    def from_body(cls, body: Mapping[str, str]) -> Instrument:
        """The inverse of `to_body`."""
        return cls(
            body["symbol"],
            body["currency"],
            Decimal(body["tick"]),
            Decimal(body["step"]),
            body["calendar"],
            AssetClass(body["asset_class"]),
            Decimal(body["multiplier"]),
            Decimal(body["margin_rate"]),
        )

    def on_step(self, quantity: Decimal) -> bool:
        """Whether `quantity` lies on the quantity grid."""
        return not quantity % self.step


def _equity(symbol: str) -> Instrument:
    return Instrument(symbol, "USD", Decimal("0.01"), ONE, "XNYS", margin_rate=Decimal("0.5"))


def _fx(symbol: str, tick: str, rate: str) -> Instrument:
    return Instrument(
        symbol, symbol[3:], Decimal(tick), ONE, "FX", AssetClass.FX, margin_rate=Decimal(rate)
    )


CATALOGUE: dict[str, Instrument] = {
    **{symbol: _equity(symbol) for symbol in ("AAPL", "IBM", "MSFT", "GOOG", "FB")},
    "EURUSD": _fx("EURUSD", "0.00001", "0.0333"),
    "GBPUSD": _fx("GBPUSD", "0.00001", "0.0333"),
    "XAUUSD": Instrument(
        "XAUUSD",
        "USD",
        Decimal("0.001"),
        Decimal("0.01"),
        "FX",
        AssetClass.METAL,
        margin_rate=Decimal("0.05"),
    ),
}
"""Instruments known without configuration; a desired document may add to them."""
