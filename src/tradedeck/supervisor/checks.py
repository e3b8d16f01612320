"""Checks that need the programs, the configuration and what is running.

Heavy imports happen inside the check that needs them: a broken part must not hide the others.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import orjson

from tradedeck import __version__
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops.child import ask_supervisor
from tradedeck.ops.files import read_json
from tradedeck.ops.hostact import call
from tradedeck.ops.verify import FINDINGS_SHOWN_MAX, Failed, Skipped

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parents[1]
PYTHON_LEAST = (3, 11)
SQLITE_FIXED = (3, 51, 3)  # the fix of the WAL-reset race
SETUP = "Run `make setup` in the checkout, or install the package again."
PAGES = ("README.md", "docs/operating/first-hour.md", "docs/reference/cli.md")
HTTP_TIMEOUT_S = 5.0
SELF_TEST = (
    "--strategy", "ema-cross", "--param", "fast=10", "--param", "slow=20",
    "--data", "bundled:us-daily", "--instrument", "IBM",
)  # fmt: skip
SELF_TEST_EXPECTED = {
    "bars": 3270,
    "orders": 253,
    "fills": 253,
    "final_balance": "138807.38",
    "final_equity": "139177.82",
    "fees": "4592.20",
}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)([^\n]*)", re.MULTILINE)


def python(_: Path) -> str:
    """The interpreter is new enough and its own environment."""
    if sys.version_info < PYTHON_LEAST:
        least = ".".join(str(part) for part in PYTHON_LEAST)
        raise Failed(f"Python {sys.version.split()[0]} is older than {least}.", SETUP)
    if sys.prefix == sys.base_prefix and (CHECKOUT / "pyproject.toml").is_file():
        raise Failed(f"{sys.executable} is the system's Python, not this checkout's own.", SETUP)
    return f"Python {sys.version.split()[0]}, Tradedeck {__version__}"


def dependencies(_: Path) -> str:
    """Everything that is required is there; in a checkout, in the pinned versions."""
    pins = _pins()
    names = list(pins) or _required()
    missing: list[str] = []
    other: list[str] = []
    for name in names:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            if not pins.get(name, ("", False))[1]:
                missing.append(name)
            continue
        if name in pins and version != pins[name][0]:
            other.append(f"{name} {version} instead of {pins[name][0]}")
    if missing:
        raise Failed(f"Not installed: {_some(missing)}.", SETUP)
    if other:
        raise Failed(f"Other versions than pinned: {_some(other)}.", SETUP)
    return f"{len(names)} packages" + (", all as pinned" if pins else "")


def modules(_: Path) -> str:
    """Every module of ours can be imported."""
    code = (
        "import importlib, json, pkgutil, sys, tradedeck\n"
        "bad = {}; n = 0\n"
        "found = pkgutil.walk_packages(tradedeck.__path__, 'tradedeck.', onerror=lambda x: None)\n"
        "for m in found:\n"
        "    if m.name.endswith('__main__') or '.migrations' in m.name: continue\n"
        "    n += 1\n"
        "    try: importlib.import_module(m.name)\n"
        "    except BaseException as e: bad[m.name] = f'{type(e).__name__}: {e}'\n"
        "print(json.dumps([n, bad]))\n"
    )
    done = _python(code)
    if done.returncode:
        raise Failed(f"The import of tradedeck failed: {_last(done.stderr)}.", SETUP)
    count, bad = orjson.loads(done.stdout.splitlines()[-1])
    if bad:
        told = [f"{name} ({reason})" for name, reason in bad.items()]
        raise Failed(f"Cannot be imported: {_some(told)}.", SETUP)
    return f"{count} modules"


def sqlite(_: Path) -> str:
    """The journals' SQLite has the fix of the WAL-reset race."""
    import sqlite3

    # The library itself, whatever its package says of it.
    done = _python("import apsw; print(apsw.sqlite_lib_version())")
    if done.returncode:
        raise Failed(f"apsw cannot be imported: {_last(done.stderr)}.", SETUP)
    version = done.stdout.strip()
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers < SQLITE_FIXED:
        raise Failed(f"apsw brings SQLite {version}, which can corrupt a journal.", SETUP)
    return f"journals {version}, store {sqlite3.sqlite_version} (one writer, one checkpointer)"


