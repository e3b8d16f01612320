"""Whom a host trusts, as its file says it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.authority.signing import Passkey, person
from tradedeck.authority.people import Person, document, parse
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.signing import SigningKey

ANN, BOB = person("ann", SigningKey.generate()), person("bob", SigningKey.generate(), "admin")
PAM = Person("pam", "risk", (Passkey().key,))


def test_what_is_written_is_read():
    people = {each.name: each for each in (ANN, BOB, PAM)}
    assert parse(document(people)) == people


def changed(**change: Any) -> dict[str, Any]:
    body = document({"ann": ANN})
    body["people"][0] |= change
    return body


def keyed(**change: Any) -> dict[str, Any]:
    key = document({"ann": ANN})["people"][0]["keys"][0] | change
    return changed(keys=[key])


PASSKEY = document({"pam": PAM})["people"][0]["keys"][0]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (None, ""),
        ([], ""),
        ({"version": 1}, "people"),
        ({"version": 2, "people": []}, "version"),
        ({"version": 1, "people": [], "more": 1}, "version"),
        ({"version": 1, "people": [None]}, "people.0"),
        ({"version": 1, "people": [{}] * 201}, "people"),
        (changed(more=1), "people.0"),
        (changed(name="Ann"), "people.0.name"),
        (changed(name="ann\n"), "people.0.name"),
        (changed(role=7), "people.0"),
        (changed(keys=None), "people.0"),
        (changed(keys=[{}] * 21), "people.0.keys"),
        (changed(keys=[None]), "people.0.keys.0"),
        (keyed(kind="rsa"), "people.0.keys.0"),
        (keyed(public=7), "people.0.keys.0"),
        (keyed(public="zz" * 32), "people.0.keys.0.public"),
        (keyed(public="00" * 31), "people.0.keys.0.public"),
        (keyed(rp="deck.example"), "people.0.keys.0"),
        (keyed(more="x"), "people.0.keys.0"),
        (changed(keys=[PASSKEY | {"origins": []}]), "people.0.keys.0"),
        (changed(keys=[PASSKEY | {"origins": "https://x"}]), "people.0.keys.0"),
        (changed(keys=[PASSKEY | {"origins": [7]}]), "people.0.keys.0"),
        (changed(keys=[PASSKEY | {"rp": ["x"]}]), "people.0.keys.0"),
    ],
)
def test_what_is_wrong_is_named(wrong: Any, path: str):
    with pytest.raises(TradedeckError) as error:
        parse(wrong)
    assert error.value.faults[0].path == path


def test_ctl_18_one_key_under_two_names_is_refused():
    body = document({"ann": ANN, "bob": BOB})
    body["people"][1]["keys"] = body["people"][0]["keys"]
    with pytest.raises(TradedeckError, match="has a key of ann"):
        parse(body)
    body = document({"ann": ANN})
    body["people"] *= 2
    with pytest.raises(TradedeckError, match="named twice"):
        parse(body)
