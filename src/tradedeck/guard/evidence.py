"""The report of a kill out of the guard's own journal, and its hash."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tradedeck.closing.report import Taken, build
from tradedeck.closing.types import Owner, Proof
from tradedeck.guard.kills import Running
from tradedeck.journal.chain import Entry
from tradedeck.kernel import canonical
from tradedeck.trading.facts import Kind

KINDS = (Kind.KILL_STEP.value, Kind.KILL_DONE.value)


def report(
    running: Running, entries: Iterable[Entry], totals: dict[str, int] | None = None
) -> dict[str, Any]:
    """The body of the report: every step up to where the kill was done.

    Args:
        running: the kill.
        entries: of the guard's journal, those of `KINDS`, oldest first.
        totals: of a kill that is being done now; None: as `kill.done` says.

    """
    name = running.kill.id
    steps: list[Taken] = []
    found = totals or {}
    for entry in entries:
        body = canonical.decode(entry.body)
        if body["id"] != name:
            continue
        if entry.kind == Kind.KILL_DONE.value:
            found = body["totals"]
            break  # what is watched afterwards is in the journal, not in the proof
        steps.append(
            Taken(
                body["account"], entry.at_ns, Owner(body["by"]), body["words"], body["numbers"],
                body["ref"],
            )
        )  # fmt: skip
    proofs = {
        account: _proof(leg.proof) for account, leg in running.legs.items() if leg.proof is not None
    }
    return build(running.kill, steps, proofs, found, running.ms)


def _proof(body: dict[str, Any]) -> Proof:
    reads = tuple((int(at), int(seq)) for at, seq in body["reads"])
    held = {symbol: Decimal(units) for symbol, units in body["held"].items()}
    return Proof(reads, held, tuple(body["kept"]))
