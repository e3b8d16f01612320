"""`python -m tradedeck.supervisor`: `tradedeck up`, and what prepares other supervisors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

_MAINS = {"only": "only", "service": "systemd", "desktop": "desktop", "leaving": "leaving"}


def main(arguments: list[str]) -> int:
    """The main of the first word, else `up`."""
    name = _MAINS.get(arguments[0]) if arguments else None
    run: Callable[[list[str]], int] = import_module(f"tradedeck.supervisor.{name or 'main'}").main
    return run(arguments[1:] if name else arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
