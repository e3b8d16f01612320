"""The bus on nats-server: one connection, kept for ever.

Owns connecting, reconnecting with jitter, bounded serving and the mapping of failures to
`TradedeckError`. It never trusts a message: permissions of the server are a first fence only,
because a reply subject can name any subject; hence answers go to inboxes alone, messages of the
server itself (a status header) are dropped, and every act needs a verified envelope.

nats-py's own reconnect is not used: it gives up for good on one authorisation error, and it does
not read the address again. Here every loss opens a fresh client from the files of the home.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nats.errors
from nats.aio.client import Client

from tradedeck.adapters.bus.types import (
    BusState,
    ErrorListener,
    Handler,
    Message,
    StateListener,
    answer,
    encode,
    failure,
)
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.files import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from nats.aio.msg import Msg

PING_INTERVAL_S = 1  # with 2 outstanding: a frozen server is noticed after 3 s
PINGS_OUTSTANDING_MAX = 2
CONNECT_TIMEOUT_S = 2
RETRY_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)  # then the last for ever; up to half is added as jitter
PENDING_MESSAGES_MAX = 1024
INBOX = "_INBOX."


@dataclass(frozen=True, slots=True)
class Address:
    """Where and as whom to connect."""

    url: str
    user: str
    password: str = field(repr=False)


@dataclass(slots=True)
class _Service:
    subject: str
    handler: Handler
    slots: asyncio.Semaphore
    ordered: bool


def home_address(home: Path, user: str) -> Address:
    """The address that `up` left in the home. UNAVAILABLE where there is none yet."""
    where = read_json(home / "run" / "nats.json")
    who = read_json(home / "keys" / "nats" / f"{user}.json")
    if where is None or who is None:
        raise TradedeckError(
            Code.UNAVAILABLE,
            f"The home {home} has no message server yet.",
            hint="Start it with `tradedeck up`.",
        )
    return Address(where["url"], who["user"], who["password"])


class NatsBus:
    """`tradedeck.adapters.bus.types.Bus` on nats-server."""

    def __init__(self, address: Callable[[], Address], *, name: str) -> None:
        self._address = address
        self._name = name
        self._client: Client | None = None
        self._lost: asyncio.Future[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._state = BusState.CONNECTING
        self._services: list[_Service] = []
        self._running: set[asyncio.Task[None]] = set()
        self._listeners: list[StateListener] = []
        self._error_listeners: list[ErrorListener] = []
        self._tries = 0

    @classmethod
    def of_home(cls, home: Path, user: str) -> NatsBus:
        """The connection of `user` (api, runner, guard, exchange, worker) to the home's server."""
        return cls(lambda: home_address(home, user), name=user)

    @property
    def state(self) -> BusState:
        """See `Bus.state`."""
        return self._state

    def on_state(self, listener: StateListener) -> None:
        """See `Bus.on_state`."""
        self._listeners.append(listener)

    def on_error(self, listener: ErrorListener) -> None:
        """Be told of denied subjects, malformed messages and handlers that raised."""
        self._error_listeners.append(listener)

    async def start(self, *, wait_s: float = 0) -> None:
        """Begin connecting; with `wait_s` wait for it and raise UNAVAILABLE when it fails."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=f"bus-{self._name}")
        if wait_s <= 0:
            return
        try:
            await asyncio.wait_for(self._connected.wait(), wait_s)
        except TimeoutError as error:
            raise TradedeckError(
                Code.UNAVAILABLE,
                f"The message server did not answer within {wait_s:g} s.",
                hint="Look at logs/supervisor.jsonl, or start it with `tradedeck up`.",
            ) from error

    async def publish(self, subject: str, payload: Any) -> bool:
        """See `Bus.publish`. Nothing is buffered while disconnected: hints would only be old."""
        data = encode(payload)
        client = self._client
        if client is None or not client.is_connected:
            return False
        try:
            await client.publish(subject, data)
        except nats.errors.Error as error:
            self._report("PUBLISH_FAILED", f"{subject}: {error}")
            return False
        return True

    async def request(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> Any:
        """See `Bus.request`."""
        return answer(await self.request_bytes(subject, payload, timeout_s=timeout_s))

    async def request_bytes(self, subject: str, payload: Any, *, timeout_s: float = 2.0) -> bytes:
        """See `Bus.request_bytes`. A lost connection ends it at once: the outcome is unknown."""
        data = encode(payload)
        client, lost = self._client, self._lost
        if client is None or lost is None or not client.is_connected:
            raise _unavailable("There is no connection to the message server.")
        asked = asyncio.ensure_future(client.request(subject, data, timeout=timeout_s))
        try:
            await asyncio.wait({asked, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise _unavailable(f"The connection was lost while {subject} was asked.")
            return (await asked).data
        except nats.errors.NoRespondersError as error:
            raise _unavailable(f"Nobody answers {subject}.") from error
        except nats.errors.TimeoutError as error:
            raise TradedeckError(
                Code.TIMEOUT, f"{subject} was not answered within {timeout_s:g} s."
            ) from error
        except nats.errors.Error as error:
            raise _unavailable(f"{subject} could not be asked: {error}.") from error
        finally:
            asked.cancel()

    async def serve(self, subject: str, handler: Handler, *, concurrency: int = 8) -> None:
        """See `Bus.serve`. Lasts over reconnects."""
        service = _Service(subject, handler, asyncio.Semaphore(concurrency), concurrency == 1)
        self._services.append(service)
        if self._client is not None and self._client.is_connected:
            await self._subscribe(self._client, service)

    async def close(self) -> None:
        """See `Bus.close`."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._running:
            await asyncio.wait(self._running, timeout=1)
        for task in list(self._running):
            task.cancel()
        await self._drop()
        self._become(BusState.CLOSED)

    async def _keep(self) -> None:
        while True:
            lost = asyncio.get_running_loop().create_future()
            try:
                await self._open(lost)
            except (OSError, nats.errors.Error, TradedeckError, TimeoutError) as error:
                self._report("CONNECT_FAILED", str(error) or type(error).__name__)
            else:
                self._tries = 0
                await self._loss(lost)
            await self._drop()
            self._become(BusState.DISCONNECTED)
            wait_s = RETRY_S[min(self._tries, len(RETRY_S) - 1)]
            self._tries += 1
            jitter = 1 + random.random() / 2  # noqa: S311 - it keeps nothing secret
            await asyncio.sleep(wait_s * jitter)

    async def _loss(self, lost: asyncio.Future[None]) -> None:
        """Until the connection is gone, whether nats-py tells or not.

        One that the server gave up while we were frozen is reset under nats-py's last flush, which
        raises in the midst of its closing: the client is closed then, and nobody was told.
        """
        client = self._client
        while client is not None and client.is_connected and not lost.done():
            await asyncio.wait({lost}, timeout=PING_INTERVAL_S)

    async def _open(self, lost: asyncio.Future[None]) -> None:
        address = self._address()
        client = Client()

        async def closed() -> None:
            if not lost.done():
                lost.set_result(None)

        async def failed(error: Exception) -> None:
            self._report("BUS_ERROR", str(error) or type(error).__name__)

        self._client, self._lost = client, lost
        await client.connect(
            address.url,
            name=self._name,
            user=address.user,
            password=address.password,
            allow_reconnect=False,
            connect_timeout=CONNECT_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=PINGS_OUTSTANDING_MAX,
            inbox_prefix=f"{INBOX}{address.user}",
            closed_cb=closed,
            error_cb=failed,
        )
        for service in self._services:
            await self._subscribe(client, service)
        self._become(BusState.CONNECTED)

    async def _drop(self) -> None:
        client, lost = self._client, self._lost
        self._client = None
        if lost is not None and not lost.done():
            lost.set_result(None)
        if client is not None and not client.is_closed:
            with contextlib.suppress(nats.errors.Error, OSError):  # it is being thrown away
                await client.close()

    async def _subscribe(self, client: Client, service: _Service) -> None:
        async def arrived(msg: Msg) -> None:
            if msg.headers:  # a status of the server, sent to a reply subject somebody chose
                self._report("STATUS_DROPPED", f"{msg.subject}: a message of the server itself")
                return
            message = Message(msg.subject, msg.data, msg.reply)
            if service.ordered:
                await self._handle(client, service, message)
                return
            await service.slots.acquire()
            task = asyncio.create_task(self._handle(client, service, message))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: service.slots.release())

        await client.subscribe(  # pyright: ignore[reportUnknownMemberType] - a bare Future in it
            service.subject, cb=arrived, pending_msgs_limit=PENDING_MESSAGES_MAX
        )

    async def _handle(self, client: Client, service: _Service, message: Message) -> None:
        try:
            value = await service.handler(message)
            data = None if value is None else encode(value)
        except TradedeckError as error:
            data = failure(error)
            self._report(error.code, f"{message.subject}: {error.detail}")
        except Exception as error:  # noqa: BLE001 - one bad message must not end the service
            data = failure(TradedeckError(Code.INTERNAL, "The other process failed."))
            self._report("HANDLER_FAILED", f"{message.subject}: {type(error).__name__}: {error}")
        if not message.reply or data is None:
            return
        if not message.reply.startswith(INBOX):
            self._report("REPLY_REFUSED", f"{message.subject}: the answer was asked elsewhere")
            return
        with contextlib.suppress(nats.errors.Error):  # the asker sees a timeout and asks again
            await client.publish(message.reply, data)

    def _become(self, state: BusState) -> None:
        if state is BusState.CONNECTED:
            self._connected.set()
        else:
            self._connected.clear()
        if state is self._state:
            return
        self._state = state
        for listener in self._listeners:
            listener(state)

    def _report(self, code: str, detail: str) -> None:
        for listener in self._error_listeners:
            listener(code, detail)


def _unavailable(detail: str) -> TradedeckError:
    return TradedeckError(
        Code.UNAVAILABLE, detail, hint="It is tried again; look at the process that should answer."
    )
