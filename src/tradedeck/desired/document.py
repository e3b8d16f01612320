"""The desired document: its shape, its bounds, and its own cross-references.

Owns what a valid document is, without knowing which strategies exist (`rules.check` asks a port).
Strict: an unknown key, a number that is not finite, a negative limit, a reference to nothing is
named by its path. Decimals are kept without exponent or trailing zeros, so that two documents
that mean the same are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.clock import parse_ns
from tradedeck.kernel.ids import NAME_PATTERN
from tradedeck.trading.instrument import CATALOGUE, AssetClass, Instrument

NUMBER_MAX = Decimal(10) ** 15  # more than any account holds, and exact in every format
PLACES_MAX = 12
NUMBER_CHARS_MAX = 40
PARAM_COUNT_MAX = 64
PARAM_TEXT_MAX = 200
PARAM_MAX = 10**15  # an int, because a Decimal does not compare with NaN
_INTERVAL = r"^[1-9][0-9]{0,3}[smhdw]$"
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def to_decimal(value: object) -> Decimal:
    """A finite Decimal of reasonable size from what YAML and JSON hold; a bool is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        msg = "must be a number, or a number as text"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns a ValueError alone into a fault
    text = repr(value) if isinstance(value, float) else str(value).strip()
    if len(text) > NUMBER_CHARS_MAX:
        msg = f"has more than {NUMBER_CHARS_MAX} characters"
        raise ValueError(msg)
    try:
        number = Decimal(text)
    except InvalidOperation:
        msg = "is not a number"
        raise ValueError(msg) from None
    if not number.is_finite():
        msg = "is not finite"
        raise ValueError(msg)
    if abs(number) > NUMBER_MAX:
        msg = f"is beyond {NUMBER_MAX:f}"
        raise ValueError(msg)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PLACES_MAX and number != round(number, PLACES_MAX):
        msg = f"has more than {PLACES_MAX} decimals"
        raise ValueError(msg)
    return number.normalize() if number else Decimal(0)


def _whole(value: object) -> object:
    """Integers, also as text; a fraction is refused by the type."""
    if isinstance(value, str) and value.strip().isdigit() and len(value) <= NUMBER_CHARS_MAX:
        return int(value)
    return value


def _to_float(value: object) -> float:
    return float(to_decimal(value))


# Seconds and rates are numbers; money, quantities and shares are exact text.
_Number = Annotated[float, BeforeValidator(_to_float)]
_Decimal = Annotated[
    Decimal, BeforeValidator(to_decimal), PlainSerializer(decimal_text, return_type=str)
]
Amount = Annotated[_Decimal, Field(ge=0)]
Positive = Annotated[_Decimal, Field(gt=0)]
Share = Annotated[_Decimal, Field(ge=0, le=1)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=1_000_000)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9._/-]{0,31}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3,5}$")]


