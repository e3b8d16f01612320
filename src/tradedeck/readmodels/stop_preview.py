"""What a kill would do, in counts and money, before it is done. Pure but for one SELECT.

The venue's own book counts where it could be seen: what somebody placed or bought there by hand is
in scope too, and is named `foreign`. What has no price has no notional; it is never taken for zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select

from tradedeck.closing.scope import Cells, Holding, Holdings, cells, parse
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.clock import format_ns
from tradedeck.projections import tables as t
from tradedeck.readmodels.desired import by_id
from tradedeck.readmodels.parts import mapping, sequence
from tradedeck.readmodels.status import Facts
from tradedeck.store.sessions import ReadSession
from tradedeck.trading.instrument import CATALOGUE
from tradedeck.trading.order import TERMINAL
from tradedeck.venue.capability import PAPER, Capability, Close
from tradedeck.venue.model import ExchangeModel

CAPABILITIES: Final[dict[str, Capability]] = {"paper": PAPER}
READS: Final = 3  # that prove an account flat, one after the other
ORDERS_MAX: Final = 10_000
_CENT: Final = Decimal("0.01")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """The kill that is thought of."""

    scope: str
    step: str
    flatten: bool


def working_orders(session: ReadSession) -> list[dict[str, Any]]:
    """Our own orders that have not ended."""
    ended = [status.value for status in TERMINAL]
    rows = session.all(
        select(t.orders)
        .where(t.orders.c.status.not_in(ended))
        .order_by(t.orders.c.event)
        .limit(ORDERS_MAX)
    )
    return [dict(row) for row in rows]


def scopes(facts: Facts) -> list[str]:
    """Every scope that has a name here, widest first: for completion and for choosing."""
    traders = by_id(facts.document, "traders")
    return [
        "all",
        "tenant/default",
        *(f"account/{name}" for name in sorted(_accounts(facts))),
        *(f"strategy/{name}" for name in sorted({str(s["strategy"]) for s in traders.values()})),
        *(
            f"instrument/{name}"
            for name in sorted({str(s["instrument"]) for s in traders.values()})
        ),
        *(f"trader/{name}" for name in sorted(traders.keys() | facts.traders.keys())),
    ]


def known(facts: Facts, scope: str) -> bool:
    """Whether somebody could mean it. An instrument may be held by hand, so any is taken."""
    kind = parse(scope).kind
    strategies = {f"strategy/{row['strategy']}" for row in facts.traders.values()}
    return kind == "instrument" or scope in scopes(facts) or scope in strategies


def _accounts(facts: Facts) -> set[str]:
    return set(by_id(facts.document, "accounts")) | set(facts.accounts)


def preview(
    facts: Facts, orders: list[dict[str, Any]], book: Row | None, gauges: Row, wish: Wish
) -> dict[str, Any]:
    """The answer of `POST /kills/preview`.

    Args:
        facts: what is committed.
        orders: our own working orders (`working_orders`).
        book: the venue's, as the runner sees it now; None where nobody answered.
        gauges: the runner's newest telemetry, for prices.
        wish: the kill.
    """
    seen = mapping((book or {}).get("accounts"))
    found = cells(parse(wish.scope), _holdings(facts, orders, seen))
    prices = _Prices(facts, gauges)
    accounts = [
        _account(account, instruments, facts, orders, mapping(seen.get(account)), prices, wish)
        for account, instruments in found.items()
    ]
    traders = sorted(_traders(facts, found))
    return {
        "scope": wish.scope,
        "step": wish.step,
        "flatten": wish.flatten,
        "seen": "venue" if all(each["seen"] == "venue" for each in accounts) and book else "ours",
        "at": format_ns(int(book["at_ns"])) if book else None,
        "accounts": accounts,
        "traders": traders,
        "orders": sum(len(each["orders"]) for each in accounts),
        "positions": sum(len(each["positions"]) for each in accounts),
        "foreign": sum(
            item["foreign"] for each in accounts for item in (*each["orders"], *each["positions"])
        ),
        "totals": _totals(accounts),
        "seconds": max((each["seconds"] for each in accounts), default=0.0),
    }


def _holdings(facts: Facts, orders: Iterable[Row], seen: Row) -> Holdings:
    traders = by_id(facts.document, "traders")
    strategy = {name: str(spec["strategy"]) for name, spec in traders.items()}
    held = [
        Holding(str(s["account"]), str(s["instrument"]), name, str(s["strategy"]))
        for name, s in traders.items()
    ]
    held += [
        Holding(account, symbol, row["trader"], strategy.get(row["trader"], ""))
        for (account, symbol), row in facts.positions.items()
        if Decimal(row["quantity"])
    ]
    held += [Holding(o["account"], o["instrument"], o["trader"], o["strategy"]) for o in orders]
    held += [
        Holding(account, str(o["instrument"]), str(o["trader"]), str(o["strategy"]))
        for account, theirs in seen.items()
        for o in sequence(mapping(theirs).get("working"))
    ]
    return Holdings.of(sorted(_accounts(facts) | set(seen)), held)


def _traders(facts: Facts, found: Cells) -> set[str]:
    return {
        name
        for name, spec in by_id(facts.document, "traders").items()
        if spec["account"] in found
        and ((symbols := found[str(spec["account"])]) is None or str(spec["instrument"]) in symbols)
    }


class _Prices:
    """The newest price of an instrument that anybody saw, and its multiplier."""

    def __init__(self, facts: Facts, gauges: Row) -> None:
        told = mapping(gauges.get("traders"))
        self._known: dict[str, Decimal] = {}
        for name, spec in by_id(facts.document, "traders").items():
            price = mapping(told.get(name)).get("price")
            if price is None:
                price = facts.decisions.get(name, {}).get("price")
            if price is not None:
                self._known[str(spec["instrument"])] = Decimal(str(price))

    def value(self, symbol: str, units: Decimal) -> Decimal | None:
        """Absolute notional; None where nobody saw a price."""
        price = self._known.get(symbol)
        if price is None:
            return None
        spec = CATALOGUE.get(symbol)
        return abs(units) * price * (spec.multiplier if spec else Decimal(1))


def _account(
    account: str,
    instruments: frozenset[str] | None,
    facts: Facts,
    orders: list[dict[str, Any]],
    theirs: Row,
    prices: _Prices,
    wish: Wish,
) -> dict[str, Any]:
    spec = by_id(facts.document, "accounts").get(account, {})
    visible = "positions" in theirs
    working = _orders(account, instruments, orders, theirs if visible else None)
    positions = _positions(account, instruments, facts, theirs if visible else None, prices)
    broker = str(spec.get("broker") or "paper")
    capability = CAPABILITIES.get(broker, PAPER)
    model = mapping(spec.get("exchange"))
    closes = positions if wish.step == "flatten" and wish.flatten else []
    cancels = working if wish.step == "flatten" else []
    return {
        "account": account,
        "broker": broker,
        "currency": spec.get("currency") or facts.accounts.get(account, {}).get("currency"),
        "instruments": None if instruments is None else sorted(instruments),
        "seen": "venue" if visible else "ours",
        "detail": str(theirs.get("detail") or "")
        or ("" if visible else "The venue's book could not be seen; foreign ones may be missing."),
        "orders": working,
        "positions": positions,
        "notional": _sum(item["notional"] for item in positions),
        "cost": _cost(closes, ExchangeModel.from_body(model)),
        "seconds": _seconds(len(cancels), len(closes), capability, model),
        "order_rate": capability.order_rate,
        "cancel_all": capability.cancel_all,
        "close": capability.close.value,
    }


def _orders(
    account: str, instruments: frozenset[str] | None, ours: list[dict[str, Any]], theirs: Row | None
) -> list[dict[str, Any]]:
    mine = {row["client_id"]: row for row in ours if row["account"] == account}
    if theirs is None:
        shown: list[Row] = [
            {**row, "remaining": decimal_text(Decimal(row["quantity"]) - Decimal(row["filled"]))}
            for row in mine.values()
        ]
    else:
        shown = [mapping(row) for row in sequence(theirs.get("working"))]
    return [
        {
            "id": mine.get(row["client_id"], {}).get("id"),
            "venue_order": row.get("venue_order"),
            "instrument": row["instrument"],
            "trader": row["trader"] or None,
            "side": row["side"],
            "type": row["type"],
            "remaining": row["remaining"],
            "purpose": row["purpose"],
            "reduce_only": bool(row["reduce_only"]),
            "foreign": row["client_id"] not in mine,
        }
        for row in shown
        if instruments is None or row["instrument"] in instruments
    ]


def _positions(
    account: str,
    instruments: frozenset[str] | None,
    facts: Facts,
    theirs: Row | None,
    prices: _Prices,
) -> list[dict[str, Any]]:
    mine = {
        symbol: row
        for (holder, symbol), row in facts.positions.items()
        if holder == account and Decimal(row["quantity"])
    }
    shown = (
        {symbol: str(row["quantity"]) for symbol, row in mine.items()}
        if theirs is None
        else {symbol: str(units) for symbol, units in mapping(theirs.get("positions")).items()}
    )
    found: list[dict[str, Any]] = []
    for symbol, quantity in sorted(shown.items()):
        if instruments is not None and symbol not in instruments:
            continue
        ours = str(mine[symbol]["quantity"]) if symbol in mine else "0"
        value = prices.value(symbol, Decimal(quantity))
        found.append(
            {
                "instrument": symbol,
                "trader": (mine[symbol]["trader"] or None) if symbol in mine else None,
                "quantity": quantity,
                "ours": ours,
                # What nobody's order of ours brought is foreign, though our book follows it.
                "foreign": Decimal(quantity) != Decimal(ours) or not mine[symbol]["trader"],
                "notional": None if value is None else decimal_text(value.quantize(_CENT)),
            }
        )
    return found


def _sum(values: Iterable[str | None]) -> str | None:
    """The total; None as soon as one part is not known."""
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += Decimal(value)
    return decimal_text(total.quantize(_CENT))


def _cost(closes: list[dict[str, Any]], model: ExchangeModel) -> str | None:
    """Half the spread, slippage and the fee of each close."""
    parts: list[str | None] = []
    for item in closes:
        if item["notional"] is None:
            return None
        value = Decimal(item["notional"])
        friction = value * (model.half_spread + model.slippage) + model.fee(value)
        parts.append(decimal_text(friction))
    return _sum(parts)


def _seconds(cancels: int, closes: int, capability: Capability, model: Row) -> float:
    """At the declared rate: the sends, a round trip for cancels, closes and each proving read."""
    if not cancels and not closes:
        return 0.0
    sends = closes + (min(cancels, 1) if capability.cancel_all == "native" else cancels)
    paced = 0.0 if capability.order_rate is None else sends / capability.order_rate
    latency = float(model.get("latency_ms") or 0) / 1000
    rounds = bool(cancels) + bool(closes) + READS
    settle = capability.max_late_s if capability.close is Close.PLAIN else 0.0
    return round(paced + rounds * latency + settle, 3)


def _totals(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Notional and cost by currency; currencies are never added up."""
    by: dict[str, list[dict[str, Any]]] = {}
    for each in accounts:
        by.setdefault(str(each["currency"] or ""), []).append(each)
    return [
        {
            "currency": currency,
            "notional": _sum(each["notional"] for each in rows),
            "cost": _sum(each["cost"] for each in rows),
        }
        for currency, rows in sorted(by.items())
    ]
