"""What people and programs are shown: tables for a terminal, JSON with --json, errors on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, cast

import orjson
import typer

from tradedeck.kernel.errors import TradedeckError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
StepUp = Annotated[
    str | None,
    typer.Option(help="A code of the host, where it loosens: `tradedeck token step-up`."),
]
Row = Mapping[str, Any]
Column = tuple[str, str]  # heading, dotted path in a row
CELL_CHARS_MAX = 60


def show(value: Any, *, as_json: bool, columns: Sequence[Column] = (), empty: str = "") -> None:
    """Print `value`: JSON, or a table of `columns` (of its one list), or name: value lines."""
    if as_json:
        print_json(value)
        return
    if columns:
        table(rows(value), columns, empty=empty)
    elif isinstance(value, Mapping):
        pairs(cast("Row", value))
    elif value is not None:
        print(value)


def print_json(value: Any) -> None:
    """Indented JSON on stdout."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    sys.stdout.write(orjson.dumps(value, option=options).decode())
    sys.stdout.flush()


def rows(value: Any) -> list[Row]:
    """The list in an answer: itself, or the only list among its fields."""
    if isinstance(value, list):
        return cast("list[Row]", value)
    if isinstance(value, Mapping):
        inner = cast("Row", value).values()
        lists = [cast("list[Row]", item) for item in inner if isinstance(item, list)]
        if len(lists) == 1:
            return lists[0]
    return []


def fields(value: Any) -> dict[str, Any]:
    """An object in an answer; empty where it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[dict[str, Any]]:
    """A list of objects in an answer; empty where it is none."""
    return cast("list[dict[str, Any]]", value) if isinstance(value, list) else []


def at(row: Row, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    found: Any = row
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = cast("Row", found).get(part)
    return found


def cell(value: Any, *, whole: bool = False) -> str:
    """One value as people read it. Unknown is said, never left looking like zero."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        named = cast("Row", value).items()
        text = " ".join(f"{key}={cell(item)}" for key, item in named)
    elif isinstance(value, list):
        text = ", ".join(cell(item) for item in cast("list[Any]", value))
    else:
        text = str(value)
    return text if whole or len(text) <= CELL_CHARS_MAX else f"{text[: CELL_CHARS_MAX - 1]}…"


def table(given: Iterable[Row], columns: Sequence[Column], *, empty: str = "") -> None:
    """Aligned columns; numbers to the right."""
    lines = [[cell(at(row, path)) for _, path in columns] for row in given]
    if not lines:
        print(empty or "Nothing to show.")
        return
    heads = [heading for heading, _ in columns]
    widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
    right = [all(_number(line[i]) for line in lines) for i in range(len(heads))]
    for line in [heads, *lines]:
        padded = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ]
        print("  ".join(padded).rstrip())


def pairs(given: Row) -> None:
    """name: value lines, aligned."""
    width = max((len(key) for key in given), default=0)
    for key, value in given.items():
        print(f"{key.ljust(width)}  {cell(value)}")


def done(text: str, answer: Any, *, as_json: bool) -> None:
    """The end of an act: a sentence for people, the answer for programs."""
    if as_json:
        print_json(answer if answer is not None else {"ok": True})
        return
    if isinstance(answer, Mapping):
        outcome = cast("Row", answer)
        detail = outcome.get("detail") or ""
        if outcome.get("accepted") is False:
            text = "Not accepted."
        text = f"{text} {detail}".strip()
    print(text)


def changed(answer: Any, *, as_json: bool) -> None:
    """The receipt of a change of configuration: in force, waiting, or no change at all."""
    if as_json:
        print_json(answer)
        return
    receipt = fields(answer)
    generation, waits = receipt.get("generation"), receipt.get("hold_until")
    if receipt.get("pending"):
        until = f" until {waits}" if waits else ""
        text = f"It loosens a limit and waits{until}; see `tradedeck config pending`."
    elif not receipt.get("changes"):
        text = f"Nothing to change; generation {cell(generation)} stays."
    else:
        text = f"Generation {cell(generation)} is desired now."
    print(f"{text} {receipt.get('detail') or ''}".rstrip())


def role_with(step_up: str | None) -> str:
    """The role a change needs: whoever brings a code of the host means to loosen."""
    return "operator" if step_up is None else "risk"


def complain(error: TradedeckError) -> None:
    """One sentence and what to do, on stderr; each place on a line where there are several."""
    sys.stderr.write(f"{error}\n")
    for fault in error.faults:
        sys.stderr.write(f"  {fault.path}: {fault.reason}\n")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before an act that cannot be taken back; `--yes` answers for scripts."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("say --yes when there is no terminal to ask on")
    typer.confirm(question, abort=True)


def _number(text: str) -> bool:
    stripped = text.replace(",", "").replace("%", "").lstrip("+-").replace(".", "", 1)
    return stripped.isdigit() or text == "–"
