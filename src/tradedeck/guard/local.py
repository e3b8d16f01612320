"""What a person does on the host beside the guard: no account, no api, no network.

`kill` starts a guard where none answers, and ends with 0 only on proof. Printing is its work.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.kernel.ids import new_id
from tradedeck.ops import exits, guardact
from tradedeck.settings import load

START_S = 15.0
POLL_S = 0.2
DRILL_S = 120.0


def main(arguments: list[str]) -> int:
    """One act; the exit code says whether it was done."""
    options = _parser().parse_args(arguments)
    try:
        return options.act(load().home, options)
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)
    except KeyboardInterrupt:
        sys.stderr.write("What was begun goes on; see `tradedeck guard status`.\n")
        return exits.Exit.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tradedeck.guard")
    acts = parser.add_subparsers(required=True)

    kill = acts.add_parser("kill", help="stop a scope now: latch, cancel, close, prove")
    kill.add_argument("scope", nargs="?", default="all")
    kill.add_argument("--step", choices=["pause", "reduce_only", "flatten"], default="flatten")
    kill.add_argument("--no-flatten", action="store_true", help="leave positions")
    kill.add_argument("--reason", default="killed on the host")
    kill.add_argument("--timeout", type=float, default=0.0, help="seconds; 0: until done")
    kill.set_defaults(act=_kill)

    lift = acts.add_parser("lift", help="lift a halt after the waiting time")
    lift.add_argument("scope")
    lift.add_argument("--reason", required=True)
    lift.add_argument("--no-wait", action="store_true", help="do not wait until it is lifted")
    lift.set_defaults(act=_lift)

    cancel = acts.add_parser("cancel-lift", help="take a waiting lift back")
    cancel.add_argument("id")
    cancel.set_defaults(act=_cancel)

    acts.add_parser("status", help="what the guard knows").set_defaults(act=_status)
    acts.add_parser("code", help="a one-time code for lifting a halt").set_defaults(act=_code)

    drill = acts.add_parser("drill", help="kill a seeded account of its own, and measure it")
    drill.add_argument("--orders", type=int, default=50)
    drill.add_argument("--positions", type=int, default=50)
    drill.set_defaults(act=_drill)
    for each in acts.choices.values():
        each.add_argument("--json", action="store_true")
    return parser


def _say(options: argparse.Namespace, words: str, body: dict[str, Any] | None = None) -> None:
    line = orjson.dumps(body).decode() if options.json else words
    if line and (body is not None or not options.json):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


# -- kill ---------------------------------------------------------------------------------------


def _kill(home: Path, options: argparse.Namespace) -> int:
    now = time.time_ns()
    body: dict[str, Any] = {
        "id": new_id("kill", now), "scope": options.scope, "step": options.step,
        "flatten": not options.no_flatten, "reason": options.reason, "by": _who(), "at_ns": now,
    }  # fmt: skip
    deadline = time.monotonic() + options.timeout if options.timeout else None
    _ensure(home, options)
    told: dict[str, Any] | None = None
    while told is None or told["state"] != "done":
        if deadline is not None and time.monotonic() > deadline:
            _say(options, f"{body['id']} goes on; no proof within {options.timeout:g} s", told)
            return exits.Exit.TIMEOUT
        try:
            # The same id: whether it is asked once or again after a crash, it is one decision.
            told = _followed(home, options, body, deadline)
        except TradedeckError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            time.sleep(POLL_S)
            _ensure(home, options)
    legs = len(told["legs"])
    _say(options, f"done: {told['scope']} halted, {legs} accounts proved flat {told['ms']}", told)
    return exits.Exit.OK


def _followed(
    home: Path, options: argparse.Namespace, body: dict[str, Any], deadline: float | None
) -> dict[str, Any] | None:
    wait_s = 5.0 if deadline is None else max(0.1, min(5.0, deadline - time.monotonic()))
    with guardact.session(home, wait_s) as line:
        told = line.ask("kill", **body)
        told = line.ask("follow", id=told["id"])
        while told["state"] != "done":
            try:
                frame = line.next()
            except TimeoutError:
                return told
            if frame.get("done"):
                return frame
            _say(options, _words(frame))
    return told


def _words(frame: dict[str, Any]) -> str:
    if frame.get("flat"):
        return f"{frame['account']}: flat, proved by {len(frame['proof']['reads'])} reads"
    numbers = ", ".join(f"{key} {value}" for key, value in frame["numbers"].items() if value)
    return f"{frame['account']}: {frame['words']} ({frame['by']}) {numbers}".rstrip()


def _who() -> str:
    return f"host:{os.environ.get('USER') or os.geteuid()}"


def _ensure(home: Path, options: argparse.Namespace) -> None:
    """A guard that answers; started here where there is none."""
    try:
        guardact.ask(home, "status")
        return
    except TradedeckError as error:
        if error.code is not Code.UNAVAILABLE:
            raise
    _say(options, "no guard answers: starting one")
    subprocess.Popen(
        [sys.executable, "-m", "tradedeck.guard", "serve", "--armed"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=os.environ | {"TRADEDECK_HOME": str(home)},
    )  # fmt: skip
    deadline = time.monotonic() + START_S
    while True:
        try:
            guardact.ask(home, "status")
            return
        except TradedeckError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_S)


# -- the rest -----------------------------------------------------------------------------------


def _lift(home: Path, options: argparse.Namespace) -> int:
    told = guardact.ask(home, "lift", scope=options.scope, reason=options.reason, by=_who())
    _say(
        options,
        f"{told['scope']} is lifted in {told['wait_s']:g} s; "
        f"`tradedeck guard cancel-lift {told['id']}` takes it back",
        told,
    )
    while not options.no_wait:
        status = guardact.ask(home, "status")
        if all(lift["id"] != told["id"] for lift in status["lifts"]):
            lifted = all(row["scope"] != told["scope"] for row in status["halts"])
            _say(options, "lifted" if lifted else "not lifted")
            return exits.Exit.OK if lifted else exits.Exit.REFUSED
        time.sleep(POLL_S)
    return exits.Exit.OK


def _cancel(home: Path, options: argparse.Namespace) -> int:
    told = guardact.ask(home, "lift_cancel", id=options.id, by=_who())
    _say(options, f"{told['id']} was taken back", told)
    return exits.Exit.OK


def _status(home: Path, options: argparse.Namespace) -> int:
    told = guardact.ask(home, "status")
    runner = told["runner"]
    heard = "connected" if runner["connected"] else "not connected"
    lines = [f"runner {runner['id'] or '-'}: {heard}, silent {runner['silent_ms']} ms"]
    lines += [f"halted {row['scope']}: {row['level']} ({row['reason']})" for row in told["halts"]]
    lines += [f"lift {lift['id']} of {lift['scope']} waits" for lift in told["lifts"]]
    lines += [f"kill {k['id']} {k['scope']}: {k['state']}" for k in told["kills"]]
    _say(options, "\n".join(lines), told)
    return exits.Exit.OK


def _code(home: Path, options: argparse.Namespace) -> int:
    told = guardact.ask(home, "code")
    _say(options, f"{told['code']}  (once, within {told['expires_s']} s)", told)
    return exits.Exit.OK


def _drill(home: Path, options: argparse.Namespace) -> int:
    told = guardact.ask(
        home, "drill", timeout_s=DRILL_S, orders=options.orders, positions=options.positions,
        by=_who(),
    )  # fmt: skip
    verdict = "passed" if told["passed"] else f"FAILED: {told['detail']}"
    _say(options, f"{told['account']} {verdict} {told['ms']}", told)
    return exits.Exit.OK if told["passed"] else exits.Exit.FAILED