def nats(home: Path) -> str:
    """The message server's program runs, and takes the home's configuration."""
    from tradedeck.adapters.bus.server import binary

    program = binary()
    try:
        version = _run([program, "--version"]).stdout.strip()
    except OSError as error:
        raise Failed(f"{program} does not run: {error.strerror}.", SETUP) from error
    config = home / "run" / "nats.conf"
    if config.is_file():
        tested = _run([program, "-t", "-c", str(config)])
        if tested.returncode:
            raise Failed(
                f"{config} is not valid: {_last(tested.stderr)}.",
                "Remove it; `tradedeck up` writes it again.",
            )
    if "nats-server" not in version:
        raise Failed(f"{program} is not nats-server: {version[:60]!r}.", SETUP)
    return version


def settings_valid(_: Path) -> str:
    """The environment and .env can be understood."""
    from tradedeck import settings

    known = settings.load()
    return f"port {known.port} on {known.host}, runner {known.runner}"


def config_valid(home: Path) -> str:
    """The runner's file, and the copy it would boot from, are valid documents."""
    from tradedeck.desired import parse, rules
    from tradedeck.strategies.registry import BUILTIN

    class Known:
        """Built-in strategies are checked by name; a user's own are known to their host alone."""

        def names(self) -> list[str]:
            return [*BUILTIN, *own]

        def faults(self, strategy: str, params: Any) -> list[Any]:
            return []

    told: list[str] = []
    own: list[str] = []
    for name in ("config.yaml", "config.yaml.bak"):
        path = home / name
        if path.is_file():
            tree = parse.parse(path.read_bytes())
            own = [str(t.get("strategy")) for t in _traders(tree)]
            document = rules.read(tree, Known())
            told.append(f"{name}: {len(document.traders)} traders")
    if not told:
        raise Skipped("There is no configuration yet; the first start makes it.")
    return ", ".join(told)


def signals_only(home: Path) -> str:
    """Without an arming environment nothing can execute, and no broker is ever imported."""
    from tradedeck.execution.arming import Mode, ceiling_mode

    if ceiling_mode({}) is not Mode.SIGNALS:
        raise Failed("An empty environment would allow more than signals.", SETUP)
    code = (
        "import importlib, importlib.util, sys\n"
        "name = 'tradedeck.runner.wiring'\n"
        "if importlib.util.find_spec('tradedeck.runner') and importlib.util.find_spec(name):\n"
        "    importlib.import_module(name)\n"
        "found = [m for m in sys.modules if m.startswith('tradedeck.adapters.brokers.')]\n"
        "print(' '.join(found))\n"
    )
    done = _python(code)
    if done.returncode:
        raise Failed(f"The runner cannot be imported: {_last(done.stderr)}.", SETUP)
    if done.stdout.strip():
        raise Failed(f"The runner imports brokers by itself: {done.stdout.strip()}.", SETUP)
    status = _status(home)
    if status is None:
        return "an empty environment gives signals; no broker is imported"
    if status["mode"] == "signals" and status["execution_capable_accounts"]:
        raise Failed("The mode is signals, yet an account can execute.", "Stop it and report this.")
    return f"running in mode {status['mode']}"


def audit_chain(home: Path) -> str:
    """The audit record holds: its chain, the tree over it and the signed checkpoint."""
    path = home / "store" / "tradedeck.db"
    if not path.is_file() and not _store_url(home):
        raise Skipped("There is no store yet.")
    if _url(home):
        answer = _get(home, "/api/v1/audit/verify", role="risk")
        found, count, detail = answer["ok"], answer["records"], answer["detail"]
    else:
        found, count, detail = _audit_of_file(home)
    if not found:
        raise Failed(detail, "Stop Tradedeck, keep the file as evidence, and restore a backup.")
    return f"{count} records"


