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


def level(word: str) -> Level:
    """The level of that name; raises INVALID for another word."""
    try:
        return Level[word.upper()]
    except KeyError:
        raise TradedeckError(
            Code.INVALID, f"{word!r} is not a level", hint="Use pause, reduce_only or halted."
        ) from None


def check_scope(scope: str) -> str:
    """`all`, `account/<id>`, `trader/<id>`; anything else is refused."""
    kind, _, name = scope.partition("/")
    if scope == "all" or (kind in ("account", "trader") and name):
        return scope
    raise TradedeckError(
        Code.INVALID, f"{scope!r} is not a scope", hint="Use all, account/<id> or trader/<id>."
    )


@dataclass(slots=True)
class Halts:
    """Every halt in force: scope → level, with reason and author."""

    active: dict[str, dict[str, Any]] = field(default_factory=dict)

    def set(self, scope: str, at: Level, *, reason: str, by: str) -> bool:
        """Raise the level of a scope; a lower level than the standing one changes nothing."""
        standing = self.active.get(check_scope(scope))
        if standing is not None and Level[standing["level"].upper()] >= at:
            return False
        self.active[scope] = {"scope": scope, "level": at.word, "reason": reason, "by": by}
        return True

    def clear(self, scope: str) -> bool:
        """Drop the halt of exactly this scope; False where there is none."""
        return self.active.pop(check_scope(scope), None) is not None

    def of(self, account: str, trader: str) -> Level:
        """The strictest level over a trader."""
        if not self.active:
            return Level.NONE
        found = Level.NONE
        for scope in ("all", f"account/{account}", f"trader/{trader}"):
            standing = self.active.get(scope)
            if standing is not None:
                found = max(found, Level[standing["level"].upper()])
        return found
