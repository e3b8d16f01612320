"""Signed notes, checkpoints and cosignatures, as C2SP signed-note, tlog-checkpoint and
tlog-cosignature write them.

Pure. Ed25519 alone: signature type 0x01 for a log, 0x04 (cosignature/v1) for a witness.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey, VerifyKey

LOG = 0x01
WITNESS = 0x04
NOTE_BYTES_MAX = 64 * 1024
_DASH = "— "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its name, how many entries, and the hash of their tree."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The body of the note, with its last newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, which key, and the bytes after its hash."""

    name: str
    key: bytes
    value: bytes

    def line(self) -> str:
        """As it stands in a note."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under the name it signs with."""

    name: str
    kind: int
    key: VerifyKey

    @property
    def hash(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.key.raw
        return hashlib.sha256(named).digest()[:4]

    def text(self) -> str:
        """The verifier key as one line: name+hash+key."""
        key = base64.b64encode(bytes([self.kind]) + self.key.raw).decode()
        return f"{self.name}+{self.hash.hex()}+{key}"

    def signed(self, signature: Signature, text: str) -> bool:
        """Whether `signature` is this key's over the note's text."""
        if signature.name != self.name or signature.key != self.hash:
            return False
        if self.kind == LOG:
            return self.key.verify(signature.value, text.encode())
        stamp, value = signature.value[:8], signature.value[8:]
        return self.key.verify(value, _cosigned(int.from_bytes(stamp, "big"), text))


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under the name it signs with."""

    name: str
    kind: int
    key: SigningKey

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.kind, self.key.verify_key())

    def text(self) -> str:
        """The private key as one line, for a file of mode 0600."""
        key = base64.b64encode(bytes([self.kind]) + self.key.raw()).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.hash.hex()}+{key}"

    def sign(self, text: str) -> Signature:
        """A log's signature."""
        return Signature(self.name, self.verifier.hash, self.key.sign(text.encode()))

    def cosign(self, text: str, at_s: int) -> Signature:
        """A witness's signature at `at_s` (seconds since the epoch)."""
        value = at_s.to_bytes(8, "big") + self.key.sign(_cosigned(at_s, text))
        return Signature(self.name, self.verifier.hash, value)


def _cosigned(at_s: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A text and who signed it; nothing in it is verified."""

    text: str
    signatures: tuple[Signature, ...]

    def line(self) -> str:
        """The whole note."""
        return f"{self.text}\n{''.join(each.line() for each in self.signatures)}"

    def by(self, verifier: Verifier) -> Signature | None:
        """The verified signature of `verifier`, or None."""
        return next((each for each in self.signatures if verifier.signed(each, self.text)), None)


def parse(data: bytes) -> Note:
    """A note out of its bytes.

    Raises:
        TradedeckError: INVALID_DATA: no note.
    """
    try:
        whole = data.decode()
        if len(data) > NOTE_BYTES_MAX or not whole.endswith("\n"):
            raise ValueError
        body, _, lines = whole.rpartition("\n\n")
        if not body or not lines:
            raise ValueError
        signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
    except (ValueError, binascii.Error):
        raise _no("The signed note could not be read.") from None
    return Note(f"{body}\n", signatures)


def _unbase64(text: str) -> bytes:
    """Its bytes; ValueError for another spelling of them (bits that no byte uses)."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError
    return data


def _signature(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise ValueError
    name, encoded = line.removeprefix(_DASH).split(" ")
    value = _unbase64(encoded)
    if not name or len(value) < 5:
        raise ValueError
    return Signature(name, value[:4], value[4:])


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text. INVALID_DATA where there is none."""
    try:
        origin, size, root, *_ = text.split("\n")
        value = _unbase64(root)
        if not origin or str(int(size)) != size or int(size) < 0 or len(value) != 32:
            raise ValueError
    except (ValueError, binascii.Error):
        raise _no("The checkpoint could not be read.") from None
    return Checkpoint(origin, int(size), value)


def opened(data: bytes, verifier: Verifier, origin: str) -> tuple[Note, Checkpoint]:
    """A log's checkpoint whose signature holds.

    Raises:
        TradedeckError: INVALID_DATA; BAD_SIGNATURE: another key, another origin.
    """
    note = parse(data)
    if note.by(verifier) is None:
        raise TradedeckError(
            Code.BAD_SIGNATURE, f"The checkpoint is not signed with the key of {verifier.name}."
        )
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise TradedeckError(
            Code.BAD_SIGNATURE, f"The checkpoint is of {checkpoint.origin}, not of {origin}."
        )
    return note, checkpoint


def parse_verifier(line: str) -> Verifier:
    """A verifier key as `text` writes it. INVALID where it is none."""
    try:
        name, digest, encoded = line.strip().split("+", 2)
        value = _unbase64(encoded)
        if not name or " " in name or value[0] not in (LOG, WITNESS):
            raise ValueError
        found = Verifier(name, value[0], VerifyKey(value[1:]))
        if found.hash.hex() != digest:
            raise ValueError
    except (ValueError, IndexError):
        raise TradedeckError(
            Code.INVALID,
            "The verifier key was not of the form name+hash+key.",
            hint="`tradedeck audit key` and `tradedeck witness key` print theirs.",
        ) from None
    return found


def parse_signer(line: str) -> Signer:
    """A private key as `text` writes it. INVALID_DATA where it is none."""
    try:
        if not line.startswith("PRIVATE+KEY+"):
            raise ValueError
        name, digest, encoded = line.removeprefix("PRIVATE+KEY+").strip().split("+", 2)
        value = _unbase64(encoded)
        found = Signer(name, value[0], SigningKey(value[1:]))
        if found.verifier.hash.hex() != digest:
            raise ValueError
    except (ValueError, IndexError):
        raise _no("The signing key of the audit log could not be read.") from None
    return found


def _no(detail: str) -> TradedeckError:
    return TradedeckError(
        Code.INVALID_DATA, detail, hint="Keep the file as evidence; restore it from a backup."
    )
