"""Entry point of a witness: `python -m tradedeck.witness`, which `tradedeck witness` becomes."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson

from tradedeck.audit.notes import parse_verifier
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import exits
from tradedeck.witness.memory import Memory
from tradedeck.witness.process import Look, look, watch
from tradedeck.witness.sources import Api, Folder, Source

COMMAND_S_MAX = 60


def main(arguments: list[str]) -> int:
    """Exit code 1 on a finding (with --once), 4 where the log could not be reached."""
    parser = argparse.ArgumentParser(prog="tradedeck witness")
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key")
    key.add_argument("--name", default="")
    run = commands.add_parser("run")
    run.add_argument("--log", required=True)
    run.add_argument("--from", dest="origin", required=True)
    run.add_argument("--publish", type=Path)
    run.add_argument("--every", type=float, default=60.0)
    run.add_argument("--silent-after", type=float, default=900.0)
    run.add_argument("--on-alarm", default="")
    run.add_argument("--once", action="store_true")
    for command in (key, run):
        command.add_argument("--state", type=Path, required=True)
        command.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        memory = Memory(options.state.absolute())
        if options.command == "key":
            key_text = memory.signer(options.name).verifier.text()
            shown = orjson.dumps({"key": key_text}).decode() if options.json else key_text
            sys.stdout.write(f"{shown}\n")
            return exits.Exit.OK
        return _run(options, memory)
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)
    except KeyboardInterrupt:
        return exits.Exit.INTERRUPTED


def _run(options: argparse.Namespace, memory: Memory) -> int:
    log = parse_verifier(options.log)
    source: Source
    if options.origin.startswith(("http://", "https://")):
        token = os.environ.get("TRADEDECK_TOKEN", "")
        if not token:
            raise TradedeckError(
                Code.UNAUTHENTICATED,
                "TRADEDECK_TOKEN is not set.",
                hint="Make one on the log's host: `tradedeck token create --role viewer`.",
            )
        source = Api(options.origin, token)
    else:
        source = Folder(Path(options.origin), log, options.publish)
    memory.signer()  # refuses before the first look where there is no key

    def say(found: Look) -> None:
        _say(found, options.on_alarm, as_json=options.json)

    if options.once:
        found = look(source, log, memory, int(datetime.now(UTC).timestamp()))
        say(found)
        if found.finding is not None:
            return exits.Exit.FAILED
        return exits.Exit.UNREACHABLE if found.detail else exits.Exit.OK
    watch(source, log, memory, say, every_s=options.every, silent_s=options.silent_after)
    return exits.Exit.OK


def _say(found: Look, command: str, *, as_json: bool) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    size = found.checkpoint.size if found.checkpoint else 0
    if as_json:
        told = {
            "at": at,
            "size": size,
            "finding": found.finding,
            "detail": found.detail,
            "evidence": found.evidence,
        }
        sys.stdout.write(orjson.dumps(told).decode() + "\n")
        sys.stdout.flush()
    if found.finding is None and not as_json:
        line = found.detail or f"{size} records hold and are co-signed"
        sys.stdout.write(f"{at} {line}\n")
        sys.stdout.flush()
    if found.finding is None:
        return
    kept = f" The signed evidence is {found.evidence}." if found.evidence else ""
    sys.stderr.write(f"{at} ALARM {found.finding}: {found.detail}{kept}\n")
    sys.stderr.flush()
    if command:
        try:
            subprocess.run(
                [command, found.finding.value, found.detail], check=True, timeout=COMMAND_S_MAX
            )
        except (OSError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"{at} the command of --on-alarm failed: {error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
