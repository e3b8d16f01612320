"""Where a witness finds the log: a folder of tiles, or the host's api with a viewer's token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tradedeck.audit.notes import Verifier
from tradedeck.audit.tiles import CHECKPOINT
from tradedeck.audit.tree import View
from tradedeck.kernel.errors import Code, TradedeckError

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20.0


class Source(Protocol):
    """What a witness asks of a log. Every failure is a `TradedeckError`."""

    def checkpoint(self) -> bytes:
        """The newest signed note."""
        ...

    def consistency(self, old: int, size: int) -> Sequence[bytes]:
        """The hashes that show `old` to be the beginning of `size`."""
        ...

    def deliver(self, note: bytes) -> None:
        """Hand in a note that the witness has signed too."""
        ...


class Folder:
    """A copy or mount of the log's folder. Co-signed notes go to `publish`, where one is given."""

    def __init__(self, folder: Path, log: Verifier, publish: Path | None) -> None:
        self._folder = folder
        self._view = View(folder, log)
        self._publish = publish

    def checkpoint(self) -> bytes:
        """See `Source`."""
        try:
            return (self._folder / CHECKPOINT).read_bytes()
        except OSError as error:
            raise _away(
                f"{self._folder / CHECKPOINT} could not be read: {error.strerror}."
            ) from error

    def consistency(self, old: int, size: int) -> Sequence[bytes]:
        """See `Source`; computed from the tiles."""
        return self._view.consistency(old, size)

    def deliver(self, note: bytes) -> None:
        """See `Source`."""
        if self._publish is not None:
            try:
                self._publish.write_bytes(note)
            except OSError as error:
                raise _away(f"{self._publish} could not be written: {error.strerror}.") from error


class Api:
    """The api at `url`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/audit"
        self._token = token

    def checkpoint(self) -> bytes:
        """See `Source`."""
        return str(self._ask("GET", "/checkpoint")["note"]).encode()

    def consistency(self, old: int, size: int) -> Sequence[bytes]:
        """See `Source`."""
        found = self._ask("GET", f"/consistency?old={old}&size={size}")["hashes"]
        try:
            return [bytes.fromhex(each) for each in found]
        except (TypeError, ValueError):
            raise _away("The api answered with a proof that is none.") from None

    def deliver(self, note: bytes) -> None:
        """See `Source`."""
        self._ask("POST", "/cosignatures", {"note": note.decode()})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        import httpx

        headers = {"authorization": f"Bearer {self._token}", "x-tradedeck-request": "1"}
        try:
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
                response = client.request(method, self._url + path, json=body, headers=headers)
                return self._answer(response)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise _away(f"The api at {self._url} did not answer: {error}.") from error

    def _answer(self, response: httpx.Response) -> Any:
        value = response.json()
        if response.status_code >= 400:
            said = value.get("detail") or f"it answered {response.status_code}"
            raise _away(
                f"The api at {self._url} refused: {said} {value.get('hint') or ''}".rstrip()
            )
        return value


def _away(detail: str) -> TradedeckError:
    return TradedeckError(
        Code.UNAVAILABLE, detail, hint="Look at the address, the token and the network."
    )
