"""Use cases of desired state: apply, roll back, wait, decide. Each writes its audit record.

A version is made only on top of the one its author saw. What loosens a limit needs the right, a
reason and a one-time code of the host, and then waits, cancellable, before it takes effect; what
tightens or is neutral takes effect at once. An account or trader that was removed and comes back is
held against the limits it last had. A version that takes effect ends what waits on an older one, by
name: nobody agreed to that loosening on top of the new version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradedeck.audit import service as audit
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.desired import store
from tradedeck.desired.diff import Change, Effect, against, diff, effect
from tradedeck.desired.document import Document
from tradedeck.desired.types import (
    OPEN,
    Kind,
    Outcome,
    Pending,
    PendingKind,
    PendingStatus,
    Proposal,
    Version,
)
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.store.sessions import ReadSession, WriteSession

PENDING_MAX = 20  # a person cannot judge more at once
HOST = Who("host", "host", "host")


def current(read: ReadSession) -> Version:
    """The version in force. Raises UNAVAILABLE before there is a first one."""
    found = store.newest(read)
    if found is None:
        raise TradedeckError(Code.UNAVAILABLE, "There is no configuration yet.")
    return found


def version(read: ReadSession, generation: int) -> Version:
    """One version. Raises NOT_FOUND."""
    found = store.version(read, generation)
    if found is None:
        raise TradedeckError(Code.NOT_FOUND, f"There is no version {generation}.")
    return found


def ensure_first(write: WriteSession, document: Callable[[], Document], *, now_ns: int) -> Version:
    """The version in force; `document` makes the first where there is none."""
    found = store.newest(write)
    if found is not None:
        return found
    plain = document().plain()
    made = _version(None, plain, (), Kind.FIRST, HOST, "first start of an empty home", now_ns)
    store.add_version(write, made)
    act = Act(Action.CONFIG_CREATE, HOST, "config", after={"generation": 1, "digest": made.digest})
    audit.append(write, act, now_ns=now_ns)
    return made


def _version(
    base: Version | None,
    plain: Mapping[str, Any],
    changes: tuple[Change, ...],
    kind: Kind,
    who: Who,
    reason: str,
    now_ns: int,
) -> Version:
    number = 0 if base is None else base.generation
    return Version(
        generation=number + 1,
        base_generation=number,
        kind=kind,
        document=plain,
        digest=canonical.digest(canonical.encode(plain)),
        changes=tuple(change.plain() for change in changes),
        author=who.actor,
        role=who.role,
        reason=reason,
        created_at_ns=now_ns,
    )


def check_base(found: Version, base_generation: int | None) -> None:
    """Raise STALE_VERSION unless `found` is the one that the author saw; None: any will do."""
    if base_generation is not None and base_generation != found.generation:
        raise TradedeckError(
            Code.STALE_VERSION,
            f"The configuration is at version {found.generation}; the change was made on "
            f"{base_generation}.",
            hint="Read it again and repeat the change.",
        )


def changes_of(read: ReadSession, found: Version, plain: Mapping[str, Any]) -> tuple[Change, ...]:
    """What changes from the version in force, and what loosens against limits from before."""
    remembered: dict[str, list[Any]] = {}
    for part in ("accounts", "traders"):
        present = {item["id"] for item in _items(found.document, part)}
        back = [str(i["id"]) for i in _items(plain, part) if i["id"] not in present]
        items = [store.last_with(read, part, name) for name in back]
        remembered[part] = [item for item in items if item is not None]
    return tuple(against(diff(found.document, plain), remembered, plain))


def _items(document: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    return document.get(part) or []


def _supersede(write: WriteSession, made: Version, *, now_ns: int) -> None:
    """End what waits on an older version, saying which came first and whose it was."""
    for waiting in store.open_pending(write):
        if waiting.kind is not PendingKind.CONFIG or waiting.base_generation >= made.generation:
            continue
        detail = f"version {made.generation} by {made.author} took effect first"
        _finish(write, waiting.id, PendingStatus.SUPERSEDED, made.author, detail, now_ns)
        act = Act(
            Action.PENDING_EXPIRE,
            waiting.who(),
            waiting.id,
            Result.REFUSED,
            Code.STALE_VERSION.value,
            detail,
        )
        audit.append(write, act, now_ns=now_ns)


def apply(write: WriteSession, proposal: Proposal, *, now_ns: int) -> Outcome:
    """Put a document in force, or let it wait where it loosens.

    Raises:
        TradedeckError: STALE_VERSION, FORBIDDEN, STEP_UP_REQUIRED, INVALID (a reason is missing).
    """
    found = current(write)
    check_base(found, proposal.base_generation)
    plain = proposal.document.plain()
    changes = changes_of(write, found, plain)
    if not changes:
        return Outcome(found, (), None, changed=False, audit="")
    if effect(changes) is Effect.LOOSEN:
        require_authority(proposal, changes)
        if proposal.authority.second:
            status = PendingStatus.NEEDS_APPROVAL
            held = _wait(write, proposal, found, changes, now_ns=now_ns, status=status)
            return Outcome(found, changes, held[0], changed=False, audit=held[1])
        if proposal.authority.wait_ns > 0:
            waiting = _wait(write, proposal, found, changes, now_ns=now_ns)
            return Outcome(found, changes, waiting[0], changed=False, audit=waiting[1])
    made = _version(found, plain, changes, proposal.kind, proposal.who, proposal.reason, now_ns)
    return _commit(write, proposal, made, changes, now_ns=now_ns)


def require_authority(proposal: Proposal, changes: tuple[Change, ...]) -> None:
    """Raise unless the author may loosen, gave a reason and proved presence on the host."""
    loosened = tuple(
        Fault(change.path, f"was {change.old}, would be {change.new}")
        for change in changes
        if change.effect is Effect.LOOSEN
    )
    authority = proposal.authority
    if not authority.may_loosen:
        raise TradedeckError(
            Code.FORBIDDEN,
            f"This loosens {loosened[0].path}, which needs the role risk.",
            faults=loosened,
        )
    if not authority.stepped_up:
        raise TradedeckError(
            Code.STEP_UP_REQUIRED,
            f"This loosens {loosened[0].path}, which needs a one-time code of the host.",
            hint="Run `tradedeck token step-up` on the host and send the code as step_up.",
            faults=loosened,
        )
    if not proposal.reason.strip():
        raise TradedeckError(
            Code.INVALID,
            f"This loosens {loosened[0].path}, which needs a reason.",
            faults=(Fault("reason", "must say why"), *loosened),
        )


def _commit(
    write: WriteSession,
    proposal: Proposal,
    made: Version,
    changes: tuple[Change, ...],
    *,
    now_ns: int,
) -> Outcome:
    act = Act(
        proposal.action,
        proposal.who,
        proposal.target,
        Result.DONE,
        reason=proposal.reason,
        before={"generation": made.base_generation},
        after={"generation": made.generation, "changes": list(made.changes)},
    )
    record = audit.append(write, act, now_ns=now_ns)
    store.add_version(write, made)
    _supersede(write, made, now_ns=now_ns)
    return Outcome(made, changes, None, changed=True, audit=record.correlation)


def _wait(
    write: WriteSession,
    proposal: Proposal,
    found: Version,
    changes: tuple[Change, ...],
    *,
    now_ns: int,
    status: PendingStatus = PendingStatus.WAITING,
) -> tuple[Pending, str]:
    body = {
        "document": proposal.document.plain(),
        "action": proposal.action.value,
        "target": proposal.target,
    }
    listed = tuple(change.plain() for change in changes)
    wait_ns = proposal.authority.wait_ns if status is PendingStatus.WAITING else None
    return wait(
        write,
        kind=PendingKind.CONFIG,
        body=body,
        changes=listed,
        base_generation=found.generation,
        who=proposal.who,
        reason=proposal.reason,
        wait_ns=wait_ns,
        now_ns=now_ns,
        status=status,
    )


def wait(
    write: WriteSession,
    *,
    kind: PendingKind,
    body: Mapping[str, Any],
    changes: tuple[Mapping[str, Any], ...],
    base_generation: int,
    who: Who,
    reason: str,
    wait_ns: int | None,
    now_ns: int,
    status: PendingStatus = PendingStatus.WAITING,
) -> tuple[Pending, str]:
    """Let an act wait: for `wait_ns`, or (None) for a person's word, as `status` says.

    The same act that waits already is returned as it is. Raises TOO_MANY.
    """
    waiting = store.open_pending(write)
    for other in waiting:
        same = (other.kind, other.base_generation, other.body) == (kind, base_generation, body)
        if same and other.status is status:
            return other, ""
    if len(waiting) >= PENDING_MAX:
        raise TradedeckError(
            Code.TOO_MANY, f"{PENDING_MAX} acts wait already.", hint="Cancel some of them first."
        )
    made = Pending(
        id=new_id("pnd", now_ns),
        kind=kind,
        status=status,
        base_generation=base_generation,
        body=body,
        changes=changes,
        author=who.actor,
        role=who.role,
        session=who.session,
        address=who.address,
        reason=reason,
        created_at_ns=now_ns,
        effective_at_ns=None if wait_ns is None else now_ns + wait_ns,
        decided_by="",
        detail="",
    )
    store.add_pending(write, made)
    act = Act(
        Action.CONFIG_WAIT,
        who,
        made.id,
        Result.WAITING,
        reason=reason,
        after={"kind": kind.value, "changes": list(changes)},
    )
    return made, audit.append(write, act, now_ns=now_ns).correlation


def propose_hand_edit(write: WriteSession, proposal: Proposal, *, now_ns: int) -> Outcome:
    """A hand edit of the runner's file: neutral and tightening apply, loosening asks a person."""
    found = current(write)
    check_base(found, proposal.base_generation)
    changes = changes_of(write, found, proposal.document.plain())
    if effect(changes) is not Effect.LOOSEN:
        return apply(write, proposal, now_ns=now_ns)
    waiting, record = _wait(
        write, proposal, found, changes, now_ns=now_ns, status=PendingStatus.NEEDS_STEP_UP
    )
    return Outcome(found, changes, waiting, changed=False, audit=record)


