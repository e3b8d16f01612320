"""CTL-18, CTL-2: two people, by what they signed and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from tests.authority.signing import HOUR, NOW, ORIGIN, Passkey, act, person
from tradedeck.authority import approval
from tradedeck.authority.approval import Act, Signature, act_of, sign, signatures_of, verify
from tradedeck.authority.people import Key, KeyKind, Person
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.signing import SigningKey

ANN, BOB, EVE, MAL = (SigningKey.generate() for _ in range(4))
PASSKEY, EDDSA = Passkey(), SigningKey.generate()
PEOPLE = {
    "ann": person("ann", ANN),
    "bob": person("bob", BOB, "admin"),
    "eve": person("eve", EVE, "operator"),
    "pam": Person("pam", "risk", (PASSKEY.key,)),
}


def words(what: Act, *who: tuple[str, SigningKey]) -> tuple[Signature, ...]:
    return tuple(sign(key, name, what) for name, key in who)


BOTH = (("ann", ANN), ("bob", BOB))


def given(
    what: Act | None = None, *, signatures: Any = None, now: int = NOW, host: str = "guard.local"
) -> tuple[str, ...]:
    what = what or act()
    signed = words(what, *BOTH) if signatures is None else signatures
    return verify(what, signed, PEOPLE, host=host, now_ns=now)


def refused(**how: Any) -> str:
    with pytest.raises(TradedeckError) as error:
        given(**how)
    return error.value.code.value


def test_ctl_2_the_right_pair_is_named():
    assert given() == ("ann", "bob")
    assert given(signatures=words(act(), *BOTH, ("ann", ANN))) == ("ann", "bob")


def test_ctl_2_one_person_twice_is_one_person():
    twice = PEOPLE["ann"], person("x", MAL)
    both = replace(twice[0], keys=(*twice[0].keys, *twice[1].keys))
    people = PEOPLE | {"ann": both}
    signed = words(act(), ("ann", ANN), ("ann", MAL))
    with pytest.raises(TradedeckError) as error:
        verify(act(), signed, people, host="guard.local", now_ns=NOW)
    assert error.value.code == "APPROVAL_REQUIRED"
    assert refused(signatures=words(act(), ("ann", ANN))) == "APPROVAL_REQUIRED"
    assert refused(signatures=()) == "APPROVAL_REQUIRED"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ((("ann", ANN), ("mallory", MAL)), "BAD_SIGNATURE"),  # a stranger
        ((("ann", ANN), ("bob", MAL)), "BAD_SIGNATURE"),  # in another's name
        ((("ann", ANN), ("bob", ANN)), "BAD_SIGNATURE"),  # one key as two people
        ((("ann", ANN), ("eve", EVE)), "FORBIDDEN"),  # of a role that may not
        ((*BOTH, ("mallory", MAL)), "BAD_SIGNATURE"),  # nothing false beside what is true
    ],
)
def test_ctl_18_only_those_whom_the_host_trusts(who: Any, code: str):
    assert refused(signatures=words(act(), *who)) == code


@pytest.mark.parametrize("field", [field.name for field in fields(Act) if field.name != "v"])
def test_ctl_2_what_was_changed_after_the_word_is_not_what_was_given(field: str):
    signed = words(act(), *BOTH)
    value: Any = getattr(act(), field)
    other = value + 1 if isinstance(value, int) else "1" * 32 if field == "nonce" else value + "x"
    with pytest.raises(TradedeckError):
        given(replace(act(), **{field: other}), signatures=signed)
    if field not in ("act", "host"):
        assert refused(what=replace(act(), **{field: other}), signatures=signed) == "BAD_SIGNATURE"


def test_ctl_2_outside_its_time_and_for_another_host():
    assert refused(now=NOW + HOUR + 1) == "EXPIRED"
    assert refused(now=NOW - 6_000_000_000) == "EXPIRED"
    assert refused(what=act(expires_at_ns=NOW + 25 * HOUR)) == "EXPIRED"
    assert refused(host="guard.other") == "MISADDRESSED"
    assert refused(what=act(act="vault.open")) == "MISADDRESSED"


def test_ctl_2_a_nonce_is_spent_once_and_kept_while_it_lives():
    kept = approval.spent({"a" * 32: NOW - HOUR, "b" * 32: NOW}, act(), NOW)
    assert kept == {"b" * 32: NOW, "0" * 32: NOW + HOUR}
    with pytest.raises(TradedeckError) as error:
        approval.spent(kept, act(), NOW)
    assert error.value.code == "REPLAYED"


def test_a_passkey_signs_what_it_was_asked_by_our_page():
    ann = words(act(), ("ann", ANN))
    assert given(signatures=(*ann, PASSKEY.sign("pam", act()))) == ("ann", "pam")
    for change in (
        {"type": "webauthn.create"}, {"challenge": "AAAA"}, {"origin": "https://evil.example"},
        {"crossOrigin": True}, {"rp": "evil.example"}, {"flags": 0x01}, {"flags": 0x04},
    ):  # fmt: skip
        false = PASSKEY.sign("pam", act(), **change)
        assert refused(signatures=(*ann, false)) == "BAD_SIGNATURE", change
    good = PASSKEY.sign("pam", act())
    for change in (
        {"client": b"x"}, {"client": b"[]"}, {"authenticator": b"short"}, {"signature": b"\1" * 70},
        {"authenticator": good.authenticator[:-1] + b"\2"},
    ):  # fmt: skip
        assert refused(signatures=(*ann, replace(good, **change))) == "BAD_SIGNATURE", change


def test_a_passkey_of_ed25519():
    import hashlib

    key = Key(KeyKind.PASSKEY_EDDSA, EDDSA.verify_key().raw, PASSKEY.key.rp, (ORIGIN,))
    made = PASSKEY.sign("pam", act())
    signed = EDDSA.sign(made.authenticator + hashlib.sha256(made.client).digest())
    word = replace(made, public=key.public, signature=signed)
    people = PEOPLE | {"pam": Person("pam", "risk", (key,))}
    ann = words(act(), ("ann", ANN))
    assert verify(act(), (*ann, word), people, host="guard.local", now_ns=NOW) == ("ann", "pam")


def test_two_are_demanded_where_two_may():
    assert approval.lifters(PEOPLE) == ("ann", "bob", "pam")
    assert approval.demands_two(PEOPLE)
    keyless = PEOPLE["bob"], Person("bob", "admin", ())
    assert not approval.demands_two({"ann": PEOPLE["ann"], "bob": keyless[1]})
    assert not approval.demands_two({"ann": PEOPLE["ann"], "eve": PEOPLE["eve"]})


def test_what_is_kept_comes_back_and_nothing_else_does():
    signed = words(act(), *BOTH)
    assert act_of(act().body()) == act()
    assert signatures_of([each.body() for each in signed]) == signed
    body = act().body()
    for wrong in (
        None, [], {}, body | {"more": 1}, body | {"v": 2}, body | {"nonce": "x"},
        body | {"subject": "7"}, body | {"subject": True}, body | {"reason": ""},
        body | {"scope": "x" * 501}, {k: v for k, v in body.items() if k != "host"},
    ):  # fmt: skip
        with pytest.raises(TradedeckError):
            act_of(wrong)
    first = signed[0].body()
    for wrong in (
        None, {}, [first] * 11, [None], [{"person": "ann"} | {"signature": "zz"}],
        [first | {"person": 7}], [first | {"client": "00" * 5_000}], [{"signature": "00"}],
    ):  # fmt: skip
        with pytest.raises(TradedeckError):
            signatures_of(wrong)
