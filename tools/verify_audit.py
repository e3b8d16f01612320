"""Verifies an audit log of Tradedeck without trusting, or sharing a line with, the program that
wrote it.

Reads what `tradedeck audit export` wrote, or the folder `audit` of a home, and checks: the
signature of the checkpoint; of every record its bytes, its place, its chain and the texts beside
it; every tile; the root; that each earlier checkpoint, and each one that a witness signed, is a
beginning of this log. With --database also that the table of the home holds the same records.

Usage: verify_audit.py PATH --key KEY [--witness KEY]… [--earlier FILE]… [--witnesses N]
                       [--database FILE] [--json]
KEY is what `tradedeck audit key` (or `tradedeck witness key`) printed, kept since elsewhere: a key
that is read from the log proves nothing. Exit code 0: it holds. 1: it does not. 2: not understood.
Needs Python 3.11 and `cryptography`, for Ed25519 alone.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import sqlite3
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, WITNESS = 1, 4
GENESIS = b"0" * 64
COLUMNS = (
    "action", "actor", "address", "after", "at_ns", "before", "code", "correlation", "hash",
    "previous", "reason", "result", "role", "seq", "session", "target",
)  # fmt: skip
STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
REFERENCE = rb'\{"bytes":\d+,"sha256":"[0-9a-f]{64}"\}'
TEXT = rb"(?:" + STRING + rb"|" + REFERENCE + rb")"
SOME = rb"(?:null|" + TEXT + rb")"
# A record as it has to be: these members in this order, nothing else.
RECORD = re.compile(
    rb'\{"action":' + TEXT + rb',"actor":' + TEXT + rb',"address":' + TEXT + rb',"after":' + SOME
    + rb',"at_ns":-?\d+,"before":' + SOME + rb',"code":' + TEXT + rb',"correlation":' + TEXT
    + rb'(?P<drop>,"hash":"(?P<hash>[0-9a-f]{64})"),"previous":"(?P<previous>[0-9a-f]{64})"'
    rb',"reason":' + TEXT + rb',"result":' + TEXT + rb',"role":' + TEXT
    + rb',"seq":(?P<seq>[1-9]\d*),"session":' + TEXT + rb',"target":' + TEXT + rb"\}"
)  # fmt: skip
# Inside a text every quote has a backslash before it, so that this is a reference and nothing else.
REFERRED = re.compile(rb'(?<=":)\{"bytes":(\d+),"sha256":"([0-9a-f]{64})"\}')
sha256 = hashlib.sha256


class BrokenError(Exception):
    """The log does not hold; says where."""


class UsageError(Exception):
    """What was given could not be read."""


# ------------------------------------------------------------------------------------ the files


class Source:
    """The files of a log: a folder, or the tar of an export."""

    def __init__(self, path: Path) -> None:
        self.names: dict[str, Callable[[], bytes]] = {}
        self.close: Callable[[], None] = lambda: None
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file():
                    self.names[file.relative_to(path).as_posix()] = file.read_bytes
        else:
            try:
                tar = tarfile.open(path)  # noqa: SIM115 - read from until `close`
                self.close = tar.close
                for member in tar.getmembers():
                    name = member.name.removeprefix("audit/")
                    if not member.isfile() or name in self.names:
                        raise UsageError(f"{member.name} occurs twice, or is no file")
                    self.names[name] = self._member(tar, member)
            except (OSError, tarfile.TarError) as error:
                raise UsageError(f"{path} could not be read: {error}") from error

    @staticmethod
    def _member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            file = tar.extractfile(member)
            return file.read() if file else b""

        return read

    def read(self, name: str) -> bytes:
        if name not in self.names:
            raise BrokenError(f"the file {name} is missing")
        return self.names[name]()

    def tile(self, kind: str, number: int, width: int) -> bytes:
        """A tile of `width`, or a wider one of the same place."""
        parts = [f"{number % 1000:03d}"]
        while number >= 1000:
            number //= 1000
            parts.append(f"x{number % 1000:03d}")
        full = f"tile/{kind}/{'/'.join(reversed(parts))}"
        for each in range(width, 256):
            if f"{full}.p/{each}" in self.names:
                return self.read(f"{full}.p/{each}")
        return self.read(full)


# ------------------------------------------------------------------------------ signed notes


def unbase64(text: str) -> bytes:
    """Its bytes; ValueError for another spelling of them (bits that no byte uses)."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError
    return data


