"""Changes of desired state at the edge: one transaction, the refusal recorded, the runner told.

Owns the version in force as memory knows it (this process alone writes it), what waits for its
time, and the answers to the runner's questions on the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog

from tradedeck.adapters.bus.types import Message
from tradedeck.api import access
from tradedeck.api.context import Context
from tradedeck.api.wire import ConfigChange, Receipt
from tradedeck.audit.types import Act, Action, Result
from tradedeck.authority.envelope import seal
from tradedeck.desired import parse, rules, service, store
from tradedeck.desired.diff import Change, Effect, effect
from tradedeck.desired.types import (
    Authority,
    Kind,
    Outcome,
    Pending,
    PendingKind,
    PendingStatus,
    Proposal,
    Version,
)
from tradedeck.identity import approvals, governance
from tradedeck.identity import service as identity
from tradedeck.identity.permissions import Permission, holds
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import NS_PER_S, format_ns
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.scope import MAIN, Door
from tradedeck.store.sessions import WriteSession

DESIRED_TTL_NS = 60 * NS_PER_S
TICK_S = 0.25  # a countdown that ends is acted on within this
log = structlog.get_logger(__name__)
Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """A change somebody asks for: a tree made from the one in force, and the words around it."""

    actor: Actor
    make: Callable[[Tree], Any]
    base_generation: int | None
    reason: str = ""
    step_up: str | None = None
    action: Action = Action.CONFIG_APPLY
    target: str = "config"
    kind: Kind = Kind.APPLY


async def change(context: Context, wish: Wish) -> Outcome:
    """Put a change in force, or let it wait. Refusals are recorded and raised."""
    now = context.clock.now_ns()

    def work(write: WriteSession) -> Outcome:
        found = service.current(write)
        service.check_base(found, wish.base_generation)
        document = rules.read(wish.make(found.document), context.library)
        proposal = Proposal(
            document,
            found.generation,
            wish.actor.who(),
            wish.reason,
            _authority(context, wish, found, document.plain(), write, now),
            wish.kind,
            wish.action,
            wish.target,
        )
        outcome = service.apply(write, proposal, now_ns=now)
        if outcome.pending is not None and proposal.authority.second:
            waiting, actor = outcome.pending, wish.actor
            second(write, waiting, actor=actor, reason=wish.reason, now_ns=now)
        return outcome

    try:
        outcome = await context.store.write(work)
    except TradedeckError as error:
        await refused(context, wish.actor, wish.action, wish.target, error)
        raise
    if outcome.changed:
        await took_effect(context, outcome.version)
    return outcome


def _authority(
    context: Context, wish: Wish, found: Version, plain: Tree, write: WriteSession, now: int
) -> Authority:
    """Consumes the one-time code, but only where the change needs it; a session that stepped up
    lately needs none.
    """
    wait_ns = int(context.settings.loosening_wait_s * NS_PER_S)
    may_loosen = holds(wish.actor, Permission.CONFIG_LOOSEN)
    stepped_up = access.is_fresh(context, wish.actor)
    loosens = effect(service.changes_of(write, found, plain)) is Effect.LOOSEN
    if not (may_loosen and loosens):
        return Authority(may_loosen, stepped_up, wait_ns)
    tenant, right = wish.actor.tenant, Permission.CONFIG_LOOSEN
    second = governance.is_desk(write, tenant, right, now_ns=now)
    if wish.step_up:
        identity.use_step_up(write, wish.step_up, actor=wish.actor, now_ns=now)
        stepped_up = True
    return Authority(may_loosen, stepped_up, wait_ns, second)


def second(
    write: WriteSession, waiting: Pending, *, actor: Actor, reason: str, now_ns: int
) -> None:
    """Ask for another person's word on a configuration that waits for it."""
    asked = service.as_asked(waiting)
    kind = approvals.Kind.LOOSEN
    approvals.request(write, kind, asked, actor=actor, reason=reason, now_ns=now_ns)


async def refused(
    context: Context, actor: Actor, action: Action, target: str, error: TradedeckError
) -> None:
    """Record a refusal; where even that fails, the refusal stands all the same."""
    act = Act(action, actor.who(), target, Result.REFUSED, error.code.value, error.detail)
    try:
        await context.audit(act)
    except TradedeckError as failure:
        log.error("a refusal was not recorded", code=failure.code)  # noqa: TRY400 - a full disk


async def took_effect(context: Context, version: Version) -> None:
    """Remember the version in force, and wake the runner (which asks by itself too)."""
    context.desired = version
    if context.tenant != MAIN:  # there is no runner to wake
        return
    runner = context.settings.runner
    await context.bus.publish(f"desired.hint.{runner}", {"generation": version.generation})


def receipt(outcome: Outcome) -> Receipt:
    """What the author is answered."""
    waits = outcome.pending
    return Receipt(
        audit_id=outcome.audit,
        generation=outcome.version.generation,
        pending=None if waits is None else waits.id,
        hold_until=None
        if waits is None or waits.effective_at_ns is None
        else format_ns(waits.effective_at_ns),
        detail=_detail(outcome),
        changes=wire_changes(outcome.changes),
    )