def processes(home: Path) -> str:
    """What was started is running."""
    if not (home / "run" / "supervisor.sock").exists():
        raise Skipped("Tradedeck is not running on this home.")
    found = ask_supervisor(home, "status")["processes"]
    down = [
        f"{process['name']} is {process['state']} ({process['detail']})"
        for process in found
        if process["state"] not in ("running", "idle")
    ]
    if down:
        raise Failed(f"{_some(down)}.", "Look at `tradedeck logs`, then `tradedeck restart NAME`.")
    return ", ".join(f"{process['name']} {process['state']}" for process in found)


# That it lives, and by which ways one may sign in.
FOR_ANYBODY = frozenset({"/health", "/api/v1/sessions/ways"})


def endpoints(home: Path) -> str:
    """The api answers, and answers nobody who has not signed in."""
    import httpx

    url = _url(home)
    if url is None:
        raise Skipped("Tradedeck is not running on this home.")
    with httpx.Client(base_url=url, timeout=HTTP_TIMEOUT_S, trust_env=False) as web:
        try:
            if web.get("/health").status_code != 200:
                raise Failed("/health does not answer 200.", "Look at `tradedeck logs`.")
            document = _get(home, "/api/v1/openapi.json", role="viewer")
            paths = [p for p, acts in document["paths"].items() if "get" in acts and "{" not in p]
            guarded = [p for p in paths if p not in FOR_ANYBODY]
            leaks = [p for p in guarded if web.get(p).status_code != 401]
        except httpx.TransportError as error:
            raise Failed(
                f"The api at {url} does not answer: {type(error).__name__}.",
                "Look at `tradedeck processes` and `tradedeck logs`.",
            ) from error
    if leaks:
        raise Failed(f"Answers the anonymous: {_some(leaks)}.", "Stop it and report this.")
    status = _get(home, "/api/v1/status", role="viewer")
    missing = [name for name in ("mode", "data_mode", "traders", "feeds") if name not in status]
    if missing:
        raise Failed(f"The status lacks {', '.join(missing)}.", SETUP)
    return f"{len(guarded)} readings refuse the anonymous; mode {status['mode']}"


def dashboard(home: Path) -> str:
    """The cockpit is built whole, and served when something serves."""
    import httpx

    static = PACKAGE / "api" / "static"
    index = static / "index.html"
    if not index.is_file():
        raise Failed("The cockpit is not built.", SETUP)
    named = re.findall(r'(?:src|href)="/?([^"#?]+\.(?:js|css))"', index.read_text("utf-8"))
    missing = [name for name in named if not (static / name).is_file()]
    if missing or not named:
        raise Failed(f"Files of the cockpit are missing: {_some(missing) or 'all'}.", SETUP)
    url = _url(home)
    if url is None:
        return f"built, {len(named)} first files"
    answer = httpx.get(f"{url}/sign-in", timeout=HTTP_TIMEOUT_S, trust_env=False)
    if answer.status_code != 200 or "<script" not in answer.text:
        raise Failed(
            f"/sign-in answered {answer.status_code} without the cockpit.",
            "Start Tradedeck again: it reads the cockpit once, at its start.",
        )
    return f"built and served, {len(named)} first files"