@dataclass(frozen=True)
class Key:
    name: str
    kind: int
    raw: bytes

    @classmethod
    def of(cls, text: str, kind: int) -> Key:
        try:
            name, digest, encoded = text.strip().split("+", 2)
            raw = unbase64(encoded)
            found = cls(name, raw[0], raw[1:])
            if found.kind != kind or len(found.raw) != 32 or found.id.hex() != digest:
                raise ValueError
        except (ValueError, IndexError, binascii.Error):
            what = "log" if kind == LOG else "witness"
            raise UsageError(f"{text!r} is not the key of a {what}") from None
        return found

    @property
    def id(self) -> bytes:
        return sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.raw).digest()[:4]

    def signed(self, note: Note) -> bool:
        """Whether one of the note's signatures is this key's."""
        for name, key_id, value in note.signatures:
            if (name, key_id) != (self.name, self.id):
                continue
            message, signature = note.body.encode(), value
            if self.kind == WITNESS:
                at = int.from_bytes(value[:8], "big")
                message, signature = f"cosignature/v1\ntime {at}\n".encode() + message, value[8:]
            try:
                Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
            except InvalidSignature:
                continue
            return True
        return False


@dataclass(frozen=True)
class Note:
    body: str
    signatures: list[tuple[str, bytes, bytes]]

    @classmethod
    def of(cls, data: bytes, name: str) -> Note:
        try:
            body, _, lines = data.decode().rpartition("\n\n")
            signatures: list[tuple[str, bytes, bytes]] = []
            if not body or not lines.endswith("\n"):
                raise ValueError
            for line in lines[:-1].split("\n"):
                dash, signer, encoded = line.split(" ")
                value = unbase64(encoded)
                if dash != "—" or not signer or len(value) < 5:
                    raise ValueError
                signatures.append((signer, value[:4], value[4:]))
        except (ValueError, binascii.Error):
            raise BrokenError(f"{name} is not a signed note") from None
        return cls(f"{body}\n", signatures)


@dataclass(frozen=True)
class Checkpoint:
    name: str
    size: int
    root: bytes

    @classmethod
    def of(cls, data: bytes, name: str, key: Key) -> Checkpoint:
        """A checkpoint that the log has signed."""
        note = Note.of(data, name)
        if not key.signed(note):
            raise BrokenError(f"{name} is not signed with the log's key")
        try:
            origin, size, root = note.body[:-1].split("\n")[:3]
            found = cls(name, int(size), unbase64(root))
            if origin != key.name or str(found.size) != size or len(found.root) != 32:
                raise ValueError
        except (ValueError, binascii.Error):
            raise BrokenError(f"{name} is not a checkpoint of {key.name}") from None
        return found


# ---------------------------------------------------------------------------------- the tree


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: list[bytes]) -> bytes:
    """The root over any number of complete subtrees of one height, left to right."""
    if not hashes:
        return sha256(b"").digest()
    while len(hashes) > 1:
        pairs = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(hashes[::2], hashes[1::2], strict=False)
        ]
        hashes = pairs + hashes[len(pairs) * 2 :]
    return hashes[0]


class Levels:
    """Every tile of the tree, computed from the leaves and compared with what was written."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._size = size
        self._levels: list[list[bytes]] = [[]]

    def take(self, leaves: list[bytes]) -> None:
        self._fill(0, leaves)

    def _fill(self, level: int, hashes: list[bytes]) -> None:
        if level == len(self._levels):
            self._levels.append([])
        known = self._levels[level]
        known.extend(hashes)  # at most what is missing of the tile
        if len(known) % 256 == 0:
            self._compare(level, known[-256:])
            self._fill(level + 1, [root_of(known[-256:])])

    def end(self) -> None:
        for level, known in enumerate(self._levels):
            if len(known) % 256:
                self._compare(level, known[len(known) // 256 * 256 :])

    def _compare(self, level: int, tile: list[bytes]) -> None:
        number = (len(self._levels[level]) - 1) // 256
        kept = self._source.tile(str(level), number, len(tile))
        if kept[: 32 * len(tile)] != b"".join(tile):
            raise BrokenError(f"tile {number} of level {level} is not made of the records")

    def root(self, size: int) -> bytes:
        """The root of the first `size` leaves: RFC 6962, 2.1, from whole tiles where there are."""
        return self._root(0, size)

    def _root(self, start: int, end: int) -> bytes:
        width = end - start
        level = len(self._levels) - 1
        while level >= 0:
            step = 1 << 8 * level
            if width and width % step == 0 and start % step == 0 and width // step <= 256:
                return root_of(self._levels[level][start // step : end // step])
            level -= 1
        if width == 0:
            return root_of([])
        split = 1 << (width - 1).bit_length() - 1
        return node(self._root(start, start + split), self._root(start + split, end))


# ------------------------------------------------------------------------------- the records


def entries(data: bytes, number: int, width: int) -> Iterator[bytes]:
    at = 0
    for _ in range(width):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise BrokenError(f"the bundle of records from {number * 256 + 1} on was cut")
        yield data[at + 2 : end]
        at = end


def restored(source: Source, content: bytes, seq: int) -> bytes:
    """A record with the texts that lie beside it back in their place."""
    if b'"sha256":"' not in content:
        return content

    def text(found: re.Match[bytes]) -> bytes:
        data = source.read(f"text/{found[2].decode()}")
        if len(data) != int(found[1]) or sha256(data).hexdigest().encode() != found[2]:
            raise BrokenError(f"a text of record {seq} is another")
        return json.dumps(data.decode(), ensure_ascii=False).encode()

    return REFERRED.sub(text, content)


def table(path: Path) -> Iterator[bytes]:
    """The records as the database of a home has them now, in their order."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    wanted = f"SELECT {names} FROM audit ORDER BY seq"  # noqa: S608 - constants
    write = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            for row in database.execute(wanted):
                yield write(dict(zip(COLUMNS, row, strict=True))).encode()
    except (sqlite3.Error, TypeError, UnicodeError) as error:
        raise BrokenError(f"the database could not be read: {error}") from error