class Part(BaseModel):
    """Base of every part: nothing unknown, nothing coerced, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Feed(Part):
    """Where prices come from."""

    id: Name
    kind: Literal["replay", "live_file"]
    source: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")
    instruments: list[Symbol] = Field(min_length=1, max_length=200)
    interval: str = Field(default="1d", pattern=_INTERVAL)
    start: str | None = None
    end: str | None = None
    speed: Annotated[_Number, Field(ge=0, le=1_000_000)] = 1.0
    loop: bool = False
    stale_after_s: Annotated[_Number, Field(gt=0)] | None = None

    @field_validator("start", "end")
    @classmethod
    def _instant(cls, value: str | None) -> str | None:
        if value is not None:
            parse_ns(f"{value}T00:00:00Z" if _DATE.match(value) else value)
        return value

    @model_validator(mode="after")
    def _kinds(self) -> Self:
        if self.kind == "live_file" and (self.start or self.end or self.loop):
            msg = "start, end and loop are for a replay; a live file is read as it grows"
            raise ValueError(msg)
        if self.start and self.end and self.start >= self.end:
            msg = "end must be later than start"
            raise ValueError(msg)
        return self


class Running(Part):
    """A limit that is watched while trading, and what its breach does."""

    bound: Amount
    action: Literal["alarm", "pause", "reduce_only", "flatten"]


class RunningShare(Running):
    """As `Running`; the bound is a share of the peak."""

    bound: Share


class Limits(Part):
    """The same names for account and trader; null does not bind."""

    order_quantity_max: Amount | None = None
    order_value_max: Amount | None = None
    price_collar: Share | None = None
    orders_per_minute: Count | None = None
    duplicate_window_s: Annotated[Amount, Field(le=86_400)] | None = None
    open_orders_max: Count | None = None
    position_quantity_max: Amount | None = None
    position_value_max: Amount | None = None
    gross_exposure_max: Amount | None = None
    concentration_max: Amount | None = None
    margin_use_max: Amount | None = None
    risk_per_trade_max: Share | None = None
    drawdown_max: RunningShare | None = None
    day_loss_max: Running | None = None
    loss_max: Running | None = None
    stale_checks_max: Annotated[Count, Field(ge=1)] | None = None


class Breaker(Part):
    """What opens a circuit breaker of an account, and what that does.

    `resume`: a person closes it by lifting its halt; or it closes by itself (`auto`) once the cause
    has been gone for `cooldown_s` seconds.
    """

    bound: Positive
    action: Literal["alarm", "pause", "reduce_only", "flatten"]
    resume: Literal["person", "auto"] = "person"
    cooldown_s: Annotated[_Number, Field(ge=0, le=86_400)] = 0.0


class CountingBreaker(Breaker):
    """As `Breaker`; the bound is a count of events within the window."""

    bound: Annotated[_Decimal, Field(ge=1, le=10_000, multiple_of=1)]
    window_s: Annotated[_Number, Field(gt=0, le=86_400)]


class Breakers(Part):
    """Every breaker of an account; none can be switched off, only made to alarm and no more.

    A throttle of repeated execution is opened again by a person (FIA, Best Practices for Automated
    Trading Risk Controls, 2024); a feed or a clock that is right again needs nobody.
    """

    feed_disconnected: Breaker = Breaker(bound=Decimal(30), action="pause", resume="auto")
    rejects: CountingBreaker = CountingBreaker(bound=Decimal(5), action="pause", window_s=60.0)
    repeated_execution: CountingBreaker = CountingBreaker(
        bound=Decimal(60), action="pause", window_s=60.0
    )
    clock_offset: Breaker = Breaker(
        bound=Decimal(1), action="pause", resume="auto", cooldown_s=60.0
    )


class Guard(Part):
    """What the guard does when the runner is silent; what is left out is the host's default, moved
    where it would stand against what is not.
    """

    on_silence: Literal["none", "cancel", "cancel_and_flatten"] | None = None
    cancel_after_s: Annotated[_Number, Field(ge=1, le=3_600)] | None = None
    flatten_after_s: Annotated[_Number, Field(ge=1, le=86_400)] | None = None

    @field_validator("flatten_after_s")
    @classmethod
    def _order(cls, flatten: float | None, info: ValidationInfo) -> float | None:
        cancel = info.data.get("cancel_after_s")
        if cancel is not None and flatten is not None and flatten < cancel:
            msg = f"{flatten:g} s is before cancel_after_s, {cancel:g} s"
            raise ValueError(msg)
        return flatten


class Exchange(Part):
    """How the paper exchange treats an account."""

    spread_bps: Annotated[Amount, Field(le=10_000)] = Decimal(2)
    slippage_bps: Annotated[Amount, Field(le=10_000)] = Decimal(1)
    fee_bps: Annotated[Amount, Field(le=10_000)] = Decimal(1)
    fee_min: Amount = Decimal(0)
    volume_share_max: Annotated[Positive, Field(le=1)] | None = None
    latency_ms: Annotated[Count, Field(le=60_000)] = 0
    dead_man_timer: bool = False


class Account(Part):
    """Money at a broker."""

    id: Name
    broker: Literal["paper"]
    currency: Currency
    starting_balance: Positive
    timezone: str = Field(default="America/New_York", max_length=64)
    limits: Limits = Limits()
    breakers: Breakers = Breakers()
    guard: Guard = Guard()
    exchange: Exchange = Exchange()

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):  # a path, a folder, or simply not there
            msg = f"{value!r} is not a time zone; write it as Europe/Copenhagen"
            raise ValueError(msg) from None
        return value


class Sizing(Part):
    """From a signal to a quantity: units, a share of equity, or a share at risk to the stop."""

    kind: Literal["units", "equity_fraction", "risk"]
    value: Positive

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        bound = {"equity_fraction": Decimal(100), "risk": Decimal(1)}.get(self.kind)
        if bound is not None and self.value > bound:
            msg = f"value is a multiple of equity and at most {bound} for {self.kind}"
            raise ValueError(msg)
        return self


class Trader(Part):
    """One strategy on one instrument of one account."""

    id: Name
    account: Name
    feed: Name
    instrument: Symbol
    strategy: Name
    params: dict[str, bool | int | float | str] = Field(
        default_factory=dict, max_length=PARAM_COUNT_MAX
    )
    sizing: Sizing = Sizing(kind="equity_fraction", value=Decimal("0.1"))
    limits: Limits = Limits()
    state: Literal["running", "paused", "stopped"] = "running"
    session_gate: bool = True

    @field_validator("params")
    @classmethod
    def _params(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, item in value.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
                msg = f"{name[:50]!r} is not the name of a parameter"
                raise ValueError(msg)
            if isinstance(item, float | int) and not abs(item) <= PARAM_MAX:
                msg = f"{name} is not a finite number of reasonable size"
                raise ValueError(msg)
            if isinstance(item, str) and len(item) > PARAM_TEXT_MAX:
                msg = f"{name} has more than {PARAM_TEXT_MAX} characters"
                raise ValueError(msg)
        return value


class InstrumentSpec(Part):
    """An instrument that the catalogue does not know, or knows otherwise."""

    symbol: Symbol
    currency: Currency
    tick: Positive
    step: Positive
    calendar: str = Field(pattern=r"^[A-Za-z0-9_]{1,16}$")
    asset_class: Literal["equity", "fx", "metal", "crypto", "future"] = "equity"
    multiplier: Positive = Decimal(1)
    margin_rate: Annotated[Positive, Field(le=1)] = Decimal(1)

    def instrument(self) -> Instrument:
        """As the engine knows it."""
        return Instrument(
            self.symbol,
            self.currency,
            self.tick,
            self.step,
            self.calendar,
            AssetClass(self.asset_class),
            self.multiplier,
            self.margin_rate,
        )


class Document(Part):
    """Everything that is wanted of one runner."""

    version: Literal[1]
    scan_interval_s: Annotated[_Number, Field(ge=1, le=86_400)] = 30.0
    feeds: list[Feed] = Field(default_factory=list[Feed], max_length=50)
    accounts: list[Account] = Field(default_factory=list[Account], max_length=50)
    traders: list[Trader] = Field(default_factory=list[Trader], max_length=500)
    instruments: list[InstrumentSpec] = Field(default_factory=list[InstrumentSpec], max_length=500)

    def known_instruments(self) -> dict[str, Instrument]:
        """The catalogue and what the document adds to it."""
        return CATALOGUE | {item.symbol: item.instrument() for item in self.instruments}

    def plain(self) -> dict[str, Any]:
        """As JSON holds it: money as text, every default written out, absent values left out."""
        return self.model_dump(mode="json", exclude_none=True)


def default_document() -> Document:
    """What an empty home starts with: bundled prices, one momentum trader, signals only."""
    return Document(
        version=1,
        feeds=[
            Feed(
                id="us-daily",
                kind="replay",
                source="bundled:us-daily",
                instruments=["AAPL"],
                start="2004-08-19",
                speed=1.0,
                loop=True,
                interval="1d",
            )
        ],
        accounts=[
            Account(
                id="paper",
                broker="paper",
                currency="USD",
                starting_balance=Decimal(100_000),
                limits=Limits(
                    order_value_max=Decimal(25_000),
                    price_collar=Decimal("0.1"),
                    orders_per_minute=60,
                    open_orders_max=20,
                    gross_exposure_max=Decimal(1),
                    drawdown_max=RunningShare(bound=Decimal("0.2"), action="reduce_only"),
                    day_loss_max=Running(bound=Decimal(5_000), action="pause"),
                    stale_checks_max=3,
                ),
            )
        ],
        traders=[
            Trader(
                id="aapl-momentum",
                account="paper",
                feed="us-daily",
                instrument="AAPL",
                strategy="momentum",
                sizing=Sizing(kind="equity_fraction", value=Decimal("0.2")),
            )
        ],
    )


def duplicates(names: Iterable[str]) -> set[str]:
    """Names that occur more than once."""
    seen: set[str] = set()
    return {name for name in names if name in seen or seen.add(name)}
