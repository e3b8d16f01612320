"""Append to the audit record.

`append` runs in the transaction of the act where the act is in the store, and in one of its own,
committed before, where the act is on another process. It raises rather than lose a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradedeck.audit import entries, store
from tradedeck.audit.types import Act, Record
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.kernel.redaction import redact, redact_text
from tradedeck.store.sessions import WriteSession

TEXT_MAX = 500  # a reason is a sentence or two
VALUE_BYTES_MAX = 64 * 1024  # a whole configuration fits; a body at its limit is cut to its digest


def append(session: WriteSession, act: Act, *, now_ns: int) -> Record:
    """Add one record to the chain; the caller's transaction commits it with the act.

    It is the session's tenant's; through a door, that of the one who acts.
    """
    (record,) = append_all(session, [(act, now_ns)])
    if isinstance(record, TradedeckError):
        raise record
    return record


def append_all(
    session: WriteSession, acts: Sequence[tuple[Act, int]]
) -> list[Record | TradedeckError]:
    """Add records in their order, each with its time; one that cannot be is refused alone."""
    seq, previous = store.head(session)
    rows: list[dict[str, Any]] = []
    found: list[Record | TradedeckError] = []
    for act, now_ns in acts:
        tenant = session.tenant or act.who.tenant
        row = store.chained(_row(act, now_ns, tenant), seq + 1, previous)
        try:
            entries.encode(row)  # what the tree could not hold is refused here, with its act
        except TradedeckError as error:
            found.append(error)
            continue
        rows.append(row)
        seq, previous = row["seq"], row["hash"]
        found.append(Record(seq, previous, row["correlation"]))
    store.add(session, rows)
    return found


def _row(act: Act, now_ns: int, tenant: str) -> dict[str, Any]:
    return {
        "at_ns": now_ns,
        "actor": act.who.actor[:TEXT_MAX],
        "role": act.who.role,
        "session": store.told(tenant, act.who.session),
        "address": act.who.address[:TEXT_MAX],
        "action": act.action.value,
        "target": redact_text(act.target)[:TEXT_MAX],
        "before": _value(act.before),
        "after": _value(act.after),
        "result": act.result.value,
        "code": act.code,
        "reason": redact_text(act.reason)[:TEXT_MAX],
        "correlation": act.correlation or new_id("act", now_ns),
        "tenant": tenant,
    }


def _value(value: Any) -> str | None:
    if value is None:
        return None
    data = canonical.encode(redact(value))
    if len(data) > VALUE_BYTES_MAX:
        data = canonical.encode({"sha256": canonical.digest(data), "bytes": len(data)})
    return data.decode()
