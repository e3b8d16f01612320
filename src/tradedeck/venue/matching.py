"""The matching of the paper exchange: sans-I/O, the same code in backtests and in its own process.

Owns the venue's side of the truth: balances, positions, working orders, report numbers. It knows
who trades only by account name. Prices come from bars:

- a market order fills at once at the last bar's close, at the bid or ask where the bar has sides,
  else half the configured spread away, plus slippage;
- a limit order fills when a later bar trades through it, at the limit, or at the open where the
  bar opened beyond it; a stop triggers likewise and then pays slippage;
- where one bar touches a stop and a limit, the stop is taken first (the pessimistic reading);
- volume, where the bar has any and the account's model bounds it, makes partial fills; what is
  left works on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradedeck.kernel.canonical import decimal_text
from tradedeck.trading.instrument import Instrument
from tradedeck.trading.market import Bar
from tradedeck.trading.money import ZERO
from tradedeck.trading.order import BUY, FOK, IOC, LIMIT, MARKET, STOP, Order
from tradedeck.trading.position import Position
from tradedeck.venue.model import ExchangeModel, away
from tradedeck.venue.permit import Permit
from tradedeck.venue.read import WorkingOrder
from tradedeck.venue.report import Report, ReportKind
from tradedeck.venue.standing import VenueBook, Working, above_zero, check_terms

_FILLED = ReportKind.FILLED


def _ended(entry: Working, reports: list[Report]) -> bool:
    """Whether these reports end this order; they may end others (idle reducers) as well."""
    client_id = entry.order.client_id
    return any(report.done and report.client_id == client_id for report in reports)


class PaperVenue:
    """Matches orders of many accounts against bars.

    Args:
        instruments: by symbol; an order for another is rejected.
        known: tells whether a client id was used, orders of this object included. None: they are
            kept here, for as long as the object lives.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], known: Callable[[str], bool] | None = None
    ) -> None:
        self._instruments = instruments
        self._known = known
        self._seen: set[str] = set()
        self._bars: dict[str, Bar] = {}
        self._used: dict[str, tuple[Bar, Decimal]] = {}
        self._bounded = False  # whether any account's model bounds volume: else none is counted
        self.accounts: dict[str, VenueBook] = {}
        self.positions: dict[tuple[str, str], Position] = {}
        self.working: dict[str, dict[str, Working]] = {}
        self.seq = 0
        # What `changes` has to tell of, by the keys of each register.
        self._opened: set[str] = set()
        self._moved: set[tuple[str, str]] = set()
        self._worked: set[tuple[str, str]] = set()
        self._spent: set[str] = set()

    def open_account(
        self, account: str, currency: str, balance: Decimal, model: ExchangeModel
    ) -> bool:
        """Open an account, or change the frictions of one that exists; True when it is new."""
        book = self.accounts.get(account)
        self._bounded = self._bounded or model.volume_share_max is not None
        if book is not None:
            book.model = model
            return False
        self.accounts[account] = VenueBook(currency, balance, model)
        self._opened.add(account)
        return True

    def submit(self, order: Order, permit: Permit) -> list[Report]:
        """See the `Submit` port."""
        permit.spend(order.id)
        return self.place(order)

    def reduce(self, order: Order) -> list[Report]:
        """See the `Reduce` port; an order that is not reduce-only is refused."""
        if not order.reduce_only:
            msg = f"order {order.id} was not reduce-only"
            raise PermissionError(msg)
        return self.place(order)

    def cancel(self, order: Order) -> list[Report]:
        """See the `Reduce` port."""
        return self.cancel_id(order.instrument, order.client_id, order.created_ns)

    def withdraw(self, account: str, working: WorkingOrder, time_ns: int) -> list[Report]:
        """See the `Reduce` port."""
        return self.cancel_id(working.instrument, working.client_id, time_ns)

    def cancel_all(
        self, account: str, instruments: Collection[str] | None, time_ns: int
    ) -> list[Report]:
        """See the `Reduce` port."""
        reports: list[Report] = []
        for entry in self.working_of(account):
            order = entry.order
            if instruments is None or order.instrument in instruments:
                reports += self.cancel_id(order.instrument, order.client_id, time_ns)
        return reports

    def working_of(self, account: str) -> list[Working]:
        """What works for one account."""
        return [
            entry
            for resting in self.working.values()
            for entry in resting.values()
            if entry.order.account == account
        ]

    def place(self, order: Order) -> list[Report]:
        """Take an order as the wire brought it; a client id used before has no second effect."""
        client_id = order.client_id
        if client_id in self._seen or (self._known is not None and self._known(client_id)):
            return []
        if self._known is None:
            self._seen.add(client_id)
        fault = self._fault(order)
        if fault:
            return [
                self._report(ReportKind.REJECTED, order, order.created_ns, done=True, reason=fault)
            ]
        entry = Working(order, order.quantity, order.limit_price, order.stop_price, order.quantity)
        bar = self._bars[order.instrument]
        reports = self._arrive(entry, bar)
        if entry.left and not _ended(entry, reports):
            self._rest(entry, reports, bar.end_ns)
        return reports

    def _fault(self, order: Order) -> str:
        instrument = self._instruments.get(order.instrument)
        if order.account not in self.accounts:
            return "ACCOUNT_UNKNOWN"
        if instrument is None:
            return "INSTRUMENT_UNKNOWN"
        if not above_zero(order.quantity) or not instrument.on_step(order.quantity):
            return "QUANTITY_INVALID"
        if order.instrument not in self._bars:
            return "NO_MARKET"
        if order.type is LIMIT and not above_zero(order.limit_price):
            return "LIMIT_PRICE_MISSING"
        if order.type is STOP and not above_zero(order.stop_price):
            return "STOP_PRICE_MISSING"
        if order.reduce_only and not self._held(order):
            return "REDUCE_NOTHING_HELD"
        return ""

    def _arrive(self, entry: Working, bar: Bar) -> list[Report]:
        """Meet the standing market: fill, kill or leave to rest."""
        order = entry.order
        kind, buy, model = order.type, order.side is BUY, self.accounts[order.account].model
        price = self._touch(order, bar.close, bar, model)
        if kind is STOP:
            assert entry.stop_price is not None
            if (price < entry.stop_price) if buy else (price > entry.stop_price):
                return []
            entry.triggered = True
        elif kind is LIMIT:
            assert entry.limit_price is not None
            if (price > entry.limit_price) if buy else (price < entry.limit_price):
                return self._kill_if_immediate(entry, bar.end_ns, [])
        if order.tif is FOK and self._available(entry, bar, model) < entry.left:
            return self._kill_if_immediate(entry, bar.end_ns, [])
        if kind is not LIMIT and model.slippage:
            price = self._slip(order, price, model)
        reports = self._fill(entry, price, bar, model, "taker")
        return self._kill_if_immediate(entry, bar.end_ns, reports) if entry.left else reports

    def _kill_if_immediate(
        self, entry: Working, time_ns: int, reports: list[Report]
    ) -> list[Report]:
        tif = entry.order.tif
        if entry.left and tif in (IOC, FOK) and not _ended(entry, reports):
            self._end(entry, ReportKind.CANCELLED, f"{tif}_UNFILLED", time_ns, reports)
        return reports

    def _rest(self, entry: Working, reports: list[Report], time_ns: int) -> None:
        order = entry.order
        self.working.setdefault(order.instrument, {})[order.client_id] = entry
        self._worked.add((order.instrument, order.client_id))
        if not reports:
            reports.append(self._report(ReportKind.ACCEPTED, order, time_ns))

    def bar(self, bar: Bar) -> Sequence[Report]:
        """Take the next bar of an instrument: match what rests, expire what is over."""
        symbol = bar.instrument
        self._bars[symbol] = bar
        resting = self.working.get(symbol)
        if not resting:
            return ()
        reports: list[Report] = []
        stops_first = sorted(resting.values(), key=lambda w: w.order.type is LIMIT)
        for entry in stops_first:
            if entry.order.client_id not in resting:
                continue
            expires = entry.order.expires_ns
            if expires is None or bar.time_ns < expires:
                self._match(entry, bar, reports)
            if expires is not None and bar.end_ns >= expires and entry.order.client_id in resting:
                self._end(entry, ReportKind.EXPIRED, "TIME_IN_FORCE", bar.end_ns, reports)
        return reports

    def _match(self, entry: Working, bar: Bar, reports: list[Report]) -> None:
        order = entry.order
        buy, model = order.side is BUY, self.accounts[order.account].model
        at_open = self._touch(order, bar.open, bar, model)
        if order.type is MARKET or entry.triggered:
            price = self._slip(order, at_open, model)
        elif order.type is STOP:
            stop = entry.stop_price
            assert stop is not None
            reach = self._touch(order, bar.high if buy else bar.low, bar, model)
            if (reach < stop) if buy else (reach > stop):
                return
            entry.triggered = True
            self._changed(entry)
            price = self._slip(order, max(stop, at_open) if buy else min(stop, at_open), model)
        else:
            limit = entry.limit_price
            assert limit is not None
            reach = self._touch(order, bar.low if buy else bar.high, bar, model)
            if (reach > limit) if buy else (reach < limit):
                return
            price = min(limit, at_open) if buy else max(limit, at_open)
        filled: list[Report] = []
        if order.tif is not FOK or self._available(entry, bar, model) >= entry.left:
            filled = self._fill(entry, price, bar, model, "maker")
        reports += self._kill_if_immediate(entry, bar.end_ns, filled)

    def _fill(
        self, entry: Working, price: Decimal, bar: Bar, model: ExchangeModel, liquidity: str
    ) -> list[Report]:
        """Exchange what volume and reduce-only allow; returns the reports."""
        order = entry.order
        available = self._available(entry, bar, model)
        if not available:
            return []
        capped = order.reduce_only and available < entry.left and available == self._held(order)
        if self._bounded and bar.volume:
            self._used[order.instrument] = bar, self._used_of(bar) + available
            self._spent.add(order.instrument)
        reports = [self._book(entry, available, price, bar.end_ns, liquidity)]
        if capped:
            self._end(entry, ReportKind.CANCELLED, "REDUCE_DONE", bar.end_ns, reports)
        if self.working.get(order.instrument):
            self._drop_idle_reducers(order, bar.end_ns, reports)
        return reports

    def _book(
        self, entry: Working, units: Decimal, price: Decimal, time_ns: int, liquidity: str
    ) -> Report:
        order = entry.order
        key = owner, symbol = order.account, order.instrument
        multiplier, account = self._instruments[symbol].multiplier, self.accounts[owner]
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = Position(owner, symbol, order.trader)
        signed = units if order.side is BUY else -units
        realised = position.apply(signed, price, multiplier, time_ns)
        fee = account.model.fee(units * price * multiplier)
        account.balance += realised - fee
        entry.left -= units
        done = not entry.left
        resting = self.working.get(symbol)
        if resting and done:
            self._forget(order)
        elif resting:
            self._changed(entry)
        self._moved.add(key)
        self.seq += 1
        return Report(
            self.seq,
            _FILLED,
            order.client_id,
            owner,
            symbol,
            order.client_id,
            time_ns,
            units,
            price,
            fee,
            signed,
            done,
            "",
            None,
            liquidity,
        )

    def _changed(self, entry: Working) -> None:
        """What rests is kept as it stands now, so that a restart neither fills nor waits twice."""
        order = entry.order
        if order.client_id in self.working.get(order.instrument, {}):
            self._worked.add((order.instrument, order.client_id))

    def _forget(self, order: Order) -> None:
        resting = self.working.get(order.instrument)
        entry = resting.pop(order.client_id, None) if resting else None
        if entry is None:
            return
        name = (order.instrument, order.client_id)
        if entry.kept:
            self._worked.add(name)
        else:
            self._worked.discard(name)  # it came and went unseen: there is no row to take back

    def _end(
        self, entry: Working, kind: ReportKind, reason: str, time_ns: int, reports: list[Report]
    ) -> None:
        self._forget(entry.order)
        reports.append(self._report(kind, entry.order, time_ns, done=True, reason=reason))

    def _drop_idle_reducers(self, order: Order, time_ns: int, reports: list[Report]) -> None:
        """Resting reduce-only orders that a fill left nothing to reduce (flat, turned) end."""
        for entry in list(self.working[order.instrument].values()):
            other = entry.order
            if other.reduce_only and other.account == order.account and not self._held(other):
                self._end(entry, ReportKind.CANCELLED, "REDUCE_DONE", time_ns, reports)

    def cancel_id(self, instrument: str, client_id: str, time_ns: int) -> list[Report]:
        """Withdraw a working order; one that is not working answers with nothing."""
        entry = self.working.get(instrument, {}).get(client_id)
        if entry is None:
            return []
        reports: list[Report] = []
        self._end(entry, ReportKind.CANCELLED, "REQUESTED", self._now(instrument, time_ns), reports)
        return reports

    def replace(
        self,
        instrument: str,
        client_id: str,
        quantity: Decimal | None,
        limit_price: Decimal | None,
        stop_price: Decimal | None,
    ) -> list[Report]:
        """Change the terms of a working order at once; a total not above its fills ends it.

        Raises:
            ValueError: a quantity off the step or a price not above zero; nothing was changed.
        """
        entry = self.working.get(instrument, {}).get(client_id)
        if entry is None:
            return []
        check_terms(self._instruments[instrument], quantity, (limit_price, stop_price))
        bar = self._bars[instrument]
        reports: list[Report] = []
        if quantity is not None and quantity <= entry.filled:
            self._end(entry, ReportKind.CANCELLED, "REPLACED_BELOW_FILLED", bar.end_ns, reports)
            return reports
        if quantity is not None:
            entry.left += quantity - entry.quantity
            entry.quantity = quantity
        entry.limit_price = entry.limit_price if limit_price is None else limit_price
        entry.stop_price = entry.stop_price if stop_price is None else stop_price
        self._worked.add((instrument, client_id))
        report = self._report(
            ReportKind.REPLACED,
            entry.order,
            bar.end_ns,
            quantity=entry.quantity,
            price=entry.limit_price,
        )
        report.stop_price = entry.stop_price
        reports.append(report)
        reports += self._arrive(entry, bar)
        return reports

    def _touch(self, order: Order, observed: float, bar: Bar, model: ExchangeModel) -> Decimal:
        """The side of the market this order meets when mid or last is `observed`."""
        instrument, buy = self._instruments[order.instrument], order.side is BUY
        if bar.bid is not None and bar.ask is not None:
            if observed == bar.close:
                return instrument.price(bar.ask if buy else bar.bid)
            half = (bar.ask - bar.bid) / 2
            return instrument.price(observed + half if buy else observed - half)
        price, half_spread = instrument.price(observed), model.half_spread
        return away(instrument, price, half_spread, buy=buy) if half_spread else price

    def _slip(self, order: Order, price: Decimal, model: ExchangeModel) -> Decimal:
        if not model.slippage:
            return price
        instrument = self._instruments[order.instrument]
        return away(instrument, price, model.slippage, buy=order.side is BUY)

    def _used_of(self, bar: Bar) -> Decimal:
        used = self._used.get(bar.instrument)
        return used[1] if used is not None and used[0] is bar else ZERO

    def _available(self, entry: Working, bar: Bar, model: ExchangeModel) -> Decimal:
        """Units that may fill now, on the quantity grid."""
        order, wanted = entry.order, entry.left
        if order.reduce_only:
            wanted = min(wanted, self._held(order))
        share = model.volume_share_max
        if share is None or bar.volume <= 0:
            return wanted
        whole = Decimal(int(bar.volume)) * share
        bound = self._instruments[order.instrument].quantity(whole - self._used_of(bar))
        return max(ZERO, min(wanted, bound))

    def _held(self, order: Order) -> Decimal:
        """Units the order could reduce."""
        position = self.positions.get((order.account, order.instrument))
        if position is None or (position.quantity > ZERO) == (order.side is BUY):
            return ZERO
        return abs(position.quantity)

    def _now(self, instrument: str, fallback_ns: int) -> int:
        bar = self._bars.get(instrument)
        return fallback_ns if bar is None else bar.end_ns

    def _report(
        self,
        kind: ReportKind,
        order: Order,
        time_ns: int,
        *,
        quantity: Decimal = ZERO,
        price: Decimal | None = None,
        fee: Decimal = ZERO,
        signed: Decimal = ZERO,
        done: bool = False,
        reason: str = "",
        liquidity: str = "taker",
    ) -> Report:
        self.seq += 1
        return Report(
            self.seq, kind, order.client_id, order.account, order.instrument, order.client_id,
            time_ns, quantity, price, fee, signed, done, reason, None, liquidity,
        )  # fmt: skip

    def last_bars(self) -> dict[str, Bar]:
        """The bar the venue last saw of each instrument."""
        return self._bars

    def changes(self) -> dict[str, Any]:
        """State rows changed since the last call: name → body, or None where a row is gone."""
        rows: dict[str, Any] = {}
        for account in self._opened | {account for account, _ in self._moved}:
            book = self.accounts[account]
            rows[f"account/{account}"] = {
                "currency": book.currency,
                "balance": decimal_text(book.balance),
            }
        for account, symbol in self._moved:
            multiplier = self._instruments[symbol].multiplier
            body = self.positions[account, symbol].to_body(multiplier)
            rows[f"position/{account}/{symbol}"] = body
        for symbol, client_id in self._worked:
            entry = self.working.get(symbol, {}).get(client_id)
            if entry is not None:
                entry.kept = True
            rows[f"order/{symbol}/{client_id}"] = None if entry is None else entry.to_row()
        for symbol in self._spent:
            bar, units = self._used[symbol]
            rows[f"used/{symbol}"] = [bar.end_ns, decimal_text(units)]
        for changed in (self._opened, self._moved, self._worked, self._spent):
            changed.clear()
        return rows

    def restore(self, rows: Mapping[str, Any], seq: int) -> None:
        """Take back what `changes` gave, after a restart; frictions come with `open_account`."""
        self.seq = seq
        for name, row in rows.items():
            kind, _, rest = name.partition("/")
            if row is None:
                continue
            if kind == "account":
                self.accounts[rest] = VenueBook(
                    row["currency"], Decimal(row["balance"]), ExchangeModel()
                )
            elif kind == "position":
                position = Position.from_body(row)
                self.positions[position.account, position.instrument] = position
            elif kind == "order":
                entry = Working.from_row(row)
                order = entry.order
                self.working.setdefault(order.instrument, {})[order.client_id] = entry
            elif kind == "bar":
                self._bars[rest] = Bar(*row)
        for symbol, bar in self._bars.items():  # what was taken from a bar's volume stays taken
            used = rows.get(f"used/{symbol}")
            if used is not None and used[0] == bar.end_ns:
                self._used[symbol] = bar, Decimal(used[1])
