"""Sealed secrets: what was changed or moved does not open."""

from __future__ import annotations

import base64

import pytest

from tradedeck.identity.sealing import KEY_BYTES, Sealer
from tradedeck.kernel.errors import Code, TradedeckError

SEALER = Sealer(b"k" * KEY_BYTES)


def test_what_was_sealed_opens_and_never_looks_the_same():
    one, two = SEALER.seal("JBSWY3DP", "usr_1"), SEALER.seal("JBSWY3DP", "usr_1")
    assert one != two
    assert SEALER.open(one, "usr_1") == SEALER.open(two, "usr_1") == "JBSWY3DP"


def test_moved_changed_or_of_another_key_it_does_not_open():
    sealed = SEALER.seal("JBSWY3DP", "usr_1")
    data = bytearray(base64.urlsafe_b64decode(sealed))
    data[-1] ^= 1
    changed = base64.urlsafe_b64encode(bytes(data)).decode()
    for sealer, text, whose in (
        (SEALER, sealed, "usr_2"),
        (SEALER, changed, "usr_1"),
        (SEALER, "", "usr_1"),
        (Sealer(b"x" * KEY_BYTES), sealed, "usr_1"),
    ):
        with pytest.raises(TradedeckError) as refused:
            sealer.open(text, whose)
        assert refused.value.code is Code.INVALID_DATA