def documentation(_: Path) -> str:
    """The documents that people are sent to exist."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        raise Skipped("Installed without a checkout; the documents are in the repository.")
    missing = [name for name in PAGES if not (CHECKOUT / name).is_file()]
    if missing:
        raise Failed(f"Missing: {', '.join(missing)}.", "Restore them: `git checkout -- docs`.")
    return f"{sum(1 for _ in (CHECKOUT / 'docs').rglob('*.md'))} pages"


def self_test(_: Path) -> str:
    """A backtest on the bundled prices gives, to the cent, what it always gave."""
    done = _run([sys.executable, "-m", "tradedeck.worker.backtest", *SELF_TEST, "--json"])
    if done.returncode:
        raise Failed(f"The self-test did not run: {_last(done.stderr)}.", SETUP)
    answer = orjson.loads(done.stdout)
    found = {name: answer[name] for name in SELF_TEST_EXPECTED}
    if found != SELF_TEST_EXPECTED:
        raise Failed(
            f"The self-test gave {found}, expected {SELF_TEST_EXPECTED}.",
            "The program or the bundled prices were changed; do not trade with it.",
        )
    return f"{found['bars']} bars, {found['fills']} fills, balance {found['final_balance']}"


def _pins() -> dict[str, tuple[str, bool]]:
    """Package → (version, whether it is for some platforms or interpreters only)."""
    path = CHECKOUT / "requirements" / "runtime.txt"
    if not path.is_file():
        return {}
    return {m[1]: (m[2], ";" in m[3]) for m in _PIN.finditer(path.read_text("utf-8"))}


def _traders(tree: Any) -> list[dict[str, Any]]:
    fields = cast("dict[str, Any]", tree) if isinstance(tree, dict) else {}
    found: list[Any] = fields.get("traders") or []
    return [trader for trader in found if isinstance(trader, dict)]


def _required() -> list[str]:
    try:
        listed = metadata.requires("tradedeck") or []
    except metadata.PackageNotFoundError:
        raise Failed("The package tradedeck is not installed.", SETUP) from None
    return [re.split(r"[ ;<>=!\[]", line)[0] for line in listed if "extra ==" not in line]


def _store_url(home: Path) -> str:
    import os

    from tradedeck import settings

    return settings.load({**os.environ, "TRADEDECK_HOME": str(home)}).store_url


def _audit_of_file(home: Path) -> tuple[bool, int, str]:
    """The log of a store that nobody has open, read without changing it."""
    from tradedeck.audit.tree import View, read_key
    from tradedeck.audit.verify import verify
    from tradedeck.store.offline import reading
    from tradedeck.store.scope import Door

    key = home / "keys" / "audit.key"
    try:
        # A home of a version without a tree has neither; its table is checked alone.
        view = View(home / "audit", read_key(key).verifier) if key.exists() else None
        with reading(home / "store" / "tradedeck.db", _store_url(home), Door.AUDIT) as session:
            verdict = verify(session, view)
    except TradedeckError as error:
        raise Failed(error.detail, error.hint) from error
    return verdict.ok, verdict.records, verdict.detail


def _url(home: Path) -> str | None:
    where = read_json(home / "run" / "api.json")
    if where is None:
        return None
    address = str(where["url"]).rpartition("//")[2]
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return None  # left behind by a crash
    return str(where["url"])


def _status(home: Path) -> dict[str, Any] | None:
    return None if _url(home) is None else _get(home, "/api/v1/status", role="viewer")


def _get(home: Path, path: str, *, role: str) -> Any:
    import httpx

    issued = call(home, "/host/tokens", {"name": "verify", "role": role, "days": 0.01})
    headers = {"authorization": f"Bearer {issued['token']}"}
    answer = httpx.get(
        f"{_url(home)}{path}", headers=headers, timeout=HTTP_TIMEOUT_S, trust_env=False
    )
    if answer.status_code != 200:
        raise Failed(f"{path} answered {answer.status_code}.", "Look at `tradedeck logs`.")
    return answer.json()


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "-c", code])


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"


def _some(found: list[str]) -> str:
    def parts() -> Iterator[str]:
        yield from found[:FINDINGS_SHOWN_MAX]
        if len(found) > FINDINGS_SHOWN_MAX:
            yield f"{len(found) - FINDINGS_SHOWN_MAX} more"

    return ", ".join(parts())
