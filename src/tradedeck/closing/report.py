"""The evidence of a kill: every step with its time, its doer and the venue's reference, sealed.

The seal is the SHA-256 of the report's canonical JSON. It shows an altered copy; that it is the
true one shows from the same hash in the journals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tradedeck.closing.types import Kill, Owner, Proof
from tradedeck.kernel import canonical
from tradedeck.kernel.errors import Code, TradedeckError

FORMAT = "tradedeck.kill/1"


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of one account, as its owner journaled it."""

    account: str
    at_ns: int
    by: Owner
    words: str
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ref: str = ""


def build(
    kill: Kill,
    steps: Iterable[Taken],
    proofs: Mapping[str, Proof],
    totals: Mapping[str, int],
    ms: Mapping[str, float],
) -> dict[str, Any]:
    """The report's body. `totals`: counts; `ms`: milliseconds since the decision."""
    ordered = sorted(steps, key=lambda step: step.at_ns)  # stable: as journaled within an instant
    return {
        "format": FORMAT,
        "kill": kill.to_body(),
        "steps": [
            {
                "account": step.account,
                "at_ns": step.at_ns,
                "by": step.by.value,
                "words": step.words,
                "numbers": dict(step.numbers),
                "ref": step.ref,
            }
            for step in ordered
        ],
        "proofs": {account: proof.to_body() for account, proof in proofs.items()},
        "totals": dict(totals),
        "ms": dict(ms),
    }


def content_hash(body: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, lower-case hexadecimal."""
    return canonical.digest(canonical.encode(body))


def seal(body: Mapping[str, Any]) -> bytes:
    """The document that is downloaded: the report and its hash."""
    return canonical.encode({"report": body, "sha256": content_hash(body)})


def verify(data: bytes) -> dict[str, Any]:
    """The report of a sealed document.

    Raises:
        TradedeckError: INVALID for what is no report, CHAIN_BROKEN when its hash is not its own.
    """
    try:
        document = cast("object", canonical.decode(data))
    except ValueError as error:
        raise TradedeckError(Code.INVALID, "the report is not JSON") from error
    found = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    body = found.get("report")
    if not isinstance(body, dict) or cast("dict[str, Any]", body).get("format") != FORMAT:
        raise TradedeckError(Code.INVALID, f"the report is not of format {FORMAT}")
    report = cast("dict[str, Any]", body)
    if content_hash(report) != found.get("sha256"):
        raise TradedeckError(Code.CHAIN_BROKEN, "the report's content is not what was sealed")
    return report
