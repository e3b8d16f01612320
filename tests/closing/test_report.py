"""The evidence of a kill shows whatever was altered in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tradedeck.closing.report import Taken, build, content_hash, seal, verify
from tradedeck.closing.types import Kill, KillStep, Owner, Proof
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError

KILL = Kill("kill_1", "account/main", KillStep.FLATTEN, True, "drill", "anna", 100)
BODY = build(
    KILL,
    [
        Taken("main", 300, Owner.GUARD, "flat", {"reads": 3}),
        Taken("main", 200, Owner.RUNNER, "close", {"quantity": Decimal(5)}, "v-17"),
    ],
    {"main": Proof(((290, 7), (295, 7), (300, 7)))},
    {"orders": 1, "positions": 1},
    {"to_flat": 0.2},
)


def test_a_sealed_report_reads_back_in_the_order_of_its_steps() -> None:
    report = verify(seal(BODY))
    assert content_hash(report) == content_hash(BODY)
    assert [(s["words"], s["by"], s["ref"]) for s in report["steps"]] == [
        ("close", "runner", "v-17"),
        ("flat", "guard", ""),
    ]
    assert report["proofs"]["main"]["reads"] == [[290, 7], [295, 7], [300, 7]]
    assert Kill.from_body(report["kill"]) == KILL


def test_any_change_is_found() -> None:
    sealed = seal(BODY)
    for found, put in ((b"anna", b"otto"), (b'"5"', b'"6"'), (b"v-17", b"v-18"), (b"300", b"301")):
        assert found in sealed
        with pytest.raises(TradedeckError) as caught:
            verify(sealed.replace(found, put, 1))
        assert caught.value.code is Code.CHAIN_BROKEN


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"report":{},"sha256":""}', b'{"report":1}'])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(TradedeckError):
        verify(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "x"), ("id", 7), ("step", "stop"), ("flatten", 1), ("flatten", None), ("at_ns", "5"),
        ("at_ns", True), ("reason", "x" * 501), ("by", None), ("scope", ["all"]),
    ],
)  # fmt: skip
def test_a_malformed_kill_is_refused(field: str, value: Any) -> None:
    body = KILL.to_body()
    assert Kill.from_body(canonical.decode(canonical.encode(body))) == KILL
    with pytest.raises(TradedeckError):
        Kill.from_body({**body, field: value})
    del body[field]
    with pytest.raises(TradedeckError):
        Kill.from_body(body)