def approve(
    write: WriteSession, identifier: str, *, who: Who, reason: str, wait_ns: int, now_ns: int
) -> Pending:
    """A person with right and step-up lets a hand edit count down. NOT_FOUND, CONFLICT."""
    found = _open(write, identifier)
    moved = store.set_pending(
        write,
        identifier,
        expected=(PendingStatus.NEEDS_STEP_UP,),
        status=PendingStatus.WAITING.value,
        effective_at_ns=now_ns + wait_ns,
        reason=reason,
    )
    if not moved:
        raise TradedeckError(Code.CONFLICT, f"{identifier} was approved already; it waits.")
    act = Act(Action.PENDING_APPROVE, who, identifier, Result.WAITING, reason=reason)
    audit.append(write, act, now_ns=now_ns)
    return store.pending(write, identifier) or found


def hold(write: WriteSession, identifier: str, *, who: Who, reason: str, now_ns: int) -> Pending:
    """A hand edit that one person has agreed to waits for another. NOT_FOUND, CONFLICT."""
    found = _open(write, identifier)
    held = {"status": PendingStatus.NEEDS_APPROVAL.value, "reason": reason}
    if not store.set_pending(write, identifier, expected=(PendingStatus.NEEDS_STEP_UP,), **held):
        raise TradedeckError(Code.CONFLICT, f"{identifier} does not wait for a first word.")
    act = Act(Action.PENDING_APPROVE, who, identifier, Result.WAITING, reason=reason)
    audit.append(write, act, now_ns=now_ns)
    return store.pending(write, identifier) or found


