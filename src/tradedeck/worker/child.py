"""One job in a process of its own: limited, killable, and the only place where its code runs.

Reads one JSON request from standard input; says lines of JSON on the descriptor that standard
output was: {"total"}, {"bars"}, and last {"result"} or {"error"}. What a strategy prints goes to
standard error, of which the parent keeps the end.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import orjson

from tradedeck.kernel.errors import Code, TradedeckError

CPU_GRACE_S = 30  # beyond the wall-clock limit, which the parent keeps


def main() -> int:
    """Exit code 0 with a result, 1 with an error; both are said as JSON."""
    said = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    request: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    _limit(int(request["memory_bytes_max"]), int(request["time_s_max"]) + CPU_GRACE_S)

    def say(**words: Any) -> None:
        said.write(orjson.dumps(words) + b"\n")

    try:
        say(result=_run(request, say))
    except TradedeckError as error:
        say(error={"code": error.code.value, "detail": str(error)})
        return 1
    except MemoryError:
        say(error={"code": "MEMORY", "detail": "The job needed more memory than it may have."})
        return 1
    except Exception as error:  # noqa: BLE001 - a strategy may raise anything; it is named
        say(error={"code": Code.STRATEGY.value, "detail": f"{type(error).__name__}: {error}"})
        return 1
    return 0


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """Hard limits before any foreign code is imported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when this ends
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has nothing to write


def _run(request: dict[str, Any], say: Any) -> dict[str, Any]:
    from tradedeck.worker.jobs import backtest

    def progress(bars: int) -> bool:
        say(bars=bars)
        return True

    folder = request.get("strategies")
    return backtest(
        request["params"],
        strategies=Path(folder) if folder else None,
        data_folder=Path(request["data_folder"]),
        sized=lambda total: say(total=total),
        progress=progress,
    )


if __name__ == "__main__":
    sys.exit(main())
