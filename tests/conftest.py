"""What holds for every test: no network but loopback, and the same fuzz examples each run."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Postgres

# A host's environment must not decide what a test sees: it is cleared of our variables.
OWN_PREFIXES = ("TRADEDECK_", "TRADING_", "LIVE_", "PAPER_", "BROKER_", "STRICT_LIVE", "RUNTIME_")
# Knobs given on the command line of `make soak` and `make sim`.
KEPT = {f"TRADEDECK_{what}_{knob}" for what in ("SOAK", "SIM") for knob in ("COUNT", "SEED")}

# Whatever starts the tests in the background ignores Ctrl-C for them, and every process that a test
# starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "house",
    derandomize=True,
    deadline=None,
    max_examples=50,
    database=None,
    # Two workers share two cores with browsers: slow generation is no finding.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that starts real processes and fails is run once more, and the summary names it: on a
    busy machine what it waited for may come too late. Storms and simulations are never run again.

    Files with such tests go first: they are few and long, and the last one would be waited for.
    """
    long = {item.path for item in items if item.get_closest_marker("processes")}
    items.sort(key=lambda item: item.path not in long)
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if item.get_closest_marker("processes") and "/soak/" not in item.path.as_posix():
                item.add_marker(pytest.mark.flaky(reruns=1))


class OutsideNetworkRefused(RuntimeError):
    """A test tried to reach something that is not on this machine."""


def is_loopback(address: Any) -> bool:
    """Whether a socket address stays on this machine (unix sockets do)."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0]).split("%")[0]
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_outside(address: Any) -> None:
    if not is_loopback(address):
        raise OutsideNetworkRefused(f"tests may reach loopback only, not {address!r}")


class GuardedSocket(socket.socket):
    """A socket that cannot leave the machine."""

    def connect(self, address: Any) -> None:
        refuse_outside(address)
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        refuse_outside(address)
        return super().connect_ex(address)

    def sendto(self, *arguments: Any) -> int:
        refuse_outside(arguments[-1])
        return super().sendto(*arguments)


def pytest_configure() -> None:
    for name in list(os.environ):
        if name.startswith(OWN_PREFIXES) and name not in KEPT:
            del os.environ[name]
    socket.socket = GuardedSocket  # type: ignore[misc] # the guard replaces the class itself
    real_getaddrinfo = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else (host or "")
        refuse_outside((name, 0))
        return real_getaddrinfo(host, *arguments, **keywords)

    socket.getaddrinfo = getaddrinfo


@pytest.fixture(autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> None:
    """Each test that starts something without saying where gets a home that is nobody's."""
    monkeypatch.setenv("TRADEDECK_HOME", str(tmp_path_factory.getbasetemp() / "no-home"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # Not in pytest's own folder, which other runs of this machine clear.
    with tempfile.TemporaryDirectory(prefix="tradedeck-pg-") as folder:
        server = Postgres(Path(folder))
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """What `open_store` is given: each back end in turn, empty but for its tables."""
    if request.param == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    address = server.migrated()
    yield address
    server.drop(address)