def as_asked(waiting: Pending) -> dict[str, Any]:
    """What a second person is asked to agree to: the changes, and the whole by its hash."""
    body = canonical.digest(canonical.encode(dict(waiting.body)))
    changes = [dict(change) for change in waiting.changes]
    base = {"base_generation": waiting.base_generation, "digest": body}
    return {"pending": waiting.id, **base, "changes": changes}


def is_as_asked(read: ReadSession, act: Mapping[str, Any]) -> bool:
    """Whether it still waits, unchanged, on the version it was made on."""
    found = store.pending(read, act["pending"])
    return (
        found is not None
        and found.status is PendingStatus.NEEDS_APPROVAL
        and as_asked(found) == act
        and current(read).generation == found.base_generation
    )


def agreed(write: WriteSession, identifier: str, *, who: Who, now_ns: int) -> Pending:
    """The second person's word: it takes effect now. NOT_FOUND where it waits no more."""
    found = _open(write, identifier)
    due = {"status": PendingStatus.WAITING.value, "effective_at_ns": now_ns}
    due["decided_by"] = who.actor
    if not store.set_pending(write, identifier, expected=(PendingStatus.NEEDS_APPROVAL,), **due):
        raise TradedeckError(Code.CONFLICT, f"{identifier} does not wait for a second word.")
    act = Act(Action.PENDING_APPROVE, who, identifier, reason=found.reason)
    audit.append(write, act, now_ns=now_ns)
    return found


