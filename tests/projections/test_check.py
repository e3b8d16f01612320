"""CTL-8: events out of order, repeated, missing, forged chain."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.journal.chain import Entry
from tradedeck.kernel.errors import TradedeckError
from tradedeck.projections.check import check, parse_page
from tradedeck.projections.types import Mark, Page, Verdict
from tradedeck.testkit.journals import MemoryJournal


def journal_of(count: int, epoch: str = "e1") -> MemoryJournal:
    journal = MemoryJournal(epoch=epoch)
    for number in range(count):
        journal.append("cycle", {"n": number})
    return journal


def page_of(journal: MemoryJournal, *seqs: int) -> Page:
    return Page("local", journal.epoch, journal.head, tuple(journal.entries[s - 1] for s in seqs))


def mark_at(journal: MemoryJournal, seq: int) -> Mark:
    return Mark("local", journal.epoch, seq, journal.entries[seq - 1].hash)


def held(journal: MemoryJournal, upto: int) -> dict[int, str]:
    return {entry.seq: entry.hash for entry in journal.entries[:upto]}


def test_ctl_8_out_of_order_is_put_in_order():
    journal = journal_of(6)
    found = check(mark_at(journal, 2), page_of(journal, 6, 3, 5, 4), {})
    assert found.verdict is Verdict.FRESH
    assert [e.seq for e in found.entries] == [3, 4, 5, 6]
    assert found.hash == journal.entries[5].hash


def test_ctl_8_repeated_is_dropped():
    journal = journal_of(4)
    found = check(mark_at(journal, 3), page_of(journal, 2, 3, 4, 4), held(journal, 3))
    assert (found.verdict, [e.seq for e in found.entries]) == (Verdict.FRESH, [4])


def test_ctl_8_missing_is_a_gap_and_what_precedes_it_is_kept():
    journal = journal_of(8)
    found = check(mark_at(journal, 2), page_of(journal, 3, 4, 6, 7), {})
    assert (found.verdict, [e.seq for e in found.entries]) == (Verdict.GAP, [3, 4])
    assert "5" in found.detail


@pytest.mark.parametrize("field", ["at_ns", "kind", "body", "hash"])
def test_ctl_8_forged_entry_is_refused(field: str):
    journal = journal_of(5)
    forged = {"at_ns": 7, "kind": "alarm", "body": '{"n":9}', "hash": "0" * 64}
    journal.entries[3] = journal.entries[3]._replace(**{field: forged[field]})
    found = check(mark_at(journal, 2), page_of(journal, 3, 4, 5), {})
    assert (found.verdict, found.entries) == (Verdict.FORGED, ())


def test_ctl_8_a_repeat_that_differs_is_a_forgery():
    journal = journal_of(4)
    known = held(journal, 3)
    journal.entries[1] = journal.entries[1]._replace(hash="1" * 64)
    assert check(mark_at(journal, 3), page_of(journal, 2, 4), known).verdict is Verdict.FORGED


def test_ctl_8_two_entries_for_one_place_are_a_forgery():
    journal = journal_of(4)
    other = journal.entries[2]._replace(body='{"n":77}')
    page = replace(page_of(journal, 3, 4), entries=(journal.entries[2], other, journal.entries[3]))
    assert check(mark_at(journal, 2), page, {}).verdict is Verdict.FORGED


def test_a_journal_that_got_shorter_is_not_the_one_we_knew():
    journal = journal_of(5)
    short = replace(page_of(journal), head=3)
    assert check(mark_at(journal, 5), short, {}).verdict is Verdict.FORGED


def test_another_epoch_is_told_apart_from_a_forgery():
    found = check(mark_at(journal_of(5), 5), page_of(journal_of(2, "e2"), 1, 2), {})
    assert found.verdict is Verdict.NEW_EPOCH


def test_entries_of_another_journal_do_not_chain():
    other = journal_of(3, "e2")
    page = Page("local", "e1", 3, tuple(other.entries))
    assert check(None, page, {}).verdict is Verdict.FORGED


@given(st.data())
def test_ctl_8_whatever_the_wire_did_nothing_is_lost_or_doubled(data: st.DataObject):
    """Pages with holes, repeats and any order: asking again always ends with the whole journal."""
    journal = journal_of(30)
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    mark: Mark | None = None
    taken: list[Entry] = []
    for _ in range(200):
        after = mark.seq if mark else 0
        if after == journal.head:
            break
        low, high = max(1, after - 3), min(30, after + 8)
        seqs = [rng.randint(low, high) for _ in range(rng.randint(1, 9))]
        if rng.random() < 0.3:
            seqs.append(after + 1)
        found = check(mark, page_of(journal, *seqs), held(journal, after))
        assert found.verdict in {Verdict.FRESH, Verdict.GAP}
        taken += found.entries
        if found.entries:
            mark = Mark("local", "e1", found.entries[-1].seq, found.hash)
    assert taken == journal.entries[: len(taken)]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        {},
        {"epoch": "", "head": 0, "entries": []},
        {"epoch": "e", "head": -1, "entries": []},
        {"epoch": "e", "head": True, "entries": []},
        {"epoch": "e", "head": 1, "entries": [[1, 2]]},
        {"epoch": "e", "head": 1, "entries": [["1", 2, "k", "{}", "h"]]},
    ],
)
def test_a_reply_of_another_shape_is_refused(reply: object):
    with pytest.raises(TradedeckError):
        parse_page("local", reply)
