"""One key, one effect: what was begun, done or lost under an Idempotency-Key.

`begin` commits before the act, so that of many at once one acts and a crash leaves a trace.
What a crash left begun is resolved at the next start by the audit record, which is written before
any effect: without a record since, nothing was done and the key is free; with one, the key is
`lost`, and nobody acts under it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, or_, select

from tradedeck.audit import store as audit
from tradedeck.identity.tables_control import idempotency as table
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.store.sessions import WriteSession

KEPT_NS = 24 * 3600 * NS_PER_S
RESOLVED_MAX = 10_000  # acts that one process can have in flight, and far beyond


class State(StrEnum):
    """Where the act of a key stands."""

    BEGUN = "begun"
    DONE = "done"
    SHOWN = "shown"  # done, and its answer held a secret, which is not kept
    LOST = "lost"  # it was cut off, and whether it took effect is not known


@dataclass(frozen=True, slots=True)
class Claim:
    """An act under a key: `key` hashes owner, method, path and key; `session` is the owner's."""

    key: str
    tenant: str
    session: str
    body_hash: str
    now_ns: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What was answered."""

    status: int
    headers: str
    response: str


def begin(write: WriteSession, claim: Claim, *, again: bool = False) -> Kept | None:
    """Claim the key, or say what was answered to it.

    Args:
        write: the transaction; the claim holds once it is committed.
        claim: what is to be done.
        again: the act may be done again where it is lost (what only stops).

    Raises:
        TradedeckError: KEY_REUSED for another body; CONFLICT in flight, lost, or shown.
    """
    row = write.first(select(table).where(table.c.key == claim.key))
    if row is not None and row["at_ns"] >= claim.now_ns - KEPT_NS:
        kept = _known(row, claim, again=again)
        if kept is not None:
            return kept
    oldest = claim.now_ns - KEPT_NS
    write.execute(delete(table).where(or_(table.c.at_ns < oldest, table.c.key == claim.key)))
    fresh: dict[str, Any] = {
        "key": claim.key,
        "tenant": claim.tenant,
        "session": claim.session,
        "body_hash": claim.body_hash,
        "state": State.BEGUN.value,
        "status": 0,
        "headers": "{}",
        "response": "",
        "at_ns": claim.now_ns,
    }
    write.execute(table.insert().values(fresh))
    return None


def _known(row: Mapping[str, Any], claim: Claim, *, again: bool) -> Kept | None:
    if row["body_hash"] != claim.body_hash:
        raise TradedeckError(
            Code.KEY_REUSED,
            "This Idempotency-Key was used with another body.",
            hint="A new act takes a new key.",
        )
    if row["state"] == State.DONE:
        return Kept(int(row["status"]), str(row["headers"]), str(row["response"]))
    if row["state"] == State.BEGUN:
        raise in_flight()
    if row["state"] == State.SHOWN:
        raise TradedeckError(
            Code.CONFLICT,
            "This was done under its Idempotency-Key, and its secret was shown once.",
            hint="Where the secret is lost, revoke it and make another with a new key.",
        )
    if again:
        return None
    raise TradedeckError(
        Code.CONFLICT,
        "The act of this Idempotency-Key was cut off; whether it took effect is not known.",
        hint="Look at the present state and at the audit record; to act again take a new key.",
    )


def in_flight() -> TradedeckError:
    """For a key whose act is at work."""
    return TradedeckError(
        Code.CONFLICT,
        "The act of this Idempotency-Key is being worked on.",
        hint="Ask again shortly with the same key; the answer will be the first one's.",
        retry_s=1,
    )


def finish(write: WriteSession, claim: Claim, state: State, kept: Kept) -> None:
    """Keep how the act ended."""
    write.execute(
        table.update()
        .where(table.c.key == claim.key)
        .values(state=state.value, status=kept.status, headers=kept.headers, response=kept.response)
    )


def lose(write: WriteSession, claim: Claim) -> None:
    """It was cut off by something that does not say whether it took effect."""
    write.execute(table.update().where(table.c.key == claim.key).values(state=State.LOST.value))


def free(write: WriteSession, claim: Claim) -> None:
    """It was refused: nothing was done, and the key may be tried again."""
    write.execute(delete(table).where(table.c.key == claim.key))


def resolve(write: WriteSession) -> tuple[int, int]:
    """What an earlier process left begun; only while no act is at work. How many free, and lost."""
    begun = write.all(select(table).where(table.c.state == State.BEGUN.value).limit(RESOLVED_MAX))
    freed = 0
    for row in begun:
        here = table.c.key == row["key"]
        owner = audit.told(row["tenant"], row["session"])
        if audit.has_since(write, owner, row["at_ns"]):
            write.execute(table.update().where(here).values(state=State.LOST.value))
        else:
            write.execute(delete(table).where(here))
            freed += 1
    return freed, len(begun) - freed
