"""One look at the log, and the loop around it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tradedeck.audit.notes import Checkpoint, Verifier
from tradedeck.kernel.errors import TradedeckError
from tradedeck.witness.core import Finding, RefusedError, judge
from tradedeck.witness.memory import Memory
from tradedeck.witness.sources import Source

Say = Callable[["Look"], None]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. `finding` is None where the log holds, or could not be reached."""

    checkpoint: Checkpoint | None
    finding: Finding | None = None
    detail: str = ""
    evidence: str = ""


def look(source: Source, log: Verifier, memory: Memory, now_s: int) -> Look:
    """Fetch, judge, remember, co-sign, hand in: in this order."""
    signer, seen = memory.signer(), memory.seen(log)
    data = b""
    try:
        data = source.checkpoint()
        note, new = judge(data, log, seen, source.consistency)
    except RefusedError as refused:
        path = memory.accuse(data)
        return Look(seen, refused.finding, refused.detail, str(path))
    except TradedeckError as error:
        return Look(seen, None, error.detail)
    signed = replace(note, signatures=(note.signatures[0], signer.cosign(note.text, now_s)))
    kept = memory.keep(log, signed)
    try:
        source.deliver(kept)
    except TradedeckError as error:
        return Look(new, None, f"Co-signed, and not handed in: {error.detail}")
    return Look(new)


def watch(
    source: Source, log: Verifier, memory: Memory, say: Say, *, every_s: float, silent_s: float
) -> None:
    """Look again and again. Says what changed, and every finding each time it is seen."""
    heard = time.monotonic()
    said: str | None = None
    while True:
        found = look(source, log, memory, int(time.time()))
        if not found.detail:
            heard = time.monotonic()
        elif found.finding is None and time.monotonic() - heard > silent_s:
            found = replace(found, finding=Finding.SILENT)
        if found.finding is not None or found.detail != said:
            say(found)
        said = found.detail
        time.sleep(every_s)
