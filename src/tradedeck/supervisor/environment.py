"""What each process may know: its own variables and nothing else.

The api never sees what arms trading, nats sees nothing of ours, and a variable that nobody listed
(a broker's key in the shell, say) reaches no process.
"""

from __future__ import annotations

from collections.abc import Mapping

# What any program needs to run at all.
_COMMON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONWARNINGS",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
)
_OURS = ("TRADEDECK_HOME", "TRADEDECK_RUNNER", "LOG_FILE_PATH")
_ARMING = ("TRADING_MODE", "PAPER_EXECUTION_ENABLED")
_FEEDS = (
    "STRICT_LIVE_MODE",
    "BROKER_NETWORK",
    "RUNTIME_DATA_MODE",
    "LIVE_FILE_REFRESH_MS",
    "LIVE_FILE_STALE_MS",
)
ALLOWED: dict[str, tuple[str, ...]] = {
    "nats": (),
    "api": (
        *_OURS,
        "TRADEDECK_HOST",
        "TRADEDECK_PORT",
        "TRADEDECK_STORE_URL",
        "TRADEDECK_AUDIT_WITNESSES",
        "TRADEDECK_LOOSENING_WAIT_S",
        "TRADEDECK_SESSION_HOURS",
        "TRADEDECK_SESSION_IDLE_MINUTES",
        "TRADEDECK_CONTROL_PER_MINUTE",
        "TRADEDECK_SIGN_IN_PER_MINUTE",
        "TRADEDECK_READS_PER_MINUTE",
        "TRADEDECK_ORIGIN",
        "TRADEDECK_STEP_UP_MINUTES",
        "TRADEDECK_MFA_ROLES",
        "TRADEDECK_OIDC_ISSUER",
        "TRADEDECK_OIDC_CLIENT_ID",
        "TRADEDECK_OIDC_CLIENT_SECRET",
        "TRADEDECK_OIDC_NAME",
    ),
    "exchange": (*_OURS, *_ARMING),
    "guard": (
        *_OURS,
        *_ARMING,
        "TRADEDECK_GUARD_ON_SILENCE",
        "TRADEDECK_GUARD_CANCEL_AFTER_S",
        "TRADEDECK_GUARD_FLATTEN_AFTER_S",
        "TRADEDECK_GUARD_NOTIFY",
        "TRADEDECK_GUARD_NOTIFY_COMMAND",
        "TRADEDECK_LIFT_WAIT_S",
        "TRADEDECK_DRILL_EVERY_H",
    ),
    "runner": (
        *_OURS,
        *_ARMING,
        *_FEEDS,
        "LIVE_TRADING",
        "LIVE_TRADING_CONFIRM",
        "MAX_ITERATIONS",
        "TRADEDECK_STRATEGIES",
        "TRADEDECK_CALLBACK_DEADLINE_MS",
        "TRADEDECK_STRATEGY_MEMORY_MB",
        "TRADEDECK_CPU_LATENCY_US",
        "TRADEDECK_GUARD",
        "TRADEDECK_GUARD_SILENT_S",
    ),
    "worker": (*_OURS, "TRADEDECK_STRATEGIES"),
}
_PREFIXES = {"runner": ("LIVE_FRAMES_PATH_",)}
_FIXED = {
    # One thread per linear algebra call: these are services, not batch jobs.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # glibc otherwise keeps a heap per thread; measured at 5 to 15 MB per process.
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
}


def of(process: str, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of `process` out of what the supervisor was given."""
    names = (*_COMMON, *ALLOWED[process])
    kept = {name: given[name] for name in names if name in given}
    for prefix in _PREFIXES.get(process, ()):
        kept |= {name: value for name, value in given.items() if name.startswith(prefix)}
    return kept | _FIXED
