"""The latch: halts that only people lift, and a wait. Pure.

On this host a person; from elsewhere two people whose keys this host trusts, where it names two,
else whoever has a code of this host. Either way a control plane that was taken over can ask as
often as it likes and lifts nothing: it has no key of a person, the nonce of an approval is spent
with the lift and kept, and a code lives in memory only, for five minutes, one lift and five tries.
A waiting lift that meets a restart waits its whole time again.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tradedeck.authority import approval
from tradedeck.execution.halt import Halts, level
from tradedeck.guard.types import (
    Answer,
    CodeAsked,
    Entry,
    LiftAsked,
    LiftCancelled,
    Notify,
    Now,
    Output,
    Row,
    Tell,
)
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.trading.facts import Kind

CODE_NS = 300 * NS_PER_S
CODE_TRIES_MAX = 5
LIFTS_WAITING_MAX = 100  # a person waits for one or two
REASON_LETTERS_MAX = 500
HALTS, LIFTS, DELIVER, NONCES = "halts", "lifts", "lifts-to-deliver", "nonces"


@dataclass(slots=True)
class _Code:
    text: str
    until_mono: int
    tries: int = 0


class Latch:
    """Halts in force, lifts that wait, and lifts that the runner has not heard of yet.

    Args:
        rows: the kept rows `halts`, `lifts`, `lifts-to-deliver`, `nonces`; absent ones are empty.
        wait_s: how long a lift waits before it applies.
        now: when the guard started.
        host: this guard's name in approvals and envelopes.

    """

    def __init__(self, rows: dict[str, Any], wait_s: float, now: Now, host: str) -> None:
        self._halts = Halts(dict(rows.get(HALTS) or {}))
        self._lifts: dict[str, dict[str, Any]] = dict(rows.get(LIFTS) or {})
        self._deliver: dict[str, dict[str, Any]] = dict(rows.get(DELIVER) or {})
        self._wait_ns = int(wait_s * NS_PER_S)
        self._due = dict.fromkeys(self._lifts, now.mono_ns + self._wait_ns)
        self._nonces: dict[str, int] = dict(rows.get(NONCES) or {})
        self._host = host
        self._code: _Code | None = None

    @property
    def halts(self) -> dict[str, dict[str, Any]]:
        """Scope → row, as runner and people are told."""
        return self._halts.active

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """Lifts that wait."""
        return list(self._lifts.values())

    @property
    def to_deliver(self) -> list[dict[str, Any]]:
        """Lifts that the runner has not confirmed."""
        return list(self._deliver.values())

    def set(self, row: dict[str, Any]) -> list[Output]:
        """Latch; where something stricter stands for the scope already, nothing changes.

        A new latch takes back every lift that waits for its scope.
        """
        scope = str(row["scope"])
        if not self._halts.set(
            scope,
            level(str(row["level"])),
            reason=str(row["reason"]),
            by=str(row["by"]),
            kill=row.get("kill"),
            at_ns=int(row.get("at_ns") or 0),
        ):
            return []
        standing = self._halts.active[scope]
        outputs: list[Output] = [Entry(Kind.HALT_SET, dict(standing)), Row(HALTS, self.halts)]
        if self._deliver.pop(scope, None) is not None:
            outputs.append(Row(DELIVER, self._deliver))
        for name, lift in list(self._lifts.items()):
            if lift["scope"] == scope:
                outputs += self._drop(name, Kind.HALT_LIFT_CANCELLED, "guard", "halted again")
        return outputs

    def merge(self, rows: Iterable[dict[str, Any]]) -> list[Output]:
        """What the runner holds as latched. What was lifted since and it has not heard of is not
        latched again.
        """
        outputs: list[Output] = []
        for row in rows:
            lifted = self._deliver.get(str(row["scope"]))
            if lifted is not None and int(row.get("at_ns") or 0) <= lifted["at_ns"]:
                continue
            outputs += self.set(row)
        return outputs

    # -- lifting -------------------------------------------------------------------------------

    def code(self, asked: CodeAsked, now: Now) -> list[Output]:
        """A fresh code; the one before it is void."""
        self._code = _Code(asked.code, now.mono_ns + CODE_NS)
        fact = {"code": "LIFT_CODE_MADE", "severity": "info", "subject": "guard",
                "detail": "a one-time code for lifting a halt was made on this host"}  # fmt: skip
        seconds = CODE_NS // NS_PER_S
        return [
            Entry(Kind.ALARM, fact),
            Answer({"ok": True, "code": asked.code, "expires_s": seconds}),
        ]

    def ask(self, asked: LiftAsked, now: Now, *, closing: bool) -> list[Output]:
        """Begin the wait of a lift, or refuse and say why.

        Args:
            asked: what is asked, by whom.
            now: both clocks.
            closing: a kill of that scope is not done yet.

        """
        try:
            by, nonces = self._allowed(asked, now, closing=closing)
        except TradedeckError as error:
            fact = {"id": asked.id, "scope": asked.scope[:100], "by": asked.by[:100]}
            fact |= {"code": error.code.value, "detail": error.detail}
            return [
                Entry(Kind.HALT_LIFT_REFUSED, fact),
                Notify("A lift was refused", f"{asked.scope[:100]}: {error.detail}"),
                Answer({"ok": False, "code": error.code.value, "detail": str(error)}),
            ]
        seconds = self._wait_ns / NS_PER_S
        lift = {
            "id": asked.id,
            "scope": asked.scope,
            "reason": asked.reason[:REASON_LETTERS_MAX],
            "by": by[:100],
            "asked_at_ns": now.wall_ns,
            "due_ns": now.wall_ns + self._wait_ns,
            "wait_s": seconds,
        }
        self._lifts[asked.id] = lift
        self._due[asked.id] = now.mono_ns + self._wait_ns
        fact = lift | self._evidence(asked, nonces)
        self._nonces = nonces
        return [
            Entry(Kind.HALT_LIFT_WAITING, fact),
            Row(LIFTS, self._lifts),
            Row(NONCES, nonces),
            Notify("A halt will be lifted", f"{asked.scope} in {seconds:g} s: {lift['reason']}"),
            Answer({"ok": True, **lift}),
        ]

    def _allowed(self, asked: LiftAsked, now: Now, *, closing: bool) -> tuple[str, dict[str, int]]:
        """Whose lift it is, and the nonces that are spent with it; raises where it may not be."""
        by, nonces = asked.by, self._nonces
        if not asked.local:  # this first: who may not learns nothing of the rest
            by, nonces = self._worded(asked, now)
        if not asked.reason.strip():
            raise TradedeckError(Code.INVALID, "a lift needs a reason")
        if asked.scope not in self._halts.active:
            raise TradedeckError(Code.NOT_FOUND, f"nothing is halted in {asked.scope[:100]}")
        if closing:
            raise TradedeckError(
                Code.CONFLICT, "the kill is not done yet", hint="Wait for its proof, then lift."
            )
        if any(lift["scope"] == asked.scope for lift in self._lifts.values()):
            raise TradedeckError(Code.CONFLICT, f"a lift of {asked.scope} waits already")
        if len(self._lifts) >= LIFTS_WAITING_MAX or asked.id in self._lifts:
            raise TradedeckError(Code.TOO_MANY, "too many lifts wait")
        return by, nonces

    def _worded(self, asked: LiftAsked, now: Now) -> tuple[str, dict[str, int]]:
        word = asked.word
        if word is None or word.trusted.fault:
            why = "nobody looked whom it trusts" if word is None else word.trusted.fault
            raise TradedeckError(Code.REFUSED, f"no lift but on the host: {why}")
        if not approval.demands_two(word.trusted.people):
            self._spend(asked.code, now)
            return asked.by, self._nonces
        act = word.act
        if act is None:
            raise TradedeckError(
                Code.APPROVAL_REQUIRED,
                "this host lifts on the word of two people whom it trusts, not on a code",
                hint="`tradedeck approvals lift`, or `tradedeck lift --local` on the host.",
            )
        people, wall = word.trusted.people, now.wall_ns
        names = approval.verify(act, word.signatures, people, host=self._host, now_ns=wall)
        nonces = approval.spent(self._nonces, act, wall)
        if (act.act, act.scope, act.reason) != (approval.LIFT, asked.scope, asked.reason):
            raise TradedeckError(Code.MISADDRESSED, "what was approved is another lift")
        standing = self._halts.active.get(act.scope, {})
        if standing and standing["at_ns"] != act.subject:
            raise TradedeckError(
                Code.STALE_VERSION,
                f"{act.scope} was halted anew after that was approved",
                hint="Look at why, and ask for another approval.",
            )
        return ", ".join(names), nonces

    def _evidence(self, asked: LiftAsked, nonces: dict[str, int]) -> dict[str, Any]:
        """What was signed and by whom, for the journal; nothing where no approval was needed."""
        word = asked.word
        if word is None or word.act is None or nonces is self._nonces:
            return {}
        signed = [each.body() for each in word.signatures]
        return {"approval": {"act": word.act.body(), "signatures": signed}}

    def _spend(self, given: str, now: Now) -> None:
        code = self._code
        if code is None or now.mono_ns > code.until_mono:
            self._code = None
            raise TradedeckError(
                Code.STEP_UP_REQUIRED,
                "no code of this host is valid",
                hint="Run `tradedeck guard code` on the trading host.",
            )
        code.tries += 1
        if hmac.compare_digest(code.text.encode(), given.encode("utf-8", "replace")):
            self._code = None
            return
        if code.tries >= CODE_TRIES_MAX:
            self._code = None
            raise TradedeckError(
                Code.TOO_MANY,
                f"the code was wrong {CODE_TRIES_MAX} times and is void",
                hint="Run `tradedeck guard code` on the trading host.",
            )
        raise TradedeckError(Code.STEP_UP_REQUIRED, "the code was wrong")

    def cancel(self, asked: LiftCancelled) -> list[Output]:
        """Take a waiting lift back."""
        if asked.id not in self._lifts:
            return [Answer({"ok": False, "code": Code.NOT_FOUND.value,
                            "detail": f"no lift {asked.id[:100]} waits"})]  # fmt: skip
        outputs = self._drop(asked.id, Kind.HALT_LIFT_CANCELLED, asked.by[:100], "taken back")
        return [*outputs, Answer({"ok": True, "id": asked.id})]

    def _drop(self, name: str, kind: Kind, by: str, why: str) -> list[Output]:
        lift = self._lifts.pop(name)
        self._due.pop(name, None)
        fact = {"id": name, "scope": lift["scope"], "by": by, "reason": why}
        return [Entry(kind, fact), Row(LIFTS, self._lifts)]

    def due(self, now: Now) -> list[Output]:
        """Lifts whose time has come."""
        outputs: list[Output] = []
        for name, at in list(self._due.items()):
            if now.mono_ns >= at:
                outputs += self._lift(name, now)
        return outputs

    def _lift(self, name: str, now: Now) -> list[Output]:
        lift = self._lifts.pop(name)
        self._due.pop(name)
        scope = lift["scope"]
        self._halts.clear(scope)
        said = {"scope": scope, "reason": lift["reason"], "by": lift["by"], "id": name}
        self._deliver[scope] = said | {"at_ns": now.wall_ns}
        return [
            Entry(Kind.HALT_CLEARED, said | {"level": "none"}),
            Row(HALTS, self.halts),
            Row(LIFTS, self._lifts),
            Row(DELIVER, self._deliver),
            Tell({"op": "lift", **said}),
            Notify("A halt was lifted", f"{scope}: {lift['reason']} ({lift['by']})"),
        ]

    def delivered(self, scope: str) -> list[Output]:
        """The runner has cleared it too."""
        if self._deliver.pop(scope, None) is None:
            return []
        return [Row(DELIVER, self._deliver)]
