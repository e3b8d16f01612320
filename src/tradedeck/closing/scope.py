"""What a kill covers: one word for any subset, resolved to cells of accounts and instruments.

Pure. One trader owns an instrument of an account, so the kill of a trader or a strategy is that of
its cells, and never leaves half a position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tradedeck.kernel.errors import Code, TradedeckError

ALL = "all"
KINDS = ("tenant", "account", "trader", "strategy", "instrument")
DEFAULT_TENANT = "default"
_NAME_MAX = 100

Cells = dict[str, frozenset[str] | None]
"""By account: its instruments in scope; None for the whole account, whatever it holds."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A parsed scope; `name` is empty for `all`."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else self.kind

    def covers(
        self,
        account: str,
        trader: str,
        strategy: str,
        instrument: str,
        tenant: str = DEFAULT_TENANT,
    ) -> bool:
        """Whether an order of these falls under it."""
        told = {
            "tenant": tenant,
            "account": account,
            "trader": trader,
            "strategy": strategy,
            "instrument": instrument,
        }
        return self.kind == ALL or told[self.kind] == self.name


@dataclass(frozen=True, slots=True)
class Holding:
    """A trader's instrument, a position, or a working order: whatever ties a cell to names."""

    account: str
    instrument: str
    trader: str = ""
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that a host knows of: accounts with their tenants, and what is in them."""

    accounts: Mapping[str, str]
    cells: tuple[Holding, ...]

    @classmethod
    def of(cls, accounts: Iterable[str], cells: Iterable[Holding]) -> Holdings:
        """Accounts of the default tenant, the only one until tenants exist."""
        return cls(dict.fromkeys(accounts, DEFAULT_TENANT), tuple(cells))


def parse(text: str) -> Scope:
    """The scope of these words.

    Raises:
        TradedeckError: INVALID for anything but `all` and `<kind>/<name>`.
    """
    kind, _, name = text.partition("/")
    if text == ALL:
        return Scope(ALL)
    if kind in KINDS and name and len(name) <= _NAME_MAX and name.isprintable() and " " not in name:
        return Scope(kind, name)
    raise TradedeckError(
        Code.INVALID,
        f"{text[:_NAME_MAX]!r} is not a scope",
        hint=f"Use all, {', '.join(f'{each}/<name>' for each in KINDS)}.",
    )


def cells(scope: Scope, holdings: Holdings) -> Cells:
    """What is to be cancelled and closed; accounts that have nothing in scope are absent.

    An instrument is in scope in every account, also where it is not held now: what is applied late
    is in scope as well.
    """
    if scope.kind == ALL:
        return dict.fromkeys(holdings.accounts)
    if scope.kind == "account":
        return {scope.name: None} if scope.name in holdings.accounts else {}
    if scope.kind == "tenant":
        return {a: None for a, tenant in holdings.accounts.items() if tenant == scope.name}
    if scope.kind == "instrument":
        return {account: frozenset({scope.name}) for account in holdings.accounts}
    found: dict[str, set[str]] = {}
    for each in holdings.cells:
        if scope.name == (each.trader if scope.kind == "trader" else each.strategy):
            found.setdefault(each.account, set()).add(each.instrument)
    return {account: frozenset(symbols) for account, symbols in sorted(found.items())}
