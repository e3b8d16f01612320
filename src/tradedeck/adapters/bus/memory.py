"""The bus without a server, for tests and the simulation: same promises, same failures."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tradedeck.adapters.bus.types import (
    BusState,
    Handler,
    Message,
    StateListener,
    answer,
    encode,
    failure,
)
from tradedeck.kernel.errors import Code, TradedeckError


class MemoryHub:
    """What a server is to real buses. `up = False` plays its death."""

    def __init__(self) -> None:
        self.up = True
        self.services: list[tuple[str, Handler, asyncio.Semaphore]] = []
        self.buses: list[MemoryBus] = []

    def connect(self) -> MemoryBus:
        """A new connection."""
        bus = MemoryBus(self)
        self.buses.append(bus)
        return bus

    def set_up(self, *, up: bool) -> None:
        """Let the server die or come back."""
        self.up = up
        for bus in self.buses:
            bus.tell(BusState.CONNECTED if up else BusState.DISCONNECTED)

    def matching(self, subject: str) -> list[tuple[str, Handler, asyncio.Semaphore]]:
        """The services that listen on `subject`."""
        return [service for service in self.services if matches(service[0], subject)]


class MemoryBus:
    """`tradedeck.adapters.bus.types.Bus` inside one event loop."""

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub
        self._listeners: list[StateListener] = []
        self._state = BusState.CONNECTED
        self._tasks: set[asyncio.Task[bytes | None]] = set()

    @property
    def state(self) -> BusState:
        """See `Bus.state`."""
        return self._state

    def tell(self, state: BusState) -> None:
        """Change state and tell listeners."""
        self._state = state
        for listener in self._listeners:
            listener(state)

    def on_state(self, listener: StateListener) -> None:
        """See `Bus.on_state`."""
        self._listeners.append(listener)

    async def publish(self, subject: str, payload: Any) -> bool:
        """See `Bus.publish`."""
        data = encode(payload)
        if not self._hub.up or self._state is BusState.CLOSED:
            return False
        for _, handler, slots in self._hub.matching(subject):
            task = asyncio.create_task(_run(handler, slots, Message(subject, data)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def request(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> Any:
        """See `Bus.request`."""
        return answer(await self.request_bytes(subject, payload, timeout_s=timeout_s))

    async def request_bytes(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> bytes:
        """See `Bus.request_bytes`."""
        data = encode(payload)
        services = self._hub.matching(subject)
        if not self._hub.up or not services or self._state is BusState.CLOSED:
            raise TradedeckError(Code.UNAVAILABLE, f"Nobody answers {subject}.")
        _, handler, slots = services[0]
        message = Message(subject, data, reply="_INBOX.memory")
        try:
            value = await asyncio.wait_for(_run(handler, slots, message), timeout_s)
        except TimeoutError:
            value = None
        if value is None:
            raise TradedeckError(
                Code.TIMEOUT, f"{subject} was not answered within {timeout_s:g} s."
            )
        return value

    async def serve(self, subject: str, handler: Handler, *, concurrency: int = 8) -> None:
        """See `Bus.serve`."""
        self._hub.services.append((subject, handler, asyncio.Semaphore(concurrency)))

    async def close(self) -> None:
        """See `Bus.close`."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.tell(BusState.CLOSED)


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject falls under a pattern with `*` (one token) and `>` (all that follow)."""
    wanted, given = pattern.split("."), subject.split(".")
    for index, part in enumerate(wanted):
        if part == ">":
            return len(given) > index
        if index >= len(given) or part not in ("*", given[index]):
            return False
    return len(wanted) == len(given)


async def _run(handler: Handler, slots: asyncio.Semaphore, message: Message) -> bytes | None:
    async with slots:
        try:
            value = await handler(message)
            return None if value is None else encode(value)
        except TradedeckError as error:
            return failure(error)
        except Exception:  # noqa: BLE001 - as the real one: one bad message ends nothing
            return failure(TradedeckError(Code.INTERNAL, "The other process failed."))
