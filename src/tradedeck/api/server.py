"""Serves the application on TCP and the acts of the host on a unix socket, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Generator
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from tradedeck.api.app import create_app
from tradedeck.api.context import Context
from tradedeck.api.host import create_host_app
from tradedeck.api.wiring import LOOPS, Loop
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.files import write_json

GRACE_S = 2  # requests end by themselves; streams end because `closing` is set
CONNECTIONS_MAX = 2_000  # beyond it the answer is 503, not a slow death
BACKLOG = 512
RESTART_AFTER_S = 1.0
log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Signals belong to the entry point: two servers share one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _server(app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # an address in the audit record is the peer's, not a claim
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=30,
            limit_concurrency=CONNECTIONS_MAX,
            backlog=BACKLOG,
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_max_queue=16,
        )
    )


def bind_tcp(host: str, port: int) -> socket.socket:
    """A listening socket. CONFLICT when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because only then asyncio sets TCP_NODELAY on what it accepts (40 ms otherwise).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise TradedeckError(
            Code.CONFLICT,
            f"The address {host}:{port} could not be taken: {error.strerror}.",
            hint="Stop what listens there, or set TRADEDECK_PORT.",
        ) from error
    return listener


def bind_unix(path: Path) -> socket.socket:
    """A listening socket of mode 0600 from its first moment; a stale one is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise TradedeckError(
            Code.STORAGE,
            f"The socket {path} could not be made: {error.strerror or error}.",
            hint="Set TRADEDECK_HOME to a shorter path (a socket's name is limited to about 100).",
        ) from error
    finally:
        os.umask(before)
    return listener


async def serve(
    context: Context, stop: asyncio.Event, *, ready: Callable[[int], None] | None = None
) -> None:
    """Serve until `stop`; `ready` is called once with the port.

    Raises:
        TradedeckError: CONFLICT, STORAGE: a socket could not be had.
    """
    settings = context.settings
    tcp = bind_tcp(settings.host, settings.port)
    unix_path = settings.run_path / "api.sock"
    unix = bind_unix(unix_path)
    port = int(tcp.getsockname()[1])
    servers = (_server(create_app(context)), _server(create_host_app(context)))
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, (tcp, unix), strict=True)
    ]
    loops = [
        asyncio.create_task(_kept(name, loop, context), name=f"loop-{name}")
        for name, loop in LOOPS.items()
    ]
    try:
        while not all(server.started for server in servers):
            if any(task.done() for task in tasks):
                break
            await asyncio.sleep(0.005)
        write_json(settings.run_path / "api.json", _address(settings.host, port))
        log.info("api serves", host=settings.host, port=port)
        if ready is not None:
            ready(port)
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    finally:
        context.closing.set()
        for server in servers:
            server.should_exit = True
        for task in loops:
            task.cancel()
        await asyncio.gather(*tasks, *loops, return_exceptions=True)
        unix_path.unlink(missing_ok=True)
        (settings.run_path / "api.json").unlink(missing_ok=True)
    for task in tasks:
        task.result()


def _address(host: str, port: int) -> dict[str, object]:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    named = f"[{shown}]" if ":" in shown else shown
    return {"url": f"http://{named}:{port}", "port": port, "pid": os.getpid()}


async def _kept(name: str, loop: Loop, context: Context) -> None:
    """Run a loop; start it again when it fails, so that one bad turn does not end it."""
    while not context.closing.is_set():
        try:
            await loop(context)
        except Exception as error:  # whatever a loop raises is logged; the loop goes on
            log.exception("loop failed and starts again", loop=name, exc_info=error)
        await asyncio.sleep(RESTART_AFTER_S)
