"""Halts: latched levels per scope. The strictest that covers a trader holds.

A halt never clears itself; `cleared` is a person's act, checked before it comes here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tradedeck.kernel.errors import Code, TradedeckError


class Level(IntEnum):
    """How much is stopped; a higher level includes the lower."""

    NONE = 0
    PAUSE = 1
    REDUCE_ONLY = 2
    HALTED = 3

    @property
    def word(self) -> str:
        """As it is written in journals and documents."""
        return self.name.lower()


NO_HALT = Level.NONE


def level(word: str) -> Level:
    """The level of that name; raises INVALID for another word."""
    try:
        return Level[word.upper()]
    except KeyError:
        raise TradedeckError(
            Code.INVALID, f"{word!r} is not a level", hint="Use pause, reduce_only or halted."
        ) from None


DEFAULT_TENANT = "default"  # until tenants exist, every account is of this one
_KINDS = ("tenant", "account", "trader", "strategy", "instrument")


def check_scope(scope: str) -> str:
    """`all`, or one of tenant, account, trader, strategy, instrument with its name: `trader/one`.

    Anything else is refused with INVALID.
    """
    kind, _, name = scope.partition("/")
    if scope == "all" or (kind in _KINDS and name):
        return scope
    raise TradedeckError(
        Code.INVALID,
        f"{scope!r} is not a scope",
        hint=f"Use all, or one of {', '.join(_KINDS)} followed by / and its name.",
    )


def covering(
    account: str, trader: str, strategy: str, instrument: str, tenant: str = DEFAULT_TENANT
) -> tuple[str, ...]:
    """Every scope that covers a trader: any halt of one of them holds for it."""
    return (
        "all",
        f"tenant/{tenant}",
        f"account/{account}",
        f"trader/{trader}",
        f"strategy/{strategy}",
        f"instrument/{instrument}",
    )


@dataclass(slots=True)
class Halts:
    """Every halt in force: scope → its row {scope, level, reason, by, kill, at_ns}.

    `kill` is the id of the kill that latched it, or None; rows kept before kills had ids lack it.
    """

    active: dict[str, dict[str, Any]] = field(default_factory=dict)

    def set(
        self,
        scope: str,
        at: Level,
        *,
        reason: str,
        by: str,
        kill: str | None = None,
        at_ns: int = 0,
    ) -> bool:
        """Raise the level of a scope; a lower level than the standing one changes nothing."""
        standing = self.active.get(check_scope(scope))
        if standing is not None and level(standing["level"]) >= at:
            return False
        self.active[scope] = {
            "scope": scope,
            "level": at.word,
            "reason": reason,
            "by": by,
            "kill": kill,
            "at_ns": at_ns,
        }
        return True

    def clear(self, scope: str) -> bool:
        """Drop the halt of exactly this scope; False where there is none."""
        return self.active.pop(check_scope(scope), None) is not None

    def over(
        self,
        account: str,
        trader: str,
        strategy: str,
        instrument: str,
        tenant: str = DEFAULT_TENANT,
    ) -> dict[str, Any] | None:
        """The row of the strictest halt over a trader of that strategy in that instrument."""
        if not self.active:
            return None
        found: dict[str, Any] | None = None
        highest = Level.NONE
        for scope in covering(account, trader, strategy, instrument, tenant):
            standing = self.active.get(scope)
            if standing is not None and level(standing["level"]) > highest:
                found, highest = standing, level(standing["level"])
        return found

    def of(
        self,
        account: str,
        trader: str,
        strategy: str,
        instrument: str,
        tenant: str = DEFAULT_TENANT,
    ) -> Level:
        """Its level; NONE where nothing is halted over it."""
        if not self.active:
            return NO_HALT
        row = self.over(account, trader, strategy, instrument, tenant)
        return NO_HALT if row is None else level(row["level"])
