"""Which passwords are taken, and what a hash is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from threading import Event

import pytest

from tradedeck.identity.passwords import WAITING_MAX, Passwords, check
from tradedeck.kernel.errors import Code, TradedeckError

GOOD = "four words nobody joins"


@pytest.fixture
def cheap() -> Iterator[Passwords]:
    made = Passwords(memory_kib=64, rounds=1)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "alone", "taken"),
    [
        (GOOD, True, True),
        ("x7!kq9Lm", False, True),
        ("x7!kq9Lm", True, False),  # 8 are enough with a second factor only
        ("x7!kq9L", False, False),
        ("fourteen chars", True, False),
        ("fifteen chars!!", True, True),
        ("a phrase " * 12, True, True),  # 108 characters, no rule of composition
        ("y" * 300, True, False),
        ("password1", False, False),  # known to everybody
        ("PassWord1", False, False),
        ("aaaaaaaaaaaaaaaaaaaa", True, False),
        ("ada-lovelace2026!", True, False),  # the account's own name
        ("tradedeck12345678", True, False),
        ("gr\u00fcne w\u00f6lfe \u2603 hier", True, True),
    ],
)
def test_which_passwords_are_taken(password: str, *, alone: bool, taken: bool):
    def judge() -> None:
        check(password, alone=alone, words=("ada-lovelace",))

    if taken:
        judge()
        return
    with pytest.raises(TradedeckError) as refused:
        judge()
    assert refused.value.code is Code.INVALID
    assert password not in str(refused.value)


def test_a_hash_is_argon2id_at_the_cost_of_rfc_9106_and_fits_one_password_only():
    passwords = Passwords()

    async def scenario() -> None:
        kept = await passwords.hash(GOOD)
        assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
        assert await passwords.verify(kept, GOOD)
        assert not await passwords.verify(kept, GOOD + " ")
        assert not passwords.outdated(kept)

    asyncio.run(scenario())
    passwords.close()


def test_one_password_in_two_spellings_is_one(cheap: Passwords):
    async def scenario() -> None:
        kept = await cheap.hash("gr\u00fcne wölfe hier")
        assert await cheap.verify(kept, "gru\u0308ne wölfe hier")

    asyncio.run(scenario())


def test_nobodys_password_costs_the_same_work_and_never_fits(
    cheap: Passwords, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    original: Callable[[str, str], bool] = cheap._hasher.verify

    class Spy:
        def verify(self, kept: str, given: str) -> bool:
            asked.append(kept)
            return original(kept, given)

        hash = staticmethod(cheap._hasher.hash)

    monkeypatch.setattr(cheap, "_hasher", Spy())

    async def scenario() -> None:
        assert not await cheap.verify(None, GOOD)
        assert not await cheap.verify("not a hash", GOOD)

    asyncio.run(scenario())
    assert len(asked) == 2
    assert asked[0].startswith("$argon2id$")


def test_more_than_a_few_in_line_are_sent_away_and_nobody_else_waits(cheap: Passwords):
    """The event loop goes on while every place in the line is taken."""
    hold = Event()

    async def scenario() -> None:
        blocked = cheap._thread.submit(hold.wait)
        line = [asyncio.create_task(cheap.verify(None, GOOD)) for _ in range(WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(TradedeckError) as refused:
            await cheap.verify(None, GOOD)
        assert refused.value.code is Code.TOO_MANY
        assert not any(task.done() for task in line)
        hold.set()
        assert await asyncio.gather(*line) == [False] * WAITING_MAX
        blocked.result()
        assert not await cheap.verify(None, GOOD)  # there is room again

    asyncio.run(scenario())
