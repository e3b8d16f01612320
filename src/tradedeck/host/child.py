"""One strategy in its own process: reads requests, calls the strategy, answers.

Request {"op", "id", …} → answer {"id", "wishes", "memory", "inputs"} or {"id", "error", …}. The
memory is sent only when it changed, so that it can be committed with the bar that changed it.
"""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tradedeck.host import sandbox
from tradedeck.kernel import canonical
from tradedeck.kernel.canonical import decimal_text
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.frames import Unpacker, pack
from tradedeck.kernel.redaction import redact_text
from tradedeck.strategies import memory
from tradedeck.strategies.interface import Context, Strategy, Wishes, build_params
from tradedeck.trading.fill import Fill
from tradedeck.trading.market import Bar
from tradedeck.trading.signal import CancelRequest, OrderRequest, Signal

_ERROR_CHARS_MAX = 4_000
WISHES_MAX = 100  # one callback; a strategy that wants more floods


def serve(
    connection: socket.socket,
    strategies: dict[str, type[Strategy]],
    spec: dict[str, Any],
    readable: Sequence[str] = (),
) -> None:
    """Run until the runner closes the connection; never returns to the zygote's code."""
    sandbox.die_with_parent()
    missing = sandbox.apply(int(spec["memory_bytes_max"]), readable)
    host = _Host(strategies)
    unpacker = Unpacker()
    connection.sendall(pack({"id": 0, "ready": True, "pid": os.getpid(), "unenforced": missing}))
    while data := connection.recv(256 * 1024):
        for request in unpacker.feed(data):
            connection.sendall(host.answer(request))


class _Host:
    def __init__(self, strategies: dict[str, type[Strategy]]) -> None:
        self._strategies = strategies
        self._strategy: Strategy | None = None
        self._kept = b""

    def answer(self, request: dict[str, Any]) -> bytes:
        """Carry out one request; whatever the strategy raises becomes an answer."""
        try:
            reply = self._handle(request)
            reply["id"] = request["id"]
            return pack(reply)
        except BaseException as error:  # noqa: BLE001 - users' code: anything, and it is named
            return pack(
                {
                    "id": request["id"],
                    "error": _words(error),
                    "kind": "memory" if isinstance(error, MemoryError) else "exception",
                }
            )

    def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request["op"]
        if operation == "load":
            return self._load(request)
        strategy = self._strategy
        assert strategy is not None, "load comes first"
        context = request.get("context")
        if context is not None:
            strategy.context = Context(*context)
        if operation == "bar":
            wishes = strategy.on_bar(Bar(*request["bar"]))
        elif operation == "fill":
            wishes = strategy.on_fill(Fill.from_body(request["fill"]))
        elif operation == "preview":
            return self._preview(strategy, request)
        else:
            strategy.on_stop()
            wishes = None
        return {
            "wishes": _plain(wishes),
            "memory": self._changed(strategy),
            "inputs": _numbers(strategy),
        }

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        cls = self._strategies.get(request["strategy"])
        if cls is None:
            return {
                "error": f"there is no strategy {request['strategy']!r} on this host",
                "kind": "exception",
            }
        params = build_params(cls, request["params"])
        self._strategy = cls(params, memory.load(cls, request.get("memory"), params))
        self._strategy.on_start()
        self._kept = b""
        return {
            "memory": self._changed(self._strategy),
            "inputs": _numbers(self._strategy),
            "fills": cls.on_fill is not Strategy.on_fill,
        }

    def _preview(self, strategy: Strategy, request: dict[str, Any]) -> dict[str, Any]:
        """What it would do on this bar, with a copy of its memory: nothing is kept."""
        cls = type(strategy)
        kept = canonical.decode(canonical.encode(memory.dump(strategy.memory)))
        twin = cls(strategy.params, memory.load(cls, kept, strategy.params))
        twin.context = strategy.context
        twin.on_start()
        wishes = twin.on_bar(Bar(*request["bar"]))
        return {"wishes": _plain(wishes), "memory": None, "inputs": _numbers(twin)}

    def _changed(self, strategy: Strategy) -> dict[str, Any] | None:
        """The memory, when it is not what was sent last."""
        plain = memory.dump(strategy.memory)
        data = canonical.encode(plain)
        if data == self._kept:
            return None
        self._kept = data
        return plain


def _numbers(strategy: Strategy) -> dict[str, float]:
    return {
        str(name): float(value)
        for name, value in strategy.inputs().items()
        if isinstance(value, int | float) and abs(value) < float("inf")
    }


def _plain(wishes: Wishes) -> list[dict[str, Any]]:
    if wishes is None:
        return []
    batch = wishes if isinstance(wishes, list | tuple) else [wishes]
    if len(batch) > WISHES_MAX:
        msg = f"one callback returned {len(batch)} wishes; at most {WISHES_MAX}"
        raise ValueError(msg)
    return [_wish(item) for item in batch]


def _wish(wish: Any) -> dict[str, Any]:
    if isinstance(wish, Signal):
        if not abs(wish.target) <= 1:
            msg = f"a signal's target was {wish.target}, it must be from -1 to 1"
            raise ValueError(msg)
        if wish.stop is not None and not 0 <= wish.stop < float("inf"):
            msg = f"a signal's stop was {wish.stop}, it must be a price"
            raise ValueError(msg)
        return {"target": float(wish.target), "reason": str(wish.reason)[:200], "stop": wish.stop}
    if isinstance(wish, CancelRequest):
        return {"cancel": wish.order, "reason": str(wish.reason)[:200]}
    if isinstance(wish, OrderRequest):
        return {
            "side": wish.side.value,
            "type": wish.type.value,
            "tif": wish.tif.value,
            "quantity": decimal_text(Decimal(wish.quantity)),
            "limit_price": _text(wish.limit_price),
            "stop_price": _text(wish.stop_price),
            "reduce_only": bool(wish.reduce_only),
            "reason": str(wish.reason)[:200],
        }
    msg = f"a callback returned {type(wish).__name__}; return Signal, OrderRequest or None"
    raise TypeError(msg)


def _text(value: Any) -> str | None:
    return None if value is None else decimal_text(Decimal(value))


def _words(error: BaseException) -> str:
    if isinstance(error, TradedeckError):
        return "; ".join([error.detail, *(repr(fault) for fault in error.faults)])
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return redact_text("".join(lines))[-_ERROR_CHARS_MAX:]
