"""What a trader that is only thought of would do and change. Nothing is sent, stored or remembered.

Owns putting together what three places know: the rules of the document, the difference to the
version in force, and the runner's preview. Never: decides whether the draft may be deployed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradedeck.api import desk
from tradedeck.api.asking import ask
from tradedeck.api.context import Context
from tradedeck.api.wire_config import DraftTrader, FaultView, TraderPreview
from tradedeck.desired import parse, rules, service
from tradedeck.desired.diff import Effect, effect
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import format_ns
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.readmodels.parts import mapping

# Refusals that say why there is no signal yet; whether the draft is valid is known all the same.
_WITHOUT_SIGNAL: Final = frozenset(
    {Code.CONFLICT, Code.NOT_FOUND, Code.STRATEGY, Code.TIMEOUT, Code.UNAVAILABLE}
)


async def preview(context: Context, actor: Actor, draft: DraftTrader) -> TraderPreview:
    """Its faults field by field; else its parameters in full, its changes, its first signal.

    Raises:
        TradedeckError: the draft cannot be read, or the runner refused the question itself.
    """
    given = parse.bounded(draft.model_dump(exclude_none=True))
    old = context.desired.document
    traders: list[Any] = [given if item["id"] == draft.id else item for item in old["traders"]]
    if given not in traders:
        traders.append(given)
    place = f"traders[{traders.index(given)}]"
    try:
        checked = rules.read({**old, "traders": traders}, context.library).plain()
    except TradedeckError as error:
        if not error.faults:
            raise
        errors = [
            FaultView(path=own_path(fault, place), reason=fault.reason) for fault in error.faults
        ]
        return TraderPreview(trader=draft.id, valid=False, code=error.code.value, errors=errors)
    found_in = context.desired
    changes = await context.store.read(lambda r: service.changes_of(r, found_in, checked))
    loosens = effect(changes) is Effect.LOOSEN
    body = next(item for item in checked["traders"] if item["id"] == draft.id)
    found = TraderPreview(
        trader=draft.id,
        valid=True,
        params={**_defaults(context, body["strategy"]), **body["params"]},
        changes=desk.wire_changes(changes),
        effect=effect(changes),
        needs_step_up=loosens,
        wait_s=context.settings.loosening_wait_s if loosens else 0,
    )
    try:
        reply = mapping(await ask(context, actor, "signals.preview", {"draft": body}))
    except TradedeckError as error:
        if error.code not in _WITHOUT_SIGNAL:
            raise
        said = {"code": error.code.value, "detail": error.detail, "hint": error.hint}
        return found.model_copy(update=said)
    return found.model_copy(update=signal_of(reply))


def own_path(fault: Fault, place: str) -> str:
    """`traders[4].params.fast` → `params.fast`; of the trader as a whole → `(trader)`."""
    if fault.path == place:
        return "(trader)"
    return fault.path.removeprefix(f"{place}.")


def signal_of(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The runner's preview in the words of the wire."""
    wishes: list[dict[str, Any]] = list(reply.get("wishes") or ())
    end_ns = reply.get("bar_end_ns")
    return {
        "time": None if end_ns is None else format_ns(end_ns),
        "price": None if reply.get("price") is None else str(reply["price"]),
        "inputs": dict(mapping(reply.get("inputs"))),
        "signal": next((wish for wish in wishes if "target" in wish), None),
        "wishes": wishes,
        "orders": list(reply.get("orders") or ()),
        "checks": list(reply.get("checks") or ()),
    }


def _defaults(context: Context, strategy: str) -> dict[str, Any]:
    """What the parameters are that nobody named."""
    known = mapping(mapping(context.library.entry(strategy)["schema"]).get("properties"))
    return {
        name: mapping(rule)["default"] for name, rule in known.items() if "default" in mapping(rule)
    }
