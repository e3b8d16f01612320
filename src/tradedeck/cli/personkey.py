"""The key by which a person signs on the command line: a file of mode 0600 on that person's own
machine. The private half never leaves it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tradedeck.cli import home
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.files import private_folder, read_json, write_json

if TYPE_CHECKING:
    from tradedeck.kernel.signing import SigningKey

VARIABLE = "TRADEDECK_PERSON_KEY"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def path() -> Path:
    """Where it lies: TRADEDECK_PERSON_KEY, else keys/person.json in the home."""
    named = os.environ.get(VARIABLE, "")
    return Path(named).expanduser() if named else home.find() / "keys" / "person.json"


def create(name: str) -> dict[str, str]:
    """A new key; what the host is told of it. CONFLICT where there is one."""
    from tradedeck.kernel.signing import SigningKey

    if _NAME.fullmatch(name) is None:
        raise TradedeckError(
            Code.INVALID, "The name is the one you sign in with: lower case, at most 40 letters."
        )
    where = path()
    if where.exists():
        raise TradedeckError(
            Code.CONFLICT,
            f"There is a key in {where} already.",
            hint=f"`tradedeck key show` prints its public half; {VARIABLE} names another file.",
        )
    if not where.parent.exists():
        private_folder(where.parent)
    key = SigningKey.generate()
    write_json(where, {"name": name, "key": key.raw().hex()})
    return _told(name, key)


def shown() -> dict[str, str]:
    """What the host is told of it."""
    return _told(*load())


def load() -> tuple[str, SigningKey]:
    """Whose it is, and the key. NOT_FOUND, INVALID_DATA."""
    from tradedeck.kernel.signing import SigningKey

    where = path()
    found = cast("dict[str, Any] | None", read_json(where))
    if found is None:
        raise TradedeckError(
            Code.NOT_FOUND,
            f"There is no key in {where}.",
            hint="Make one with `tradedeck key create NAME`, and have the host trust it.",
        )
    if where.stat().st_mode & 0o077:
        raise TradedeckError(
            Code.REFUSED, f"Others may read {where}.", hint=f"Run `chmod 600 {where}`."
        )
    try:
        return str(found["name"]), SigningKey(bytes.fromhex(found["key"]))
    except (KeyError, ValueError, TypeError) as error:
        raise TradedeckError(Code.INVALID_DATA, f"{where} holds no key of a person.") from error


def _told(name: str, key: SigningKey) -> dict[str, str]:
    return {"name": name, "kind": "ed25519", "public": key.verify_key().raw.hex()}
