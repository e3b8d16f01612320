"""What a witness keeps: its key, the last checkpoint it signed, and evidence against a log."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tradedeck.audit import notes
from tradedeck.audit.notes import WITNESS, Checkpoint, Note, Signer, Verifier
from tradedeck.audit.tiles import make_folder
from tradedeck.journal.atomic import write_atomic
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.signing import SigningKey


class Memory:
    """A folder of the witness alone. Never on the host of the log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def signer(self, name: str = "") -> Signer:
        """The key, made where there is none and a name is given. NOT_FOUND otherwise."""
        path = self.folder / "key"
        if not path.exists():
            if not name:
                raise TradedeckError(
                    Code.NOT_FOUND,
                    f"There is no witness in {self.folder}.",
                    hint="Make one with `tradedeck witness key --state DIR --name NAME`.",
                )
            made = Signer(name, WITNESS, SigningKey.generate())
            notes.parse_verifier(made.verifier.text())  # a name that could not be read back
            make_folder(self.folder)
            write_atomic(path, f"{made.text()}\n".encode())
        return notes.parse_signer(path.read_text("ascii"))

    def seen(self, log: Verifier) -> Checkpoint | None:
        """What was signed last of this log; its own signature is checked, so that rot shows."""
        path = self._seen(log)
        if not path.exists():
            return None
        note = notes.parse(path.read_bytes())
        if note.by(self.signer().verifier) is None:
            raise TradedeckError(
                Code.INVALID_DATA,
                f"{path} is not what this witness has signed.",
                hint="Restore it from a backup; without it the witness would trust any history.",
            )
        return notes.parse_checkpoint(note.text)

    def keep(self, log: Verifier, note: Note) -> bytes:
        """Make a co-signed note durable; returns it as handed in."""
        data = note.line().encode()
        make_folder(self.folder)
        write_atomic(self._seen(log), data)
        return data

    def accuse(self, data: bytes) -> Path:
        """Keep a checkpoint that contradicts what was signed; both together are the evidence."""
        folder = self.folder / "evidence"
        make_folder(folder)
        path = folder / hashlib.sha256(data).hexdigest()
        write_atomic(path, data)
        return path

    def _seen(self, log: Verifier) -> Path:
        return self.folder / f"seen-{log.hash.hex()}"
