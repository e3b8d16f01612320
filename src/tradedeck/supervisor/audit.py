"""`tradedeck audit` on a home whose api is stopped: read from the files, changing nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson

from tradedeck import settings
from tradedeck.audit import cosigned, export
from tradedeck.audit.merkle import leaf_hash
from tradedeck.audit.tree import View, read_key
from tradedeck.audit.verify import verify
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops import exits
from tradedeck.ops.files import write_private
from tradedeck.store.offline import reading
from tradedeck.store.scope import Door


def main(arguments: list[str]) -> int:
    """Exit code 0 when what was asked for holds, or was written."""
    parser = argparse.ArgumentParser(prog="tradedeck audit")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("verify", "prove", "export", "key"):
        command = commands.add_parser(name)
        command.add_argument("--json", action="store_true")
        if name == "prove":
            command.add_argument("seq", type=int)
        if name == "export":
            command.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except TradedeckError as error:
        sys.stderr.write(f"{error}\n")
        return exits.of(error.code)


def _run(options: argparse.Namespace) -> int:
    view = _view(settings.load().home)
    if options.command == "key":
        _, checkpoint = view.note()
        key = view.verifier.text()
        _say(options, {"key": key, "origin": checkpoint.origin}, key)
    elif options.command == "prove":
        proof = view.prove(options.seq - 1)
        size, root = proof.checkpoint.size, proof.checkpoint.root.hex()
        known = cosigned.parse(settings.load().audit_witnesses)
        told: dict[str, Any] = {
            "seq": options.seq,
            "index": proof.index,
            "entry": proof.entry.decode(),
            "leaf": leaf_hash(proof.entry).hex(),
            "hashes": [each.hex() for each in proof.hashes],
            "checkpoint": {
                "origin": proof.checkpoint.origin,
                "size": size,
                "root": root,
                "key": view.verifier.text(),
                "note": proof.note.decode(),
                "witnessed": [each.note.decode() for each in cosigned.kept(view, known)],
            },
        }
        _say(options, told, f"Record {options.seq} is in the tree of {size} with the root {root}.")
    elif options.command == "export":
        return _export(options, view)
    else:
        return _verify(options, view)
    return exits.Exit.OK


def _view(home: Path) -> View:
    if not (home / "keys" / "audit.key").exists():
        raise TradedeckError(
            Code.NOT_FOUND,
            f"There is no audit log in the home {home}.",
            hint="It begins with the first start: `tradedeck up`.",
        )
    return View(home / "audit", read_key(home / "keys" / "audit.key").verifier)


def _export(options: argparse.Namespace, view: View) -> int:
    import io

    file = io.BytesIO()
    count = export.write(view, file)
    write_private(options.output.absolute(), file.getvalue())
    _say(options, {"records": count, "file": str(options.output)}, f"{count} records.")
    return exits.Exit.OK


def _verify(options: argparse.Namespace, view: View) -> int:
    known = settings.load()
    with reading(known.store_path, known.store_url, Door.AUDIT) as session:
        verdict = verify(session, view)
    told = {
        "ok": verdict.ok,
        "records": verdict.records,
        "head": verdict.head,
        "broken_at": verdict.broken_at,
        "detail": verdict.detail,
        "tree": verdict.tree,
        "root": verdict.root,
    }
    text = f"{verdict.records} records hold, {verdict.tree} of them under the signed root"
    _say(options, told, f"{text} {verdict.root}." if verdict.ok else verdict.detail)
    return exits.Exit.OK if verdict.ok else exits.Exit.FAILED


def _say(options: argparse.Namespace, told: dict[str, Any], text: str) -> None:
    if options.json:
        sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        print(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
