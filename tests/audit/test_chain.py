"""The audit record: append-only, chained, redacted; tampering of every kind is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.raw import raw, untriggered

from tradedeck.audit import service, store
from tradedeck.audit.types import Act, Action, Result, Who
from tradedeck.audit.verify import verify
from tradedeck.kernel.errors import TradedeckError
from tradedeck.store.database import ScopedStore, open_store
from tradedeck.store.scope import Door

WHO = Who("ada", "risk", "session:ses_1", "127.0.0.1")
CANARY = "td_" + "c" * 32


@pytest.fixture
def opened(tmp_path: Path, store_url: str):
    made = open_store(tmp_path / "s" / "x.db", store_url)
    yield made.beyond(Door.AUDIT)
    made.close()


def append(opened: ScopedStore, count: int = 5) -> None:
    for number in range(count):
        act = Act(Action.FLATTEN, WHO, f"trader/{number}", Result.DONE, after={"n": number})
        opened.write_now(lambda write, act=act: service.append(write, act, now_ns=1_000))


def tamper(opened: ScopedStore, statement: str) -> None:
    """As somebody with the file would: without the triggers."""
    untriggered(opened, statement)


def test_an_untouched_chain_verifies(opened: ScopedStore):
    append(opened)
    verdict = opened.read_now(verify)
    assert (verdict.ok, verdict.records) == (True, 5)
    assert verdict.head == opened.read_now(store.head)[1]


def test_an_empty_one_verifies(opened: ScopedStore):
    assert opened.read_now(verify).ok


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor='eve'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_or_remove(opened: ScopedStore, statement: str):
    append(opened)
    with pytest.raises(Exception, match="append-only"):
        raw(opened, statement)
    assert opened.read_now(verify).records == 5


@pytest.mark.parametrize(
    "column",
    [
        "at_ns", "actor", "role", "session", "address", "action", "target", "before", "after",
        "result", "code", "reason", "correlation", "previous", "hash",
    ],
)  # fmt: skip
def test_inv_13_a_changed_column_is_found(opened: ScopedStore, column: str):
    append(opened)
    value = "7" if column == "at_ns" else "'x'"
    change = f'UPDATE audit SET "{column}"={value} WHERE seq=3'  # noqa: S608 - a column of ours
    tamper(opened, change)
    verdict = opened.read_now(verify)
    assert not verdict.ok
    assert verdict.broken_at == 3


def test_inv_13_a_removed_record_is_found(opened: ScopedStore):
    append(opened)
    tamper(opened, "DELETE FROM audit WHERE seq=2")
    assert opened.read_now(verify).broken_at == 2


def test_inv_13_a_removed_record_with_the_rest_renumbered_is_found(opened: ScopedStore):
    append(opened)
    tamper(opened, "DELETE FROM audit WHERE seq=5")
    tamper(opened, "DELETE FROM audit WHERE seq=2")
    tamper(opened, "UPDATE audit SET seq=seq-1 WHERE seq>2")
    assert opened.read_now(verify).broken_at == 2


def test_two_records_exchanged_are_found(opened: ScopedStore):
    append(opened)
    tamper(opened, "UPDATE audit SET seq=-1 WHERE seq=2")
    tamper(opened, "UPDATE audit SET seq=2 WHERE seq=3")
    tamper(opened, "UPDATE audit SET seq=3 WHERE seq=-1")
    assert not opened.read_now(verify).ok


def test_inv_14_no_secret_gets_in(opened: ScopedStore):
    act = Act(
        Action.CONFIG_APPLY, WHO, f"x {CANARY}", Result.REFUSED, reason=f"because {CANARY}",
        before={"api_key": "hunter2hunter2"}, after={"deep": [{"note": CANARY}]},
    )  # fmt: skip
    opened.write_now(lambda write: service.append(write, act, now_ns=1))
    rows = opened.read_now(lambda read: store.page(read, before_seq=None, limit=9, filters={}))
    assert CANARY not in str(rows)
    assert "hunter2" not in str(rows)
    assert opened.read_now(verify).ok


def test_a_huge_value_is_kept_as_its_digest(opened: ScopedStore):
    act = Act(Action.CONFIG_APPLY, WHO, after={"x": "y" * 100_000})
    opened.write_now(lambda write: service.append(write, act, now_ns=1))
    row = opened.read_now(lambda read: store.batch(read, after_seq=0, limit=1))[0]
    assert "sha256" in row["after"]
    assert len(row["after"]) < 200


def test_an_append_that_fails_refuses_the_act(opened: ScopedStore):
    append(opened, 1)
    tamper(opened, "ALTER TABLE audit RENAME TO gone")
    with pytest.raises(TradedeckError):
        append(opened, 1)
