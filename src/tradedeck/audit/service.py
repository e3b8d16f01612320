"""Append to the audit record, and verify it.

`append` runs in the transaction of the act where the act is in the store, and in one of its own,
committed before, where the act is on another process. It raises rather than lose a record.
"""

from __future__ import annotations

from typing import Any

from tradedeck.audit import store
from tradedeck.audit.types import Act, Record, Verdict
from tradedeck.kernel import canonical
from tradedeck.kernel.ids import new_id
from tradedeck.kernel.redaction import redact, redact_text
from tradedeck.store.sessions import ReadSession, WriteSession

TEXT_MAX = 500  # a reason is a sentence or two
VALUE_BYTES_MAX = 64 * 1024  # a whole configuration fits; a body at its limit is cut to its digest
VERIFY_BATCH = 1_000


def append(session: WriteSession, act: Act, *, now_ns: int) -> Record:
    """Add one record to the chain; the caller's transaction commits it with the act."""
    correlation = act.correlation or new_id("act", now_ns)
    seq, digest = store.add(
        session,
        {
            "at_ns": now_ns,
            "actor": act.who.actor[:TEXT_MAX],
            "role": act.who.role,
            "session": act.who.session,
            "address": act.who.address[:TEXT_MAX],
            "action": act.action.value,
            "target": redact_text(act.target)[:TEXT_MAX],
            "before": _value(act.before),
            "after": _value(act.after),
            "result": act.result.value,
            "code": act.code,
            "reason": redact_text(act.reason)[:TEXT_MAX],
            "correlation": correlation,
        },
    )
    return Record(seq, digest, correlation)


def _value(value: Any) -> str | None:
    if value is None:
        return None
    data = canonical.encode(redact(value))
    if len(data) > VALUE_BYTES_MAX:
        data = canonical.encode({"sha256": canonical.digest(data), "bytes": len(data)})
    return data.decode()


def verify(session: ReadSession) -> Verdict:
    """Walk the whole chain; says at which record it breaks, if it does."""
    seq, previous, count = 0, store.GENESIS, 0
    while rows := store.batch(session, after_seq=seq, limit=VERIFY_BATCH):
        for row in rows:
            reason = ""
            if row["seq"] != seq + 1:
                reason = f"record {seq + 1} is missing"
            elif row["previous"] != previous:
                reason = "it does not follow from the record before it"
            elif row["hash"] != store.link(row):
                reason = "its content does not match its hash"
            if reason:
                return Verdict(
                    ok=False,
                    records=count,
                    head=previous,
                    broken_at=seq + 1,
                    detail=f"The audit record breaks at {seq + 1}: {reason}.",
                )
            seq, previous, count = int(row["seq"]), str(row["hash"]), count + 1
    return Verdict(ok=True, records=count, head=previous)
