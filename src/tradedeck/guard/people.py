"""The host's list of people, `people.yaml` of mode 0600: read at each use, changed here alone.

A list that cannot be read or is not valid lifts nothing over the wire: it is never taken for an
empty one.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from tradedeck.authority import people
from tradedeck.authority.people import People, Trusted
from tradedeck.journal.atomic import write_atomic
from tradedeck.kernel.errors import Code, TradedeckError

NAME = "people.yaml"
BYTES_MAX = 256 * 1024
HEAD = (
    "# Whom this host trusts with acts of two people. Change it with `tradedeck people` on this "
    "host.\n# Two or more who may lift: then no lift comes over the wire without two of them.\n"
)


class Book:
    """The file. Absent: nobody is named, and one-time codes of the host lift."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME

    def read(self) -> Trusted:
        """What it says now. Never raises."""
        try:
            return Trusted(self._parsed())
        except TradedeckError as error:
            return Trusted({}, error.detail)
        except OSError as error:
            return Trusted({}, f"{NAME} cannot be read: {error.strerror or error}")

    def _parsed(self) -> dict[str, people.Person]:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(file.fileno())
            if mode.st_uid not in (0, os.geteuid()) or stat.S_IMODE(mode.st_mode) & 0o077:
                raise _refused(f"{NAME} is not of mode 0600 and this user's own")
            data = file.read(BYTES_MAX + 1)
        if len(data) > BYTES_MAX:
            raise _refused(f"{NAME} is longer than {BYTES_MAX // 1024} KiB")
        return people.parse(_yaml(data))

    def trust(self, name: str, role: str, key: dict[str, Any]) -> People:
        """Add a key to a person, who is added where new; the list as it is then.

        Raises:
            TradedeckError: INVALID_CONFIG, and nothing is changed.
        """
        body = people.document(self._parsed())
        listed: list[dict[str, Any]] = body["people"]
        fresh: dict[str, Any] = {"name": name, "role": role, "keys": []}
        known = next((item for item in listed if item["name"] == name), fresh)
        if known is fresh:
            listed.append(fresh)
        known["role"] = role
        if key not in known["keys"]:
            known["keys"].append(key)
        return self._write(body)

    def distrust(self, name: str) -> People:
        """Remove a person with all keys. Raises NOT_FOUND."""
        body = people.document(self._parsed())
        kept = [item for item in body["people"] if item["name"] != name]
        if len(kept) == len(body["people"]):
            raise TradedeckError(Code.NOT_FOUND, f"this host does not know {name[:40]}")
        return self._write(body | {"people": kept})

    def _write(self, body: dict[str, Any]) -> People:
        import yaml  # 2 MB that a host without such a list does not need

        found = people.parse(body)
        text = HEAD + yaml.safe_dump(body, sort_keys=False)
        write_atomic(self._path, text.encode(), backup=True)
        return found


def _yaml(data: bytes) -> Any:
    import yaml  # see `_write`

    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused(f"{NAME} is no YAML") from error


def _refused(detail: str) -> TradedeckError:
    return TradedeckError(Code.INVALID_CONFIG, detail)
