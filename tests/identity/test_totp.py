"""RFC 6238: its vectors, drift of one step, and no step twice."""

from __future__ import annotations

import base64

import pytest

from tradedeck.identity import totp
from tradedeck.kernel.clock import NS_PER_S

# Appendix B of RFC 6238, SHA-1, of which an authenticator shows the last six of eight digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
    (20_000_000_000, "353130"),
]
AT = 1_234_567_890
STEP = AT // 30


@pytest.mark.parametrize(("second", "code"), VECTORS)
def test_rfc_6238_vectors(second: int, code: str):
    now = second * NS_PER_S
    assert totp.code_at(SECRET, now) == code
    assert totp.step_of(SECRET, code, last_step=0, now_ns=now) == second // 30


@pytest.mark.parametrize(("seconds", "taken"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_one_step_of_drift_is_forgiven(seconds: int, *, taken: bool):
    code = totp.code_at(SECRET, (AT + seconds) * NS_PER_S)
    found = totp.step_of(SECRET, code, last_step=0, now_ns=AT * NS_PER_S)
    assert (found is not None) is taken


def test_a_step_is_not_taken_again_nor_one_before_it():
    now = AT * NS_PER_S
    code, before = totp.code_at(SECRET, now), totp.code_at(SECRET, now - 30 * NS_PER_S)
    assert totp.step_of(SECRET, code, last_step=STEP, now_ns=now) is None
    assert totp.step_of(SECRET, before, last_step=STEP, now_ns=now) is None
    assert totp.step_of(SECRET, code, last_step=STEP - 1, now_ns=now) == STEP


@pytest.mark.parametrize(
    "code", ["", "00592", "0059244", "00592a", "\u0660\u0660\u0665\u0669\u0662\u0664"]
)
def test_what_is_no_code_is_refused(code: str):
    assert totp.step_of(SECRET, code, last_step=0, now_ns=AT * NS_PER_S) is None


def test_a_code_may_be_typed_with_a_space():
    assert totp.step_of(SECRET, "005 924", last_step=0, now_ns=AT * NS_PER_S) == STEP


def test_the_address_of_a_qr_code_names_issuer_and_account():
    made = totp.uri(SECRET, name="ada", issuer="Tradedeck")
    assert made == f"otpauth://totp/Tradedeck:ada?secret={SECRET}&issuer=Tradedeck"
