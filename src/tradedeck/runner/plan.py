"""A validated desired document as the runner uses it: frozen specs.

Pure. The document was checked against its schema before; here it is held against the host ceiling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradedeck.authority import ceiling as ceilings
from tradedeck.authority.ceiling import Ceiling
from tradedeck.desired.document import Breakers
from tradedeck.engine.account import TraderSpec
from tradedeck.engine.sizing import Sizing, SizingKind
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.risk.breakers import Breaker, Rule
from tradedeck.risk.limits import NAMES, Limits
from tradedeck.trading.instrument import CATALOGUE, Instrument


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """One account as desired, limits already under the ceiling."""

    id: str
    broker: str
    currency: str
    balance: Decimal
    timezone: str
    limits: Limits
    exchange: Mapping[str, Any]
    guard: Mapping[str, Any] = field(default_factory=dict[str, Any])
    breakers: Mapping[Breaker, Rule] = field(default_factory=dict[Breaker, Rule])


@dataclass(frozen=True, slots=True)
class TraderPlan:
    """One trader as desired."""

    id: str
    account: str
    feed: str
    instrument: str
    strategy: str
    params: Mapping[str, Any]
    sizing: Sizing
    limits: Limits
    state: str
    session_gate: bool

    def spec(self) -> TraderSpec:
        """What the engine needs of it."""
        return TraderSpec(self.id, self.strategy, self.instrument, self.sizing, self.limits)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole desired document."""

    scan_interval_s: float
    feeds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    accounts: Mapping[str, AccountPlan] = field(default_factory=dict[str, AccountPlan])
    traders: Mapping[str, TraderPlan] = field(default_factory=dict[str, TraderPlan])
    instruments: Mapping[str, Instrument] = field(default_factory=dict[str, Instrument])


def plan_of(document: Mapping[str, Any], ceiling: Ceiling) -> Plan:
    """The plan of a document, limits tightened to the ceiling.

    Raises:
        TradedeckError: CEILING, naming every trader the host does not allow; INVALID_CONFIG where
            a reference leads nowhere.
    """
    instruments = dict(CATALOGUE)
    for body in document.get("instruments") or ():
        instruments[body["symbol"]] = _instrument(body)
    accounts = {body["id"]: _account(body, ceiling) for body in document["accounts"]}
    traders = {body["id"]: _trader(body, ceiling) for body in document["traders"]}
    feeds = {body["id"]: body for body in document["feeds"]}
    faults: list[Fault] = []
    for trader in traders.values():
        path = f"traders.{trader.id}"
        faults += [
            Fault(f"{path}.{fault.path}", fault.reason)
            for fault in ceilings.refusals(
                ceiling,
                account=trader.account,
                instrument=trader.instrument,
                strategy=trader.strategy,
            )
        ]
        for name, known in (("account", accounts), ("feed", feeds), ("instrument", instruments)):
            if getattr(trader, name) not in known:
                faults.append(Fault(f"{path}.{name}", f"{getattr(trader, name)} does not exist"))
    if faults:
        raise TradedeckError(
            Code.CEILING,
            "the configuration was refused on this host",
            hint="The host's administrator keeps ceiling.yaml.",
            faults=tuple(faults),
        )
    return Plan(float(document.get("scan_interval_s") or 30), feeds, accounts, traders, instruments)


def _instrument(body: Mapping[str, Any]) -> Instrument:
    return Instrument.from_body(
        {
            "asset_class": "equity",
            "multiplier": "1",
            "margin_rate": "1",
            **{key: str(value) for key, value in body.items() if value is not None},
        }
    )


def _limits(body: Mapping[str, Any] | None, ceiling: Ceiling) -> Limits:
    given: dict[str, Any] = {name: (body or {}).get(name) for name in NAMES}
    plain = {
        name: None if value is None else Decimal(str(value))
        for name, value in given.items()
        if not isinstance(value, Mapping)
    }
    for name, value in ceilings.tighten(ceiling, plain).items():
        if name in given and name not in _RUNNING:
            given[name] = value
    for name in _RUNNING:
        bound, standing = ceiling.limits.get(name), given[name]
        if bound is not None and (standing is None or Decimal(str(standing["bound"])) > bound):
            action = "pause" if standing is None else standing["action"]
            given[name] = {"bound": str(bound), "action": action}
    return Limits.from_document(given)


_RUNNING = ("drawdown_max", "day_loss_max", "loss_max")


def _account(body: Mapping[str, Any], ceiling: Ceiling) -> AccountPlan:
    return AccountPlan(
        body["id"],
        body["broker"],
        body["currency"],
        Decimal(str(body["starting_balance"])),
        body.get("timezone") or "UTC",
        _limits(body.get("limits"), ceiling),
        _present(body.get("exchange") or {}),
        _present(body.get("guard") or {}),
        _breakers(body.get("breakers"), ceiling),
    )


def _breakers(body: Mapping[str, Any] | None, ceiling: Ceiling) -> dict[Breaker, Rule]:
    """Every breaker of an account under the ceiling; one that the version lacks by default."""
    whole = Breakers.model_validate(dict(body or {})).model_dump(mode="json")
    return {
        Breaker(name): Rule.from_document(ceilings.tighten_breaker(ceiling, name, rule))
        for name, rule in whole.items()
    }


def _present(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}


def _trader(body: Mapping[str, Any], ceiling: Ceiling) -> TraderPlan:
    sizing = body["sizing"]
    return TraderPlan(
        body["id"],
        body["account"],
        body["feed"],
        body["instrument"],
        body["strategy"],
        dict(body.get("params") or {}),
        Sizing(SizingKind(sizing["kind"]), Decimal(str(sizing["value"]))),
        _limits(body.get("limits"), ceiling),
        body.get("state") or "running",
        bool(body.get("session_gate", True)),
    )
