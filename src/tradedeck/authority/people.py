"""Whom a trading host trusts with acts of two people: names, roles and public keys. Pure.

Read from a file of the host, which only the host changes. A key belongs to one person: the same
one under two names would make one person two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, cast

from tradedeck.kernel.errors import Code, Fault, TradedeckError

VERSION = 1
PEOPLE_MAX = 200
KEYS_MAX = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_ED25519_BYTES = 32
_P256_BYTES = 65  # the uncompressed point, as WebAuthn's keys have it
_TEXT_MAX = 255


class KeyKind(StrEnum):
    """How a key signs."""

    ED25519 = "ed25519"  # a file of the person's own machine
    PASSKEY_ES256 = "passkey-es256"
    PASSKEY_EDDSA = "passkey-eddsa"


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: raw Ed25519 bytes, or an uncompressed point of P-256.

    A passkey signs for one `rp` (a host name) and from pages of these `origins` alone.
    """

    kind: KeyKind
    public: bytes
    rp: str = ""
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom this host knows; `role` as the control plane names roles."""

    name: str
    role: str
    keys: tuple[Key, ...]


People = Mapping[str, Person]


class Trusted(NamedTuple):
    """A host's list as it is; `fault` says why it cannot be gone by, and then it names nobody."""

    people: People
    fault: str = ""


def parse(document: object) -> dict[str, Person]:
    """People out of `{version: 1, people: [{name, role, keys: [{kind, public, rp?, origins?}]}]}`.

    Raises:
        TradedeckError: INVALID_CONFIG, with the path of each fault.
    """
    if not isinstance(document, dict):
        raise _invalid((Fault("", "was not a mapping"),))
    given = cast("dict[str, Any]", document)
    faults: list[Fault] = []
    if given.get("version") != VERSION or set(given) - {"version", "people"}:
        faults.append(Fault("version", f"must be {VERSION}, beside `people` and nothing else"))
    listed: Any = given.get("people")
    if not isinstance(listed, list) or len(cast("list[Any]", listed)) > PEOPLE_MAX:
        raise _invalid((*faults, Fault("people", "was no list, or too long")))
    found: dict[str, Person] = {}
    owners: dict[bytes, str] = {}
    for number, item in enumerate(cast("list[Any]", listed)):
        path = f"people.{number}"
        person = _person(item, path, faults)
        if person is None:
            continue
        if person.name in found:
            faults.append(Fault(path, f"{person.name} is named twice"))
        for key in person.keys:
            if key.public in owners:
                faults.append(Fault(path, f"has a key of {owners[key.public]}"))
            owners[key.public] = person.name
        found[person.name] = person
    if faults:
        raise _invalid(tuple(faults))
    return found


def _invalid(faults: tuple[Fault, ...]) -> TradedeckError:
    first = faults[0]
    return TradedeckError(
        Code.INVALID_CONFIG,
        f"the host's list of people was not valid: {first.path} {first.reason}".rstrip(),
        hint="See docs/concepts/approvals.md for its form.",
        faults=faults,
    )


def _person(item: Any, path: str, faults: list[Fault]) -> Person | None:
    if not isinstance(item, dict) or set(cast("dict[str, Any]", item)) != {"name", "role", "keys"}:
        faults.append(Fault(path, "must have name, role and keys, and nothing else"))
        return None
    given = cast("dict[str, Any]", item)
    name, role, keys = given["name"], given["role"], given["keys"]
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        faults.append(Fault(f"{path}.name", "was no name of a person"))
        return None
    if not isinstance(role, str) or not isinstance(keys, list):
        faults.append(Fault(path, "has a role that is no word, or keys that are no list"))
        return None
    listed = cast("list[Any]", keys)
    if len(listed) > KEYS_MAX:
        faults.append(Fault(f"{path}.keys", "are too many"))
        return None
    made = [_key(key, f"{path}.keys.{number}", faults) for number, key in enumerate(listed)]
    return Person(name, role, tuple(key for key in made if key is not None))


def _key(item: Any, path: str, faults: list[Fault]) -> Key | None:
    given = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    public = given.get("public")
    if given.get("kind") not in list(KeyKind) or not isinstance(public, str):
        faults.append(Fault(path, f"must have a kind ({', '.join(KeyKind)}) and a public half"))
        return None
    kind = KeyKind(given["kind"])
    size = _P256_BYTES if kind is KeyKind.PASSKEY_ES256 else _ED25519_BYTES
    if _HEX.fullmatch(public) is None or len(public) != 2 * size:
        faults.append(Fault(f"{path}.public", f"must be {size} bytes in lower-case hexadecimal"))
        return None
    rp, origins = given.get("rp", ""), given.get("origins", [])
    wanted = (kind is not KeyKind.ED25519,) * 2
    if set(given) - {"kind", "public", "rp", "origins"} or (bool(rp), bool(origins)) != wanted:
        faults.append(Fault(path, "a passkey has rp and origins, another key has neither"))
        return None
    named = [rp, *cast("list[Any]", origins)] if isinstance(origins, list) else [None]
    if not all(isinstance(word, str) and len(word) <= _TEXT_MAX for word in named):
        faults.append(Fault(path, "has an rp that is no word, or origins that are no list"))
        return None
    return Key(kind, bytes.fromhex(public), rp, tuple(cast("list[str]", origins)))


def document(people: People) -> dict[str, Any]:
    """The inverse of `parse`."""
    return {
        "version": VERSION,
        "people": [
            {
                "name": person.name,
                "role": person.role,
                "keys": [_written(key) for key in person.keys],
            }
            for person in people.values()
        ],
    }


def _written(key: Key) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": key.kind.value, "public": key.public.hex()}
    return body if not key.rp else body | {"rp": key.rp, "origins": list(key.origins)}
