"""What is asked of the guard: by this host over its socket, by the control plane over the wire.

Who asks on the socket is of this host and needs no signature. What comes over the wire is an
envelope sealed for this guard, or it is alarmed and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

import structlog

from tradedeck.authority import approval, people
from tradedeck.authority.approval import act_of, signatures_of
from tradedeck.authority.envelope import Envelope, Verifier
from tradedeck.closing.report import content_hash
from tradedeck.closing.scope import cells, parse
from tradedeck.closing.types import Kill
from tradedeck.guard import types as t
from tradedeck.guard.core import Core
from tradedeck.guard.kills import Running
from tradedeck.guard.people import Book
from tradedeck.guard.read import kill_of, text
from tradedeck.guard.records import Records
from tradedeck.guard.server import Session
from tradedeck.kernel import canonical
from tradedeck.kernel.clock import Clock
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.trading.facts import Kind

CODE_DIGITS = 8
PEOPLE_ACTS = ("people", "people_trust", "people_distrust")
KINDS = ("kill", "lift", "lift_cancel", "drill")
log: Any = structlog.get_logger(__name__)


class Drilling(Protocol):
    """What runs drills (`guard.drill`)."""

    @property
    def due(self) -> bool:
        """Whether one should run by itself now."""
        ...

    async def run(self, orders: int, positions: int, by: str) -> dict[str, Any]:
        """One, now."""
        ...

    async def scheduled(self) -> None:
        """One that is due."""
        ...

    def put_off(self, why: str) -> None:
        """One is due and does not run."""
        ...


class Steps(Protocol):
    """What asks need of the guard (`process.Guard`)."""

    core: Core
    drills: Drilling | None

    def happened(self, what: t.Input) -> dict[str, Any]:
        """One step; its answer."""
        ...

    def status(self) -> dict[str, Any]:
        """For people and telemetry."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run beside."""
        ...

    def note(self, kind: str, body: dict[str, Any], row: dict[str, Any] | None) -> None:
        """A fact of its own."""
        ...

    def report(self, running: Running) -> dict[str, Any]:
        """The evidence of a kill."""
        ...

    def seen(self, envelope: Envelope) -> None:
        """Refuse a copy of it for as long as it lives."""
        ...


