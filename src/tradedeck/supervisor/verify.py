"""`tradedeck verify`: an installation checked end to end, each finding with its cause.

The composition root of the checks: what needs files alone is in `ops.verify`, what needs the
programs, the configuration and the running processes is in `supervisor.checks`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import orjson

from tradedeck import settings
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import exits, verify
from tradedeck.supervisor import checks

CHECKS: tuple[verify.Check, ...] = (
    ("python", checks.python),
    ("dependencies", checks.dependencies),
    ("modules", checks.modules),
    ("sqlite", checks.sqlite),
    ("nats", checks.nats),
    ("settings", checks.settings_valid),
    ("home", verify.home_modes),
    ("writes", verify.atomic_writes),
    ("config", checks.config_valid),
    ("secrets", verify.secrets_absent),
    ("signals-only", checks.signals_only),
    ("journals", verify.journals),
    ("audit", checks.audit_chain),
    ("processes", checks.processes),
    ("endpoints", checks.endpoints),
    ("dashboard", checks.dashboard),
    ("documentation", checks.documentation),
    ("self-test", checks.self_test),
)


def main(arguments: list[str]) -> int:
    """Exit code 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="tradedeck verify")
    names = [name for name, _ in CHECKS]
    parser.add_argument("--only", action="append", choices=names, default=[])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        home = settings.load().home
    except TradedeckError:
        home = settings.default_home()  # the check of the settings says what is wrong with them
    results = verify.run(CHECKS, home, options.only)
    failed = [result for result in results if result.verdict == "failed"]
    if options.json:
        found = {"ok": not failed, "home": str(home)}
        rows = [dataclasses.asdict(result) for result in results]
        sys.stdout.write(orjson.dumps(found | {"checks": rows}).decode() + "\n")
    else:
        _table(results, str(home))
    return exits.Exit.FAILED if failed else exits.Exit.OK


def _table(results: list[verify.Result], home: str) -> None:
    print(f"home {home}\n")
    width = max((len(result.name) for result in results), default=0)
    for result in results:
        print(f"{result.verdict:<8} {result.name:<{width}}  {result.detail}")
        if result.hint:
            print(f"{'':<8} {'':<{width}}  → {result.hint}")
    failed = sum(1 for result in results if result.verdict == "failed")
    skipped = sum(1 for result in results if result.verdict == "skipped")
    held = len(results) - failed - skipped
    print(f"\n{held} hold, {failed} failed, {skipped} could not be made now.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
