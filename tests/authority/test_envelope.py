"""CTL-17: what is forged, expired, replayed, misaddressed or malformed is refused by its rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradedeck.authority import envelope
from tradedeck.authority.envelope import SEEN_MAX, SKEW_NS_MAX, Verifier, seal
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey

S = 10**9
NOW = 1_700_000_000 * S
KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(range(1, 33)))
BODY = {"command": "flatten", "args": {"scope": "all"}, "n": [1, 2.5, None]}


def sealed(key: SigningKey = KEY, **more: Any) -> bytes:
    given = {"kind": "command", "target": "local", "body": BODY, "now_ns": NOW, "ttl_ns": 60 * S}
    return seal(key, **{**given, **more})


def refused(data: bytes, *, at: Verifier | None = None, **more: Any) -> Code:
    verifier = at or Verifier(KEY.verify_key(), "local")
    with pytest.raises(TradedeckError) as caught:
        verifier.open(data, **{"kind": "command", "now_ns": NOW, **more})
    return caught.value.code


def test_ctl_17_a_true_envelope_opens() -> None:
    opened = Verifier(KEY.verify_key(), "local").open(sealed(), kind="command", now_ns=NOW)
    assert opened.body == BODY
    assert (opened.kind, opened.target) == ("command", "local")


def test_ctl_17_forged_by_another_key() -> None:
    assert refused(sealed(OTHER)) is Code.BAD_SIGNATURE


@pytest.mark.parametrize("path", ["id", "kind", "target", "issued_at_ns", "expires_at_ns", "v"])
def test_ctl_17_no_field_can_be_changed(path: str) -> None:
    fields = json.loads(sealed())
    fields[path] = fields[path] + (1 if isinstance(fields[path], int) else "x")
    assert refused(json.dumps(fields).encode()) is Code.BAD_SIGNATURE


def test_ctl_17_the_body_cannot_be_changed_nor_a_field_added_or_taken() -> None:
    fields = json.loads(sealed())
    for forged in (
        {**fields, "body": {**BODY, "args": {"scope": "trader/x"}}},
        {**fields, "extra": 1},
        {key: value for key, value in fields.items() if key != "target"},
    ):
        assert refused(json.dumps(forged).encode()) is Code.BAD_SIGNATURE


def test_ctl_17_a_signed_envelope_with_fields_of_its_own_is_malformed() -> None:
    fields = json.loads(sealed())
    fields.pop("sig")
    for wrong in ({**fields, "extra": 1}, {k: v for k, v in fields.items() if k != "body"}):
        signed = {**wrong, "sig": KEY.sign(canonical.encode(wrong)).hex()}
        assert refused(canonical.encode(signed)) is Code.INVALID
    old = {**fields, "v": 2}
    assert refused(
        canonical.encode({**old, "sig": KEY.sign(canonical.encode(old)).hex()})
    ) is Code.INVALID  # fmt: skip


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (NOW + 60 * S, None),
        (NOW + 60 * S + 1, Code.EXPIRED),
        (NOW - SKEW_NS_MAX, None),
        (NOW - SKEW_NS_MAX - 1, Code.EXPIRED),
    ],
)
def test_ctl_17_outside_its_time(at: int, code: Code | None) -> None:
    if code is None:
        Verifier(KEY.verify_key(), "local").open(sealed(), kind="command", now_ns=at)
    else:
        assert refused(sealed(), now_ns=at) is code


def test_ctl_17_replayed() -> None:
    verifier, data = Verifier(KEY.verify_key(), "local"), sealed()
    verifier.open(data, kind="command", now_ns=NOW)
    assert refused(data, at=verifier) is Code.REPLAYED
    turned = json.loads(data)
    turned = {key: turned[key] for key in reversed(list(turned))}
    assert refused(json.dumps(turned, indent=1).encode(), at=verifier) is Code.REPLAYED
    upper = {**turned, "sig": turned["sig"].upper()}
    assert refused(json.dumps(upper).encode(), at=verifier) is Code.REPLAYED


def test_ctl_17_desired_state_may_repeat() -> None:
    verifier, data = Verifier(KEY.verify_key(), "local"), sealed(kind="desired")
    for _ in range(3):
        verifier.open(data, kind="desired", now_ns=NOW, once=False)


def test_ctl_17_a_replay_is_not_forgotten_while_it_could_still_be_opened() -> None:
    """Many envelopes later, one with a long life is still known."""
    verifier, long = Verifier(KEY.verify_key(), "local"), sealed(ttl_ns=3_600 * S)
    verifier.open(long, kind="command", now_ns=NOW)
    for n in range(50):
        later = NOW + n * 60 * S
        verifier.open(sealed(now_ns=later, ttl_ns=S), kind="command", now_ns=later)
    assert refused(long, at=verifier, now_ns=NOW + 3_000 * S) is Code.REPLAYED


def test_ctl_17_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SEEN_MAX <= 10_000
    monkeypatch.setattr(envelope, "SEEN_MAX", 20)
    verifier = Verifier(KEY.verify_key(), "local")
    for _ in range(20):
        verifier.open(sealed(), kind="command", now_ns=NOW)
    assert refused(sealed(), at=verifier) is Code.TOO_MANY
    later = NOW + 61 * S
    verifier.open(sealed(now_ns=later), kind="command", now_ns=later)
    assert len(verifier._seen) == 1


@pytest.mark.parametrize("more", [{"target": "other"}, {"target": ""}, {"kind": "desired"}])
def test_ctl_17_misaddressed_or_of_another_kind(more: dict[str, str]) -> None:
    assert refused(sealed(**more)) is Code.MISADDRESSED


def test_ctl_17_order_of_keys_and_spaces_do_not_matter() -> None:
    fields = json.loads(sealed())
    turned = {key: fields[key] for key in sorted(fields, reverse=True)}
    data = json.dumps(turned, indent=3).encode()
    assert Verifier(KEY.verify_key(), "local").open(data, kind="command", now_ns=NOW).body == BODY


def test_ctl_17_cut_at_every_byte() -> None:
    data = sealed()
    for size in range(len(data)):
        assert refused(data[:size]) in (Code.INVALID, Code.BAD_SIGNATURE)


def test_ctl_17_every_byte_turned_over() -> None:
    data = sealed()
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x01
        code = refused(bytes(broken))
        assert code in (Code.INVALID, Code.BAD_SIGNATURE), (place, code)


@given(st.binary(max_size=200))
def test_ctl_17_noise(data: bytes) -> None:
    assert refused(data) in (Code.INVALID, Code.BAD_SIGNATURE)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"1", b'"x"', b"{}", b'{"sig":1}', b'{"sig":"zz"}',
             b'{"sig":"' + b"00" * 64 + b'"}', b'{"sig":null,"v":1}', b"[" * 10_000],
)  # fmt: skip
def test_ctl_17_malformed(data: bytes) -> None:
    assert refused(data) in (Code.INVALID, Code.BAD_SIGNATURE)
