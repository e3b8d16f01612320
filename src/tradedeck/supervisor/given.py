"""What the host says, read and validated, at the price of a forked child.

pydantic-settings would keep 20 MB in a process that lives as long as the installation and needs
it once. So a child reads and validates, hands over a few values, and is gone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tradedeck.kernel.errors import Code, TradedeckError


@dataclass(frozen=True, slots=True)
class Given:
    """What the supervisor needs of the settings, and the environment its children choose from."""

    home: Path
    host: str
    port: int
    runner: str
    log_file: str
    watchdog_s: float
    environment: dict[str, str]


def read(*, demo: bool) -> Given:
    """The settings of this host. Raises INVALID_SETTING as `settings.load` does.

    Args:
        demo: take the demo's own home where none is named.

    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(orjson.dumps(_load(demo=demo)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    value = orjson.loads(data or b'{"detail": "The settings could not be read."}')
    if "home" not in value:
        code = Code(value.get("code", Code.INTERNAL))
        raise TradedeckError(code, value["detail"], hint=value.get("hint", ""))
    return Given(Path(value.pop("home")), **value)


def _load(*, demo: bool) -> dict[str, Any]:
    try:
        from tradedeck import settings

        named = os.environ.get("TRADEDECK_HOME", "")
        home = Path(named) if named else settings.default_home()
        if demo and not named:
            home /= "demo"
        environ = dict(os.environ) | {"TRADEDECK_HOME": str(home.expanduser().resolve())}
        files = settings.read_env_file(Path(settings.ENV_FILE))
        files = settings.read_env_file(home / settings.ENV_FILE) | files
        known = settings.load(environ)
    except TradedeckError as error:
        return {"code": error.code, "detail": error.detail, "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - the parent says it; a child has no voice
        return {"detail": f"The settings could not be read: {type(error).__name__}: {error}"}
    return {
        "home": environ["TRADEDECK_HOME"],
        "host": known.host,
        "port": known.port,
        "runner": known.runner,
        "log_file": known.log_file_path,
        "watchdog_s": known.watchdog_s,
        "environment": files | environ,
    }