class Asks:
    """Answers, and those who follow a kill.

    Args:
        guard: whose steps these are.
        clock: of the host.
        records: the runner's journal, read-only.
        verifier: opens envelopes for this guard; None while the host has no api key.
        book: whom this host trusts.

    """

    def __init__(
        self,
        guard: Steps,
        clock: Clock,
        records: Records,
        verifier: Callable[[], Verifier | None],
        book: Book,
    ) -> None:
        self._guard = guard
        self._clock = clock
        self._records = records
        self._verifier = verifier
        self._book = book
        self._followers: dict[Session, str] = {}

    async def ask(self, session: Session, frame: dict[str, Any]) -> dict[str, Any]:
        """See `server.Acts`: somebody of this host, who needs no signature."""
        act = frame.get("act")
        if act == "status":
            return {"ok": True, **self._guard.status()}
        if act == "kill":
            if frame.get("alarm"):  # a process that is given up, by the supervisor
                words = {"code": "PROCESS_FAILED", "severity": "critical", "subject": "host"}
                self._guard.note(Kind.ALARM, words | {"detail": text(frame, "alarm")}, None)
            return self.kill(kill_of(frame, self._clock.now_ns(), by="host"), "host")
        if act == "report":
            return self._report(text(frame, "id"))
        if act == "lift":
            return self.lift(frame, local=True)
        if act == "lift_cancel":
            return self._guard.happened(
                t.LiftCancelled(text(frame, "id"), str(frame.get("by") or "host"))
            )
        if act == "code":
            return self._guard.happened(t.CodeAsked(f"{secrets.randbelow(10**CODE_DIGITS):08d}"))
        if act == "drill":
            return {"ok": True, **await self.run_drill(frame, str(frame.get("by") or "host"))}
        if act == "wire":  # what the bus brings, by a shorter way: verified all the same
            return self.message(str(frame.get("envelope")).encode())
        if act == "follow":
            return self._follow(session, text(frame, "id"))
        if act in PEOPLE_ACTS:
            return self._people(act, frame)
        raise TradedeckError(Code.INVALID, f"the guard has no act {act!r}")

    def kill(self, kill: Kill, origin: str) -> dict[str, Any]:
        """Resolve and begin. Where the records cannot be read the scope is widened, not missed."""
        scope = parse(kill.scope)
        known = self._guard.core.watch.accounts
        try:
            found = cells(scope, self._records.holdings(known))
        except TradedeckError as error:
            log.critical("the runner's records cannot be read", detail=str(error))
            found = dict.fromkeys(known)
        return self._guard.happened(t.KillAsked(kill, found, origin))

    def lift(self, body: dict[str, Any], *, local: bool) -> dict[str, Any]:
        """Ask for a lift."""
        asked = t.LiftAsked(
            new_id("lift", self._clock.now_ns()),
            text(body, "scope"),
            str(body.get("reason") or ""),
            str(body.get("by") or "host"),
            local,
            str(body.get("code") or ""),
            None if local else self._word(body),
        )
        return self._guard.happened(asked)

    def _word(self, body: dict[str, Any]) -> t.Word:
        trusted = self._book.read()
        if "approval" not in body:
            return t.Word(trusted)
        given = cast("dict[str, Any]", body["approval"])
        return t.Word(trusted, act_of(given["act"]), signatures_of(given["signatures"]))

    def _people(self, act: str, frame: dict[str, Any]) -> dict[str, Any]:
        """The host's list of people: shown, or changed and journaled."""
        if act != "people":
            name, by = text(frame, "name"), str(frame.get("by") or "host")[:100]
            if act == "people_trust":
                self._book.trust(name, text(frame, "role"), cast("dict[str, Any]", frame["key"]))
            else:
                self._book.distrust(name)
            words = "is trusted" if act == "people_trust" else "is not trusted any more"
            fact = {"code": "PEOPLE_CHANGED", "severity": "warning", "subject": "guard"}
            detail = f"{name} {words} with lifts on this host, by {by}"
            self._guard.note(Kind.ALARM, fact | {"detail": detail}, None)
        trusted = self._book.read()
        return {
            "ok": True,
            "fault": trusted.fault,
            "demands_two": approval.demands_two(trusted.people),
            **people.document(trusted.people),
        }

    async def run_drill(self, body: dict[str, Any], by: str) -> dict[str, Any]:
        """Run one; the answer is its measure."""
        if self._guard.drills is None:
            raise TradedeckError(
                Code.UNAVAILABLE, "there is no venue to drill on", hint="Arm paper execution first."
            )
        orders, positions = int(body.get("orders", 50)), int(body.get("positions", 50))
        return await self._guard.drills.run(orders, positions, by)

    def _report(self, name: str) -> dict[str, Any]:
        body = self._guard.report(self._known(name))
        return {"ok": True, "report": body, "sha256": content_hash(body)}

    def _known(self, name: str) -> Running:
        running = self._guard.core.kills.get(name)
        if running is None:
            raise TradedeckError(Code.NOT_FOUND, f"there is no kill {name[:60]} here")
        return running

    def _follow(self, session: Session, name: str) -> dict[str, Any]:
        running = self._known(name)
        if running.open:
            self._followers[session] = name
        return {"ok": True, **running.told()}

    def gone(self, session: Session) -> None:
        """It follows nothing any more."""
        self._followers.pop(session, None)

    def progress(self, progress: t.Progress) -> None:
        """Tell those who follow."""
        for session, name in list(self._followers.items()):
            if name == progress.kill:
                session.send({"op": "progress", **progress.body})
                if progress.body.get("done"):
                    del self._followers[session]

    # -- the wire ------------------------------------------------------------------------------

    def message(self, data: bytes) -> dict[str, Any]:
        """An envelope from the bus; anything that is not authentic is alarmed and not acted on."""
        try:
            envelope = self._opened(data)
            body = envelope.body
            if envelope.kind == "kill":
                return self.kill(kill_of(body, self._clock.now_ns(), by="api"), "api")
            if envelope.kind == "lift":
                return self.lift(body, local=False)
            if envelope.kind == "lift_cancel":
                return self._guard.happened(t.LiftCancelled(text(body, "id"), str(body.get("by"))))
            self._guard.spawn(self._drilled(body), "drill")
            return {"ok": True, "detail": "the drill has begun"}
        except TradedeckError as error:
            self._guard.happened(t.Ignored(error.code.value, error.detail))
            return {"ok": False, "code": error.code.value, "detail": error.detail}
        except (KeyError, TypeError, ValueError) as error:
            detail = f"{type(error).__name__}: {error}"
            self._guard.happened(t.Ignored(Code.INVALID.value, detail))
            return {"ok": False, "code": Code.INVALID.value, "detail": detail}

    async def _drilled(self, body: dict[str, Any]) -> None:
        try:
            await self.run_drill(body, str(body.get("by"))[:100])
        except TradedeckError as error:
            log.warning("a drill was refused", detail=str(error))

    def _opened(self, data: bytes) -> Envelope:
        verifier = self._verifier()
        if verifier is None:
            raise TradedeckError(Code.UNAVAILABLE, "this host trusts no control plane yet")
        try:
            claimed = cast("dict[str, Any]", canonical.decode(data)).get("kind")
        except (ValueError, AttributeError) as error:
            raise TradedeckError(Code.INVALID, "the envelope was malformed") from error
        kind = claimed if claimed in KINDS else KINDS[0]
        now = self._clock.now_ns()
        envelope = verifier.open(data, kind=kind, now_ns=now)
        self._guard.seen(envelope)
        return envelope
