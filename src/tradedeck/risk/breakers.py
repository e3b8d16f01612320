"""Circuit breakers (RSK-3): what opens one, what that does, and how it closes again. Pure.

A breaker with a cool-down closes by itself once its cause has been gone for so long; one without
latches a halt, which only a person lifts. What it does is said by its action, as for limits.
Opens on what was seen, in the order in which it is told; the caller brings the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tradedeck.kernel.clock import NS_PER_S
from tradedeck.risk.limits import Action

EVENTS_MAX = 10_000  # of one window; a bound above it is refused by the document


class Breaker(StrEnum):
    """Every breaker of an account. Stale checks belong to the feed, loss and drawdown to limits."""

    FEED_DISCONNECTED = "feed_disconnected"
    REJECTS = "rejects"
    REPEATED_EXECUTION = "repeated_execution"
    CLOCK_OFFSET = "clock_offset"


UNITS: Mapping[Breaker, str] = {
    Breaker.FEED_DISCONNECTED: "seconds",
    Breaker.REJECTS: "rejects",
    Breaker.REPEATED_EXECUTION: "orders",
    Breaker.CLOCK_OFFSET: "seconds",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """When a breaker opens and what follows.

    Args:
        bound: seconds, or a count within the window; reached is crossed.
        action: what it does; `alarm` tells and stops nothing.
        window_s: seconds in which events are counted; 0 for a breaker that counts none.
        cooldown_s: seconds without the cause until it closes by itself; None: a person lifts it.
    """

    bound: Decimal
    action: Action
    window_s: float = 0.0
    cooldown_s: float | None = None

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Rule:
        """From one breaker of a validated desired document.

        One that only alarms stops nothing that a person could lift: it closes by itself.
        """
        action = Action(body["action"])
        auto = body["resume"] == "auto" or action is Action.ALARM
        return cls(
            Decimal(str(body["bound"])),
            action,
            float(body.get("window_s") or 0),
            float(body.get("cooldown_s") or 0) if auto else None,
        )


@dataclass(frozen=True, slots=True)
class Open:
    """A breaker that is open: since when, why, and from when on it may close by itself."""

    scope: str
    breaker: Breaker
    at_ns: int
    action: Action
    numbers: dict[str, Any]
    reason: str
    cooldown_ns: int | None
    seen_ns: int

    def to_body(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {
            "scope": self.scope,
            "breaker": self.breaker.value,
            "at_ns": self.at_ns,
            "action": self.action.value,
            "numbers": self.numbers,
            "reason": self.reason,
            "cooldown_ns": self.cooldown_ns,
            "seen_ns": self.seen_ns,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Open:
        """The inverse of `to_body`."""
        fields: dict[str, Any] = dict(body)
        fields["breaker"], fields["action"] = Breaker(body["breaker"]), Action(body["action"])
        return cls(**fields)

    @property
    def latched(self) -> bool:
        """Whether only a person closes it."""
        return self.cooldown_ns is None

    @property
    def denies(self) -> bool:
        """Whether it stops entries by itself; a latched one does it through its halt."""
        return not self.latched and self.action is not Action.ALARM


class Breakers:
    """All breakers of a runner, by (scope, breaker)."""

    def __init__(self, rows: list[Mapping[str, Any]] | None = None) -> None:
        self.open: dict[tuple[str, Breaker], Open] = {}
        for row in rows or ():
            kept = Open.from_body(row)
            self.open[kept.scope, kept.breaker] = kept
        self._events: dict[tuple[str, Breaker], deque[int]] = {}

    def rows(self) -> list[dict[str, Any]]:
        """Those that are open, for a restart."""
        return [item.to_body() for item in self.open.values()]

    def count(
        self, scope: str, breaker: Breaker, rule: Rule, at_ns: int, now_ns: int
    ) -> Open | None:
        """Count one event; the breaker that it opened, if it did.

        `at_ns` is on the events' own clock (that of a replay runs faster), `now_ns` on the wall's,
        which opening and cool-down follow.
        """
        window = self._events.setdefault((scope, breaker), deque(maxlen=EVENTS_MAX))
        window.append(at_ns)
        _prune(window, rule, at_ns)
        numbers = {"count": len(window), "bound": int(rule.bound), "window_s": rule.window_s}
        if len(window) < rule.bound:
            return None
        window.clear()
        reason = f"{numbers['count']} {UNITS[breaker]} in {rule.window_s:g} s"
        return self._trip(scope, breaker, rule, now_ns, numbers, reason)

    def counted(self, scope: str, breaker: Breaker, rule: Rule, at_ns: int) -> int:
        """Events of the window that ends at `at_ns`, on the events' own clock."""
        window = self._events.get((scope, breaker))
        if not window:
            return 0
        _prune(window, rule, at_ns)
        return len(window)

    def hold(
        self, scope: str, breaker: Breaker, rule: Rule, value_s: float, now_ns: int, reason: str
    ) -> Open | None:
        """Hold a measured value against the bound; the breaker that it opened, if it did."""
        if value_s < rule.bound:
            return None
        numbers = {"seconds": round(value_s, 3), "bound": float(rule.bound)}
        return self._trip(scope, breaker, rule, now_ns, numbers, reason)

    def _trip(
        self,
        scope: str,
        breaker: Breaker,
        rule: Rule,
        now_ns: int,
        numbers: dict[str, Any],
        reason: str,
    ) -> Open | None:
        standing = self.open.get((scope, breaker))
        if standing is not None:  # the cause is there again: the cool-down begins anew
            self.open[scope, breaker] = replace(standing, seen_ns=now_ns)
            return None
        cooldown = None if rule.cooldown_s is None else int(rule.cooldown_s * NS_PER_S)
        tripped = Open(scope, breaker, now_ns, rule.action, numbers, reason, cooldown, now_ns)
        self.open[scope, breaker] = tripped
        return tripped

    def cooled(self, now_ns: int) -> list[Open]:
        """Close what has cooled down; those closed."""
        done = [
            item
            for item in self.open.values()
            if item.cooldown_ns is not None and now_ns > item.seen_ns + item.cooldown_ns
        ]
        for item in done:
            del self.open[item.scope, item.breaker]
        return done

    def lifted(self, scope: str, *feeds: str) -> list[Open]:
        """A person lifted the halt of `scope`: its latched breakers are closed, and those of the
        feeds that had halted it; those closed.
        """
        scopes = {scope, *feeds}
        done = [
            item
            for item in self.open.values()
            if item.latched and (scope == "all" or item.scope in scopes)
        ]
        for item in done:
            del self.open[item.scope, item.breaker]
            self._events.pop((item.scope, item.breaker), None)
        return done

    def denying(self, *scopes: str) -> Open | None:
        """The first open breaker that stops entries in any of these scopes."""
        if not self.open:
            return None
        for item in self.open.values():
            if item.denies and item.scope in scopes:
                return item
        return None


def _prune(window: deque[int], rule: Rule, at_ns: int) -> None:
    """Drop what is too old, or from before a replay began again."""
    while window and (window[0] < at_ns - rule.window_s * NS_PER_S or window[0] > at_ns):
        window.popleft()
