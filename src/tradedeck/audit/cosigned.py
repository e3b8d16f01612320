"""Checkpoints that a witness has signed too, kept beside the log: one file for each witness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tradedeck.audit import merkle, notes
from tradedeck.audit.notes import WITNESS, Checkpoint, Verifier
from tradedeck.audit.tiles import COSIGNED
from tradedeck.audit.tree import View
from tradedeck.kernel.clock import NS_PER_S
from tradedeck.kernel.errors import Code, TradedeckError


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness has seen, and when it says so (epoch nanoseconds)."""

    witness: str
    checkpoint: Checkpoint
    at_ns: int
    note: bytes


def take(view: View, data: bytes, witnesses: Iterable[Verifier]) -> Cosigned:
    """Keep a co-signed checkpoint of this log; an older one than is kept changes nothing.

    Raises:
        TradedeckError: INVALID_DATA, BAD_SIGNATURE: not of this log, or of no known witness;
            CHAIN_BROKEN: signed by this log and not a beginning of it.
    """
    found, witness = _read(view, data, witnesses)
    checkpoint = found.checkpoint
    _, current = view.note()
    nodes = view.tiles.nodes(current.size)
    if (
        checkpoint.size > current.size
        or merkle.edge_of(checkpoint.size, nodes).root() != checkpoint.root
    ):
        raise TradedeckError(
            Code.CHAIN_BROKEN,
            f"{witness.name} has signed {checkpoint.size} records that this log does not hold.",
            hint="The log was set back or written anew; keep it, and ask the witness's owner.",
        )
    before = kept(view, [witness])
    if before and before[0].checkpoint.size > checkpoint.size:
        return before[0]
    view.tiles.write(f"{COSIGNED}/{witness.hash.hex()}", data)
    return found


def kept(view: View, witnesses: Iterable[Verifier]) -> list[Cosigned]:
    """The newest of each witness; what no longer verifies is left out."""
    found: list[Cosigned] = []
    for witness in witnesses:
        path = view.tiles.folder / COSIGNED / witness.hash.hex()
        try:
            found.append(_read(view, path.read_bytes(), [witness])[0])
        except (FileNotFoundError, TradedeckError):
            continue
    return found


def _read(view: View, data: bytes, witnesses: Iterable[Verifier]) -> tuple[Cosigned, Verifier]:
    note, checkpoint = notes.opened(data, view.verifier, view.verifier.name)
    for witness in witnesses:
        signature = note.by(witness)
        if signature is not None:
            at_ns = int.from_bytes(signature.value[:8], "big") * NS_PER_S
            return Cosigned(witness.name, checkpoint, at_ns, data), witness
    raise TradedeckError(
        Code.BAD_SIGNATURE,
        "No witness that this host knows has signed this.",
        hint="Put its key (`tradedeck witness key`) into TRADEDECK_AUDIT_WITNESSES.",
    )


def parse(text: str) -> Sequence[Verifier]:
    """Keys of witnesses, separated by spaces or commas. INVALID where one is none."""
    found = [notes.parse_verifier(each) for each in text.replace(",", " ").split()]
    if any(each.kind != WITNESS for each in found):
        raise TradedeckError(Code.INVALID, "A key of a log is not the key of a witness.")
    return found
