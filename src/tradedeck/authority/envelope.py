"""Signed, expiring, addressed envelopes: the only orders a trading host takes from the wire.

Subject permissions of the bus do not authenticate (a reply subject reaches any subject), so every
desired state and every command is signed. `Verifier.open` refuses what is malformed, unsigned,
expired, for somebody else, of another kind, or already seen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.kernel.signing import SigningKey, VerifyKey

VERSION = 1
SKEW_NS_MAX = 5_000_000_000  # clocks of two hosts under NTP differ by far less
SEEN_MAX = 10_000  # an envelope lives a minute; no person or program sends 10,000 in one


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened envelope; its body may be acted on."""

    id: str
    kind: str
    target: str
    issued_at_ns: int
    expires_at_ns: int
    body: dict[str, Any]


def seal(
    key: SigningKey, *, kind: str, target: str, body: dict[str, Any], now_ns: int, ttl_ns: int
) -> bytes:
    """Sign `body` for `target`; valid from `now_ns` for `ttl_ns` nanoseconds."""
    fields: dict[str, Any] = {
        "v": VERSION,
        "id": new_id("env", now_ns),
        "kind": kind,
        "target": target,
        "issued_at_ns": now_ns,
        "expires_at_ns": now_ns + ttl_ns,
        "body": body,
    }
    fields["sig"] = key.sign(canonical.encode(fields)).hex()
    return canonical.encode(fields)


class Verifier:
    """Opens envelopes sealed by one key for one target; remembers ids until they expire."""

    __slots__ = ("_key", "_seen", "_target")

    def __init__(self, key: VerifyKey, target: str) -> None:
        self._key = key
        self._target = target
        self._seen: OrderedDict[str, int] = OrderedDict()

    def remember(self, seen: Mapping[str, int]) -> None:
        """Take back ids (with their expiry) that were acted on before a restart."""
        self._seen.update(sorted(seen.items(), key=lambda item: item[1]))

    def open(self, data: bytes, *, kind: str, now_ns: int, once: bool = True) -> Envelope:
        """The envelope, or a `TradedeckError` saying which rule it broke.

        Args:
            data: bytes from the wire.
            kind: what the caller is prepared to act on.
            now_ns: wall clock.
            once: refuse an id seen before (commands); desired state is idempotent and may repeat.
        """
        envelope = self._authentic(data)
        if envelope.target != self._target or envelope.kind != kind:
            raise TradedeckError(
                Code.MISADDRESSED, f"the envelope was {envelope.kind} for {envelope.target}"
            )
        if not envelope.issued_at_ns - SKEW_NS_MAX <= now_ns <= envelope.expires_at_ns:
            raise TradedeckError(
                Code.EXPIRED,
                "the envelope was outside its time",
                hint="Compare the clocks of the two hosts.",
            )
        if once:
            self._remember(envelope, now_ns)
        return envelope

    def _authentic(self, data: bytes) -> Envelope:
        try:
            fields = cast("dict[str, Any]", canonical.decode(data))
            signature = bytes.fromhex(fields.pop("sig"))
            if not self._key.verify(signature, canonical.encode(fields)):
                raise TradedeckError(Code.BAD_SIGNATURE, "the envelope's signature was not valid")
            if fields.pop("v") != VERSION:
                raise TradedeckError(Code.INVALID, "the envelope's version was not known")
            return Envelope(**fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TradedeckError(Code.INVALID, "the envelope was malformed") from error

    def _remember(self, envelope: Envelope, now_ns: int) -> None:
        while self._seen and next(iter(self._seen.values())) < now_ns:
            self._seen.popitem(last=False)
        if envelope.id in self._seen:
            raise TradedeckError(Code.REPLAYED, "the envelope was seen before")
        if len(self._seen) >= SEEN_MAX:
            raise TradedeckError(Code.TOO_MANY, "too many envelopes at once")
        self._seen[envelope.id] = envelope.expires_at_ns
