"""Whether a port is free, and who has it when it is not."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from tradedeck.kernel.errors import Code, TradedeckError


def claim(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises UNAVAILABLE, naming who listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise TradedeckError(
                Code.UNAVAILABLE,
                f"Port {port} may be used by the administrator only.",
                hint="Set TRADEDECK_PORT to a number above 1023.",
            ) from error
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == 99:
                raise TradedeckError(
                    Code.INVALID_SETTING,
                    f"{host} is not an address of this machine.",
                    hint="Set TRADEDECK_HOST to 127.0.0.1 or to an address it has.",
                ) from error
            raise TradedeckError(
                Code.UNAVAILABLE,
                f"Port {port} is taken by {owner(port)}.",
                hint="End that program, or set TRADEDECK_PORT to another number (0 takes any).",
            ) from error
        return int(probe.getsockname()[1])


def owner(port: int) -> str:
    """Who listens on `port`, as far as this user may see."""
    inodes = _listening(port)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (folder / "fd").iterdir():
                target = os.readlink(descriptor)  # noqa: PTH115 - a socket is no path
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    name = b" ".join(words).decode("utf-8", "replace").strip()[:80]
                    return f"`{name}` (pid {folder.name})"
    return "another program"


def _listening(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for row in Path(table).read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    found.add(fields[9])
    return found
