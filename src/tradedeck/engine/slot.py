"""One trader as the engine sees it: what it may do, what it holds, what it earned."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tradedeck.engine.sizing import Sizing
from tradedeck.execution.checks import Bound, compile_checks
from tradedeck.execution.gate import Conditions
from tradedeck.risk.limits import Limits
from tradedeck.risk.running import EquityWatch
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.money import ZERO


@dataclass(slots=True)
class TraderSpec:
    """What a trader is set to."""

    trader: str
    strategy: str
    instrument: str
    sizing: Sizing
    limits: Limits


@dataclass(slots=True)
class Slot:
    """A trader's place in its account.

    Args:
        trader, strategy: names, written on every order.
        instrument: the one it trades.
        sizing: from target to units.
        limits: its own; the account's apply as well.
        bounds: compiled from both.
        conditions: what the process tells about mode, session, data, venue.
        watch: its own P&L curve, starting at the account's opening equity.
        end_ns: of the last bar; an earlier one says that the trading clock went back.
    """

    trader: str
    strategy: str
    instrument: Instrument
    sizing: Sizing
    limits: Limits
    bounds: tuple[Bound, ...]
    conditions: Conditions
    watch: EquityWatch
    watched: bool
    base: float
    target: float = 0.0
    stop: Decimal | None = None
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    units: float = 0.0
    cost: float = 0.0
    unrealised: float = 0.0
    end_ns: int = 0
    signals: int = 0
    executed: int = 0
    breached: set[str] = field(default_factory=set[str])

    @classmethod
    def of(
        cls,
        spec: TraderSpec,
        instrument: Instrument,
        account: Limits,
        conditions: Conditions,
        base: float,
    ) -> Slot:
        """A trader's place in an account with these limits, flat, with P&L counted from `base`."""
        return cls(
            spec.trader,
            spec.strategy,
            instrument,
            spec.sizing,
            spec.limits,
            compile_checks(account, spec.limits),
            conditions,
            EquityWatch(spec.limits, base),
            spec.limits.watched,
            base,
        )

    def pnl(self) -> float:
        """Realised net of fees, plus open P&L at the last mark."""
        return float(self.realised - self.fees) + self.unrealised
