"""Whether a page of a journal continues what we hold: gaps, repeats, new journals, forgeries.

Pure. The hash is the journal's own (`tradedeck.journal.chain`), computed again here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tradedeck.journal.chain import Entry, genesis, verify
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.projections.types import Checked, Mark, Page, Verdict

ENTRY_FIELDS = 5


def parse_page(source: str, reply: object) -> Page:
    """A wire reply as a page.

    Raises:
        TradedeckError: INVALID_DATA, when it has another shape than the contract's.

    """
    if not isinstance(reply, Mapping):
        raise TradedeckError(Code.INVALID_DATA, f"journal.{source} did not answer with an object.")
    fields = cast("Mapping[str, Any]", reply)
    epoch, head, listed = fields.get("epoch"), fields.get("head"), fields.get("entries")
    if not (isinstance(epoch, str) and epoch and _natural(head) and isinstance(listed, list)):
        raise TradedeckError(Code.INVALID_DATA, f"journal.{source} answered without its fields.")
    entries = tuple(_entry(source, item) for item in cast("list[Any]", listed))
    return Page(source, epoch, cast("int", head), entries)


def _natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _entry(source: str, item: Any) -> Entry:
    if isinstance(item, list | tuple) and len(cast("list[Any]", item)) == ENTRY_FIELDS:
        seq, at_ns, kind, body, mark = cast("list[Any]", item)
        texts = all(isinstance(text, str) for text in (kind, body, mark))
        if _natural(seq) and _natural(at_ns) and texts:
            return Entry(seq, at_ns, kind, body, mark)
    raise TradedeckError(Code.INVALID_DATA, f"journal.{source} sent something that is no entry.")


def check(mark: Mark | None, page: Page, held: Mapping[int, str]) -> Checked:
    """Judge `page` against the mark of its source.

    Args:
        mark: the newest mark of the source; None when nothing was ever taken.
        page: what came.
        held: hashes of entries we already have, for those sequences of the page at or below the
            mark; a repeat that differs from what we hold is a forgery, not a repeat.

    """
    if mark is not None and page.epoch != mark.epoch:
        return Checked(Verdict.NEW_EPOCH, detail=f"{mark.epoch} was replaced by {page.epoch}")
    after, previous = (mark.seq, mark.hash) if mark else (0, genesis(page.epoch))
    if page.head < after:
        return Checked(
            Verdict.FORGED,
            detail=f"the journal ends at {page.head}, but {after} entries of it are known",
        )
    ordered = sorted(page.entries, key=lambda entry: entry.seq)
    for entry in ordered:
        known = held.get(entry.seq)
        if entry.seq <= after and known is not None and known != entry.hash:
            return Checked(Verdict.FORGED, detail=f"entry {entry.seq} came again, and different")
    run, gap = _contiguous(ordered, after)
    try:
        last = verify(run, after, previous)
    except TradedeckError as error:
        return Checked(Verdict.FORGED, detail=error.detail)
    return Checked(
        Verdict.GAP if gap else Verdict.FRESH,
        tuple(run),
        last,
        f"entry {gap} is missing" if gap else "",
    )


def _contiguous(ordered: list[Entry], after: int) -> tuple[list[Entry], int | None]:
    """The entries that follow `after` without a hole, and the first missing sequence."""
    run: list[Entry] = []
    for entry in ordered:
        if entry.seq <= after:
            if run and entry != run[-1]:
                # Two different entries claim one place: let the chain say which is false.
                run.append(entry)
            continue
        if entry.seq != after + 1:
            return run, after + 1
        run.append(entry)
        after = entry.seq
    return run, None
