"""`python -m tradedeck.guard`: the guard of this home, and the acts a person does beside it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, cast

from tradedeck.kernel.errors import TradedeckError


def main(arguments: list[str]) -> int:
    """Serve, or do one act: kill, lift, cancel-lift, status, code, drill."""
    if arguments and arguments[0] != "serve":
        from tradedeck.guard.local import main as local

        return local(arguments)
    # The log library loads it where it finds it, for tracebacks in colour: 4 MB that nobody sees.
    sys.modules["rich"] = cast("Any", None)
    from tradedeck.adapters.logs.setup import configure
    from tradedeck.guard.wiring import run
    from tradedeck.ops import exits
    from tradedeck.ops.child import watch_parent
    from tradedeck.settings import load

    try:
        settings = load()
        configure("guard", settings.home, log_file=settings.log_file_path)
        watch_parent()
        armed = True if "--armed" in arguments else None
        asyncio.run(run(settings, dict(os.environ), armed=armed))
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
