"""Whether a tree may become a version. Pure: strategies are asked through the port handed in.

Used by the api before it stores, and by the runner before it applies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import ValidationError

from tradedeck.desired.document import Document, duplicates
from tradedeck.desired.ports import StrategyCatalogue
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.kernel.redaction import is_secret_name, looks_secret

FAULTS_MAX = 50
DEPTH_MAX = 16


def read(tree: Any, strategies: StrategyCatalogue) -> Document:
    """The document in `tree`.

    Raises:
        TradedeckError: SECRET_REFUSED or INVALID_CONFIG, with a path for each fault; never with
            the value, because it may be the secret.
    """
    hidden = list(secrets(tree))
    if hidden:
        raise TradedeckError(
            Code.SECRET_REFUSED,
            f"The configuration holds what looks like a secret at {hidden[0].path}.",
            hint="Credentials belong into the environment or a file of mode 0600 on the host.",
            faults=tuple(hidden[:FAULTS_MAX]),
        )
    if not isinstance(tree, dict):
        raise invalid([Fault("(document)", "must be a mapping")])
    try:
        document = Document.model_validate(tree)
    except ValidationError as error:
        raise invalid(_faults(error)) from None
    faults = list(references(document, strategies))
    if faults:
        raise invalid(faults)
    return document


def invalid(faults: list[Fault]) -> TradedeckError:
    """INVALID_CONFIG with its faults, the first in the sentence."""
    first = faults[0]
    return TradedeckError(
        Code.INVALID_CONFIG,
        f"The configuration was not valid: {first.path}: {first.reason}.",
        hint="Nothing was changed; the configuration that runs was kept.",
        faults=tuple(faults[:FAULTS_MAX]),
    )


def _faults(error: ValidationError) -> list[Fault]:
    found: list[Fault] = []
    for item in error.errors(include_url=False, include_input=False):
        reason = str(item["msg"]).removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            reason = "is not a key of this part"
        found.append(Fault(_path(item["loc"]), reason))
    return found


def _path(places: tuple[int | str, ...]) -> str:
    text = ""
    for place in places:
        text += f"[{place}]" if isinstance(place, int) else f".{place[:80]}" if text else place[:80]
    return text or "(document)"


def secrets(tree: Any, path: str = "", depth: int = 0) -> Iterable[Fault]:
    """Every place that bears a secret by its name or its shape."""
    if depth > DEPTH_MAX:
        return
    if isinstance(tree, Mapping):
        for key, value in cast("Mapping[Any, Any]", tree).items():
            name = str(key)
            # The name itself may be the secret, so a long one is not repeated.
            below = f"{path}.{name[:40]}" if path else name[:40]
            if looks_secret(name):
                yield Fault(path or "(document)", "a key has the shape of a credential")
            elif is_secret_name(name):
                yield Fault(below, "a key of this name may not be in the configuration")
            else:
                yield from secrets(value, below, depth + 1)
    elif isinstance(tree, list):
        for index, value in enumerate(cast("list[Any]", tree)):
            yield from secrets(value, f"{path}[{index}]", depth + 1)
    elif isinstance(tree, str) and looks_secret(tree):
        yield Fault(path or "(document)", "the value has the shape of a credential")


def references(document: Document, strategies: StrategyCatalogue) -> Iterable[Fault]:
    """What points to nothing, is there twice, or does not fit together."""
    for part, names in (
        ("feeds", [item.id for item in document.feeds]),
        ("accounts", [item.id for item in document.accounts]),
        ("traders", [item.id for item in document.traders]),
        ("instruments", [item.symbol for item in document.instruments]),
    ):
        for name in sorted(duplicates(names)):
            yield Fault(part, f"{name} is there twice")
    instruments = document.known_instruments()
    for index, feed in enumerate(document.feeds):
        for symbol in feed.instruments:
            if symbol not in instruments:
                yield Fault(
                    f"feeds[{index}].instruments",
                    f"{symbol} is not known; define it under instruments",
                )
        for symbol in sorted(duplicates(feed.instruments)):
            yield Fault(f"feeds[{index}].instruments", f"{symbol} is there twice")
    yield from _traders(document, strategies)


def _traders(document: Document, strategies: StrategyCatalogue) -> Iterable[Fault]:
    accounts = {account.id: account for account in document.accounts}
    feeds = {feed.id: feed for feed in document.feeds}
    instruments = document.known_instruments()
    known = set(strategies.names())
    taken: dict[tuple[str, str], str] = {}
    for index, trader in enumerate(document.traders):
        path = f"traders[{index}]"
        instrument = instruments.get(trader.instrument)
        account = accounts.get(trader.account)
        if account is None:
            yield Fault(f"{path}.account", f"there is no account {trader.account}")
        if trader.feed not in feeds:
            yield Fault(f"{path}.feed", f"there is no feed {trader.feed}")
        elif trader.instrument not in feeds[trader.feed].instruments:
            yield Fault(
                f"{path}.instrument", f"the feed {trader.feed} does not carry {trader.instrument}"
            )
        if instrument is None:
            yield Fault(f"{path}.instrument", f"there is no instrument {trader.instrument}")
        elif account is not None and account.currency != instrument.currency:
            yield Fault(
                f"{path}.instrument",
                f"{trader.instrument} is priced in {instrument.currency}, the account "
                f"{account.id} holds {account.currency}",
            )
        if trader.strategy not in known:
            yield Fault(f"{path}.strategy", f"there is no strategy {trader.strategy}")
        else:
            for fault in strategies.faults(trader.strategy, trader.params):
                yield Fault(f"{path}.{fault.path}", fault.reason)
        key = (trader.account, trader.instrument)
        if key in taken:
            yield Fault(
                path,
                f"{taken[key]} trades {trader.instrument} on {trader.account} already; one "
                "trader per account and instrument",
            )
        taken.setdefault(key, trader.id)
