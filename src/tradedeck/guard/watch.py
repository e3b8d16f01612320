"""The watch over the runner: when it was last known to work, and what its silence calls for. Pure.

A runner works when its loop has come round without a gap for a second; one that starts, crashes and
starts again never does, so a crash loop is silence. Time in which the guard itself did not run
(a suspended machine, a stopped process) is nobody's silence.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tradedeck.guard.types import Now, Policy, Process
from tradedeck.kernel.clock import NS_PER_S

STEADY_NS = NS_PER_S
GAP_NS = NS_PER_S  # the loop beats four times a second
CANCEL, FLATTEN = "cancel", "flatten"
NONE, CANCEL_ONLY, BOTH = "none", "cancel", "cancel_and_flatten"
SILENCES = (NONE, CANCEL_ONLY, BOTH)


class Watch:
    """One runner.

    Args:
        row: what was kept of it, or None for a guard that never met one.
        now: when the guard started; the silence of a runner known from before runs from here.

    """

    def __init__(self, row: dict[str, Any] | None, now: Now) -> None:
        kept = row or {}
        self.runner = str(kept.get("runner", ""))
        pid = kept.get("pid")
        self.process = None if pid is None else Process(int(pid), kept.get("started"))
        policies: dict[str, dict[str, Any]] = kept.get("accounts") or {}
        self.accounts = {name: Policy(**policy) for name, policy in policies.items()}
        self.expected = bool(kept.get("expected", False))
        self.connected = False
        self.said_bye = False
        self.heard_ns = now.mono_ns
        self.worked_ns = now.mono_ns
        self._first_ns: int | None = None
        self._tick_ns = now.mono_ns
        self._done: set[tuple[str, str]] = set()

    def row(self) -> dict[str, Any]:
        """What a restart of the guard needs."""
        return {
            "runner": self.runner,
            "pid": None if self.process is None else self.process.pid,
            "started": None if self.process is None else self.process.started,
            "accounts": {
                name: {
                    "on_silence": policy.on_silence,
                    "cancel_after_s": policy.cancel_after_s,
                    "flatten_after_s": policy.flatten_after_s,
                    "dead_man": policy.dead_man,
                }
                for name, policy in self.accounts.items()
            },
            "expected": self.expected,
        }

    def hello(self, runner: str, process: Process, accounts: dict[str, Policy], now: Now) -> None:
        """A runner's session opened; it has yet to show that it works."""
        self.runner, self.process, self.accounts = runner, process, accounts
        self.connected = self.expected = True
        self.said_bye = False
        self.heard_ns, self._first_ns = now.mono_ns, None

    def beat(self, now: Now) -> bool:
        """The loop came round; True when that ended a silence that was acted on."""
        at = now.mono_ns
        if self._first_ns is None or at - self.heard_ns > GAP_NS:
            self._first_ns = at
        self.heard_ns = at
        if at - self._first_ns < STEADY_NS:
            return False
        self.worked_ns = at
        back = bool(self._done)
        self._done.clear()
        return back

    def ended(self) -> None:
        """Its process is gone."""
        self.connected, self.process, self._first_ns = False, None, None

    def parted(self, *, whole: bool) -> None:
        """It stops in order; `whole`: everything does, and nobody is missing."""
        self.said_bye = True
        self.expected = self.expected and not whole

    def silent_ns(self, now: Now) -> int:
        """How long it has not been seen to work; 0 where none is expected."""
        return now.mono_ns - self.worked_ns if self.expected else 0

    def timers(self, owed: Collection[str]) -> dict[str, float | None]:
        """How long the brokers' dead-man timers are renewed for, by account: the seconds after
        which the guard would cancel; None for what is `owed`: it may run out, so that the broker
        does what we cannot. An account that is absent is to have none.
        """
        return {
            account: None if account in owed else policy.cancel_after_s
            for account, policy in self.accounts.items()
            if policy.dead_man and policy.on_silence != NONE and self.expected
        }

    def due(self, now: Now) -> list[tuple[str, str]]:
        """(account, `cancel` or `flatten`) that its silence calls for now, each once."""
        missed = now.mono_ns - self._tick_ns
        self._tick_ns = now.mono_ns
        if missed > GAP_NS:  # we did not run ourselves: nothing was heard, nothing is known
            self.worked_ns += missed
            self.heard_ns += missed
        silent_s = self.silent_ns(now) / NS_PER_S
        found: list[tuple[str, str]] = []
        for account, policy in self.accounts.items():
            if policy.on_silence == NONE:
                continue
            if silent_s >= policy.cancel_after_s:
                found.append((account, CANCEL))
            if policy.on_silence == BOTH and silent_s >= policy.flatten_after_s:
                found.append((account, FLATTEN))
        fresh = [item for item in found if item not in self._done]
        self._done.update(fresh)
        return fresh