def _detail(outcome: Outcome) -> str | None:
    if outcome.pending is not None:
        if outcome.pending.status is PendingStatus.NEEDS_APPROVAL:
            return "It loosens a limit and waits for another person; see the approvals."
        return "It loosens a limit and waits; it can be cancelled until then."
    return None if outcome.changed else "Nothing changed: it was so already."


def wire_changes(changes: tuple[Change, ...] | list[Change]) -> list[ConfigChange]:
    """As answered."""
    return [ConfigChange(**change.plain()) for change in changes]


async def countdowns(context: Context) -> None:
    """The loop that acts on what waited long enough."""
    while not context.closing.is_set():
        now = context.clock.now_ns()
        every = context.whole.beyond(Door.DESIRED)
        for tenant in await every.read(lambda read, now=now: store.tenants_due(read, now)):
            own = context.of(tenant)
            for waiting in await own.store.read(lambda read, now=now: store.due(read, now)):
                await _due(own, waiting)
        await asyncio.sleep(TICK_S)


async def _due(context: Context, waiting: Pending) -> None:
    now = context.clock.now_ns()
    try:
        if waiting.kind is PendingKind.HALT_CLEAR:  # asked of an earlier version
            raise TradedeckError(Code.REFUSED, "Lifts wait at the guard now; ask for it again.")
        document = rules.read(waiting.body["document"], context.library)
        outcome = await context.store.write(
            lambda w: service.decide(w, waiting, document, now_ns=now)
        )
        if outcome is not None:
            await took_effect(context, outcome.version)
    except TradedeckError as error:
        log.warning("what waited was refused", pending=waiting.id, code=error.code)
        detail = error.detail
        await context.store.write(
            lambda w: service.finish(
                w, waiting.id, status=PendingStatus.REFUSED, detail=detail, now_ns=now
            )
        )


async def serve_runner(context: Context) -> None:
    """Answer the runner's questions for desired state, and its hand edits."""

    async def get(message: Message) -> Any:
        return _signed(context, message.json())

    async def propose(message: Message) -> Any:
        return await hand_edit(context, message.json())

    await context.bus.serve("desired.get", get)
    await context.bus.serve("desired.propose", propose, concurrency=1)


def _signed(context: Context, question: Any) -> Any:
    asked = cast("dict[str, Any]", question) if isinstance(question, dict) else {}
    runner = context.settings.runner
    if asked.get("runner") != runner:
        raise TradedeckError(Code.NOT_FOUND, "There is no such runner.")
    version = context.desired
    if asked.get("generation") == version.generation:
        return {"unchanged": True}
    body = {
        "generation": version.generation,
        "document": dict(version.document),
        "approved_by": version.author,
        "created_at": format_ns(version.created_at_ns),
    }
    return seal(
        context.key,
        kind="desired",
        target=runner,
        body=body,
        now_ns=context.clock.now_ns(),
        ttl_ns=DESIRED_TTL_NS,
    )


async def hand_edit(context: Context, given: Any) -> dict[str, Any]:
    """Judge a hand edit of the runner's file; never raises for what is wrong with it."""
    asked = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    now = context.clock.now_ns()
    try:
        if asked.get("runner") != context.settings.runner:
            raise TradedeckError(Code.NOT_FOUND, "There is no such runner.")
        tree = asked.get("document")
        tree = parse.parse(tree) if isinstance(tree, str) else parse.bounded(tree)
        base = asked.get("base_generation")
        if not isinstance(base, int):
            raise TradedeckError(Code.INVALID, "The edit did not say which version it was made on.")
        document = rules.read(tree, context.library)
        proposal = Proposal(
            document,
            base,
            service.HOST,
            "edited by hand on the host",
            Authority(may_loosen=False, stepped_up=False, wait_ns=0),
            Kind.HAND_EDIT,
            Action.CONFIG_PROPOSE,
            "config.yaml",
        )
        outcome = await context.store.write(
            lambda w: service.propose_hand_edit(w, proposal, now_ns=now)
        )
    except TradedeckError as error:
        act = Act(
            Action.CONFIG_PROPOSE,
            service.HOST,
            "config.yaml",
            Result.REFUSED,
            error.code.value,
            error.detail,
        )
        await context.audit(act)
        return {
            "accepted": False,
            "code": error.code.value,
            "detail": error.detail,
            "errors": [{"path": f.path, "reason": f.reason} for f in error.faults],
        }
    if outcome.pending is not None:
        return {
            "accepted": False,
            "code": Code.APPROVAL_REQUIRED.value,
            "detail": f"It loosens a limit and waits for approval as {outcome.pending.id}.",
        }
    if outcome.changed:
        await took_effect(context, outcome.version)
    return {"accepted": True, "generation": outcome.version.generation}
