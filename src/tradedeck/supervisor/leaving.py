"""`python -m tradedeck.supervisor leaving say|forget`: for the unit that systemd stops first."""

from __future__ import annotations

import argparse
import sys

from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import exits, leaving
from tradedeck.ops.files import prepare_home
from tradedeck.supervisor import given


def main(arguments: list[str]) -> int:
    """Say, or forget, that all of this home is being stopped."""
    parser = argparse.ArgumentParser(prog="python -m tradedeck.supervisor leaving")
    parser.add_argument("act", choices=["say", "forget"])
    act = parser.parse_args(arguments).act
    try:
        home = prepare_home(given.read(demo=False).home)
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)
    (leaving.say if act == "say" else leaving.forget)(home)
    return exits.Exit.OK
