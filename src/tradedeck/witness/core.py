"""What a witness decides about a checkpoint. Pure: the proof is asked for through a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from tradedeck.audit import merkle, notes
from tradedeck.audit.notes import Checkpoint, Note, Verifier
from tradedeck.kernel.errors import TradedeckError

Proof = Callable[[int, int], Sequence[bytes]]


class Finding(StrEnum):
    """Why a witness does not co-sign. Each of the first three is evidence, not a fault."""

    FORGED = "FORGED"
    ROLLBACK = "ROLLBACK"
    FORK = "FORK"
    SILENT = "SILENT"


class RefusedError(Exception):
    """The log is not what it was. `detail` is for people."""

    def __init__(self, finding: Finding, detail: str) -> None:
        super().__init__(detail)
        self.finding = finding
        self.detail = detail


def judge(
    data: bytes, log: Verifier, seen: Checkpoint | None, proof: Proof
) -> tuple[Note, Checkpoint]:
    """The checkpoint in `data`, where it may be co-signed.

    Args:
        data: the log's signed note.
        log: its key; its name is the log's origin.
        seen: what was co-signed last; None trusts what comes first.
        proof: hashes that show one size to be the beginning of another.

    Raises:
        RefusedError: it may not.
        TradedeckError: the proof could not be had.
    """
    try:
        note, new = notes.opened(data, log, log.name)
    except TradedeckError as error:
        raise RefusedError(Finding.FORGED, error.detail) from None
    if seen is None:
        return note, new
    if new.size < seen.size:
        raise RefusedError(
            Finding.ROLLBACK,
            f"The log has {new.size} records; it had {seen.size}: it was cut or set back.",
        )
    hashes = proof(seen.size, new.size) if new.size > seen.size else ()
    if not merkle.consistent(seen.size, seen.root, new.size, new.root, hashes):
        raise RefusedError(
            Finding.FORK,
            f"The log of {new.size} records does not begin with the {seen.size} that were signed: "
            "its history was written anew.",
        )
    return note, new