def walk(source: Source, size: int, levels: Levels, rows: Iterator[bytes] | None) -> None:
    """Every record up to `size`: its form, its place, its chain; the table's, where given."""
    previous, seq = GENESIS, 0
    for number in range((size + 255) // 256):
        width = min(256, size - number * 256)
        leaves: list[bytes] = []
        for entry in entries(source.tile("entries", number, width), number, width):
            seq += 1
            leaves.append(sha256(b"\x00" + entry).digest())
            found = RECORD.fullmatch(entry)
            if found is None:
                raise BrokenError(f"record {seq} is not a record")
            if found["seq"] != b"%d" % seq:
                raise BrokenError(f"record {seq} bears the number {found['seq'].decode()}")
            if found["previous"] != previous:
                raise BrokenError(f"record {seq} does not follow from the one before it")
            if rows is not None and next(rows, None) != restored(source, entry, seq):
                raise BrokenError(f"record {seq} of the database is another, or missing")
            start, end = found.span("drop")
            content = restored(source, entry[:start] + entry[end:], seq)
            previous = found["hash"]
            if sha256(content).hexdigest().encode() != previous:
                raise BrokenError(f"the content of record {seq} does not match its hash")
        levels.take(leaves)
    levels.end()


# --------------------------------------------------------------------------------- all of it


def verify(path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What was found; raises BrokenError where the log does not hold."""
    key = Key.of(options.key, LOG)
    witnesses = [Key.of(text, WITNESS) for text in options.witness]
    with closing(Source(path)) as source:
        return check(source, key, witnesses, options)


def check(
    source: Source, key: Key, witnesses: list[Key], options: argparse.Namespace
) -> dict[str, Any]:
    """What was found in the files."""
    current = Checkpoint.of(source.read("checkpoint"), "checkpoint", key)
    levels = Levels(source, current.size)
    walk(source, current.size, levels, table(options.database) if options.database else None)
    if levels.root(current.size) != current.root:
        raise BrokenError("the records do not give the root that was signed")
    earlier = [Checkpoint.of(Path(file).read_bytes(), file, key) for file in options.earlier]
    seen: dict[str, int] = {}
    for name in sorted(source.names):
        if not name.startswith("witness/"):
            continue
        data = source.read(name)
        earlier.append(Checkpoint.of(data, name, key))
        note = Note.of(data, name)
        for witness in witnesses:
            if witness.signed(note):
                seen[witness.name] = max(seen.get(witness.name, 0), earlier[-1].size)
    for checkpoint in earlier:
        if checkpoint.size > current.size:
            raise BrokenError(
                f"{checkpoint.name} is of {checkpoint.size} records, the log has {current.size}: "
                "it was cut or set back"
            )
        if levels.root(checkpoint.size) != checkpoint.root:
            raise BrokenError(
                f"{checkpoint.name} is of another history: the first {checkpoint.size} records "
                "were other ones when it was signed"
            )
    if len(seen) < options.witnesses:
        raise BrokenError(f"{len(seen)} of {options.witnesses} witnesses have signed")
    return {
        "ok": True,
        "origin": key.name,
        "records": current.size,
        "root": current.root.hex(),
        "earlier": len(earlier),
        "witnessed": seen,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="verify_audit.py", description="Verifies an audit log.")
    parser.add_argument("path", type=Path, help="an export, or the folder audit of a home")
    parser.add_argument("--key", required=True, help="the log's verifier key")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    parser.add_argument("--earlier", action="append", default=[], help="a checkpoint kept since")
    parser.add_argument("--witnesses", type=int, default=0, help="so many must have signed")
    parser.add_argument("--database", type=Path, help="its table must hold the same records")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        found = verify(options.path, options)
    except BrokenError as error:
        found = {"ok": False, "detail": f"The audit log does not hold: {error}."}
    except (UsageError, OSError) as error:
        sys.stderr.write(f"verify_audit.py: {error}\n")
        return 2
    if options.json:
        print(json.dumps(found))
    elif found["ok"]:
        witnessed = ", ".join(f"{name} up to {size}" for name, size in found["witnessed"].items())
        print(
            f"{found['records']} records hold. Root {found['root']}, signed by {found['origin']}."
        )
        print(f"Earlier checkpoints: {found['earlier']}. Witnesses: {witnessed or 'none'}.")
    else:
        print(found["detail"])
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