def cancel(write: WriteSession, identifier: str, *, who: Who, reason: str, now_ns: int) -> str:
    """Take back what waits; returns the audit id. NOT_FOUND."""
    _open(write, identifier)
    _finish(write, identifier, PendingStatus.CANCELLED, who.actor, reason, now_ns)
    act = Act(Action.PENDING_CANCEL, who, identifier, reason=reason)
    return audit.append(write, act, now_ns=now_ns).correlation


def _open(read: ReadSession, identifier: str) -> Pending:
    found = store.pending(read, identifier)
    if found is None or found.status not in OPEN:
        raise TradedeckError(Code.NOT_FOUND, f"Nothing of the id {identifier} waits.")
    return found


def _finish(
    write: WriteSession, identifier: str, status: PendingStatus, by: str, detail: str, now_ns: int
) -> None:
    store.set_pending(
        write,
        identifier,
        expected=OPEN,
        status=status.value,
        decided_at_ns=now_ns,
        decided_by=by,
        detail=detail,
    )


def decide(
    write: WriteSession, waiting: Pending, document: Document, *, now_ns: int
) -> Outcome | None:
    """Put a waiting configuration in force; None where it was overtaken or cancelled meanwhile."""
    kept = store.pending(write, waiting.id)
    if kept is None or kept.status is not PendingStatus.WAITING:
        return None
    found = current(write)
    if found.generation != waiting.base_generation:
        _supersede(write, found, now_ns=now_ns)  # waited before versions ended what waits
        return None
    plain = document.plain()
    changes = changes_of(write, found, plain)
    made = _version(found, plain, changes, Kind.PENDING, waiting.who(), waiting.reason, now_ns)
    act = Act(
        Action(waiting.body["action"]),
        waiting.who(),
        str(waiting.body["target"]),
        reason=waiting.reason,
        before={"generation": made.base_generation},
        after={"generation": made.generation, "changes": list(made.changes)},
    )
    record = audit.append(write, act, now_ns=now_ns)
    store.add_version(write, made)
    _finish(write, waiting.id, PendingStatus.APPLIED, "host", "", now_ns)
    _supersede(write, made, now_ns=now_ns)
    return Outcome(made, changes, None, changed=True, audit=record.correlation)


def finish(
    write: WriteSession, identifier: str, *, status: PendingStatus, detail: str, now_ns: int
) -> None:
    """End an act that waited, whatever came of it elsewhere."""
    _finish(write, identifier, status, "host", detail, now_ns)
