"""The runner's side of "stop always works": the guard's latch and kills, and who may lift.

A halt is raised by anyone who is believed (a person's command, a limit, the guard) and cleared only
by the guard's word. Nothing that increases goes before the guard's latch was read, where a guard is
required.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from tradedeck.closing.scope import Cells
from tradedeck.closing.types import Kill
from tradedeck.execution.halt import check_scope, level
from tradedeck.runner.breakers import close_lifted
from tradedeck.runner.closing import Closing
from tradedeck.runner.epochs import Epochs
from tradedeck.runner.guardline import Line, started_ticks
from tradedeck.runner.step import Stepper
from tradedeck.runner.world import World
from tradedeck.venue.report import Report

REASON_MAX = 500
_OURS = frozenset({"asked", "runner"})  # where a guard's kill stands when it is for us to close


class Stops:
    """Latch, kills and lifts of one runner; `World.stops`.

    Args:
        world: what is traded.
        stepper: sends and books.
        epochs: which accounts are ours.
        line: makes the session with the guard for these acts.
        required: whether entries wait for a guard.
    """

    def __init__(
        self,
        world: World,
        stepper: Stepper,
        epochs: Epochs,
        line: Callable[[Stops], Line],
        *,
        required: bool,
    ) -> None:
        self._world = world
        self._required = required
        self._latched = self._silent = False
        self._told: list[dict[str, Any]] = []
        self.line = line(self)
        self.closing = Closing(world, stepper, epochs, self.line.say)
        world.sink.on_halt = lambda row: self.line.say({"op": "halted", "row": row})
        self._absent()

    # -- what the rest of the runner sees ------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a kill closes or watches here."""
        return self.closing.busy

    @property
    def due_ns(self) -> int | None:
        """When `pump` has something to do."""
        return self.closing.due_ns

    @property
    def latched(self) -> bool:
        """Whether the guard's latch was read on the line that stands."""
        return self._latched

    @property
    def guarded(self) -> bool:
        """Whether entries may go as far as the guard is concerned."""
        return (self._latched and self.line.answers) or not self._required

    async def pump(self) -> None:
        """Carry on with every kill."""
        await self.closing.pump()

    def beat(self) -> None:
        """The working loop came round."""
        self.line.beat(self._world.journal.head, lambda: self.closing.ids)
        if self._latched and self._silent is self.line.answers:
            self._heard_again() if self._silent else self._unheard()

    def _unheard(self) -> None:
        """The line stands and nobody answers on it: as good as no guard."""
        self._silent, world = True, self._world
        waits = "; entries wait for it" if self._required else ""
        detail = f"the guard is connected and does not answer{waits}"
        world.condition("runner", "GuardConnected", "False", "GUARD_SILENT", detail)
        world.sink.alarm("GUARD_SILENT", detail, "critical" if self._required else "warning")
        world.wake.set()

    def _heard_again(self) -> None:
        self._silent = False
        self._world.condition("runner", "GuardConnected", "True", "ANSWERS")
        self._world.wake.set()

    def heard(self, report: Report) -> None:
        """A report that was booked."""
        self.closing.heard(report)

    def lost(self, client_id: str) -> None:
        """A send without an answer."""
        self.closing.lost(client_id)

    def sends(self, client_id: str) -> bool:
        """Whether a closer finds out what became of an order."""
        return self.closing.sends(client_id)

    def kill(self, kill: Kill) -> list[str]:
        """Latch durably and begin; the accounts that this runner closes. The guard hears of it.

        Raises:
            TradedeckError: INVALID.
        """
        accounts = self.closing.kill(kill)
        self.line.say({"op": "owned", "id": kill.id, "accounts": accounts})
        return accounts

    def close(self, what: str, found: Cells, by: str) -> tuple[str, list[str]]:
        """Close these cells by the same protocol, latching nothing; see `Closing.close`."""
        return self.closing.close(what, found, f"asked for by {by}", by)

    def cells(self, scope: str) -> Cells:
        """See `Closing.cells`."""
        return self.closing.cells(scope)

    def planned(self) -> None:
        """The accounts or their policies may have changed."""
        accounts = self._accounts()
        if accounts != self._told and self.line.say({"op": "accounts", "accounts": accounts}):
            self._told = accounts

    # -- the guard's line (`guardline.Acts`) ---------------------------------------------------

    def hello(self) -> dict[str, Any]:
        """See `Acts`."""
        world = self._world
        self._told = self._accounts()
        return {
            "role": "runner",
            "runner": world.runner,
            "pid": os.getpid(),
            "started": started_ticks(),
            "accounts": self._told,
            "halts": world.halts.active,
        }

    def _accounts(self) -> list[dict[str, Any]]:
        link = self._world.link
        return [
            {
                "id": name,
                "policy": dict(account.plan.guard),
                "venue": account.plan.broker if account.executes else None,
                "dead_man": link is not None
                and account.executes
                and link.capability(account.plan).dead_man_timer,
            }
            for name, account in self._world.accounts.items()
        ]

    def frame(self, frame: dict[str, Any]) -> None:
        """See `Acts`."""
        operation = frame.get("op")
        if operation == "latch":
            self._merge(frame)
        elif operation == "kill":
            self.kill(Kill.from_body(frame))
        elif operation == "lift":
            self._lift(frame)

    def parted(self) -> None:
        """See `Acts`."""
        self._latched = self._silent = False
        self._absent()
        self._world.wake.set()

    def _absent(self) -> None:
        detail = "entries wait for it" if self._required else "none is required"
        self._world.condition("runner", "GuardConnected", "False", "NO_GUARD", detail)

    def _merge(self, frame: dict[str, Any]) -> None:
        """What the guard holds: its lifts first, then its halts, then the kills that are ours."""
        world = self._world
        for lift in cast("list[dict[str, Any]]", frame.get("lifts") or []):
            self._lift(lift)
        halts = cast("dict[str, dict[str, Any]]", frame.get("halts") or {})
        for row in halts.values():
            world.latch(
                str(row["scope"]),
                level(str(row["level"])),
                reason=str(row["reason"])[:REASON_MAX],
                by=str(row["by"]),
                kill=row.get("kill"),
                at_ns=int(row.get("at_ns") or 0),
            )
        world.commit(reducing=True)
        for body in cast("list[dict[str, Any]]", frame.get("kills") or []):
            legs = cast("Mapping[str, dict[str, Any]]", body.get("legs") or {})
            if not legs or any(leg.get("by") in _OURS for leg in legs.values()):
                self.kill(Kill.from_body(body))
        self._latched = True
        world.condition("runner", "GuardConnected", "True", "LATCH_READ")
        world.commit(reducing=True)
        world.wake.set()

    def _lift(self, frame: dict[str, Any]) -> None:
        """The guard lifted a halt: cleared here too, and confirmed when that is durable.

        One that was latched here after the lift stands.
        """
        world, scope = self._world, check_scope(str(frame["scope"]))
        standing = world.halts.active.get(scope)
        lifted_ns = int(frame.get("at_ns") or 0)
        later = standing is not None and lifted_ns and (standing.get("at_ns") or 0) > lifted_ns
        if standing is not None and not later:
            world.halts.clear(scope)
            for account in world.accounts.values():
                account.engine.rearm(scope)
            reason, by = str(frame.get("reason") or "")[:REASON_MAX], str(frame.get("by") or "")
            close_lifted(world, scope, by)
            world.sink.cleared(scope, reason, by)
            world.commit()
            world.log.info("halt lifted", scope=scope, by=by)
        self.line.say({"op": "lifted", "scope": scope, "id": frame.get("id")})
        world.wake.set()
