"""Configuration: read, change, compare, go back. The api versions and judges every change."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tradedeck.cli import client
from tradedeck.cli.output import AsJson, StepUp, changed, done, print_json, role_with, show
from tradedeck.cli.values import at, pair, put
from tradedeck.kernel.errors import Code, TradedeckError

app = typer.Typer(
    help="Configuration: get, set, diff, validate, history, pending, rollback.",
    no_args_is_help=True,
)
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with the version.")]
File = Annotated[Path, typer.Argument(help="A YAML or JSON document; - reads standard input.")]


@app.command()
def get(
    path: Annotated[
        str, typer.Argument(help="Where, such as traders.ibm-momentum.params.lookback.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """The configuration in force, or what stands at a path."""
    answer = client.get("/config")
    if not path:
        if as_json:
            print_json(answer)
        else:
            print(f"# generation {answer['generation']}")
            print(_yaml(answer["document"]), end="")
        return
    value = at(answer["document"], path)
    if as_json or isinstance(value, dict | list):
        print_json(value)
    else:
        print(value)


@app.command("set")
def set_(
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="PATH=VALUE…", help="What to set.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Replace the whole document by this.")
    ] = None,
    reason: Reason = "from the command line",
    step_up: StepUp = None,
    as_json: AsJson = False,
) -> None:
    """Change the configuration; one new version, all or nothing."""
    if (file is None) == (not assignments):
        raise typer.BadParameter("give either PATH=VALUE or --file")
    current = client.get("/config")
    document = current["document"] if file is None else _read(file)
    for path, value in (pair(text) for text in assignments or []):
        document = put(document, path, value)
    answer, _ = client.ask(
        "PUT",
        "/config",
        role=role_with(step_up),
        body={"document": document, "reason": reason, "step_up": step_up},
        headers={"if-match": f'"{current["generation"]}"'},
    )
    changed(answer, as_json=as_json)


@app.command()
def validate(file: File, as_json: AsJson = False) -> None:
    """Check a document without applying it."""
    answer = client.post("/config/validate", {"document": _read(file)}, role="viewer")
    if answer.get("valid", True) is False:
        raise TradedeckError(Code.INVALID_CONFIG, f"{file} is not valid.", faults=_faults(answer))
    done(f"{file} is valid.", answer, as_json=as_json)


@app.command()
def diff(
    file: Annotated[Path | None, typer.Argument(help="A document; none: see --from.")] = None,
    from_: Annotated[int | None, typer.Option("--from", help="An earlier generation.")] = None,
    to: Annotated[int | None, typer.Option("--to", help="A later one; by default current.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a document, or another generation, would change."""
    current = client.get("/config")
    if file is not None:
        answer = client.post("/config/diff", {"document": _read(file)}, role="viewer")
        if as_json:
            print_json(answer)
            return
        _print_diff(
            current["document"], _read(file), f"generation {current['generation']}", str(file)
        )
        return
    older = from_ if from_ is not None else max(1, int(current["generation"]) - 1)
    old = client.get(f"/config/versions/{older}")["document"]
    new = current["document"] if to is None else client.get(f"/config/versions/{to}")["document"]
    if as_json:
        print_json({"from": older, "to": to or current["generation"], "old": old, "new": new})
        return
    _print_diff(old, new, f"generation {older}", f"generation {to or current['generation']}")


@app.command()
def history(as_json: AsJson = False) -> None:
    """Every version: who, when, why."""
    columns = [
        ("GENERATION", "generation"), ("AT", "created_at"), ("BY", "by"),
        ("REASON", "reason"), ("KIND", "kind"),
    ]  # fmt: skip
    show(client.get("/config/history"), as_json=as_json, columns=columns)


@app.command()
def pending(
    cancel: Annotated[str | None, typer.Option(help="Withdraw this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Changes that loosen a limit and still wait."""
    if cancel is not None:
        answer, _ = client.ask("DELETE", f"/config/pending/{cancel}", role="operator")
        done(f"{cancel} is withdrawn.", answer, as_json=as_json)
        return
    columns = [
        ("ID", "id"), ("KIND", "kind"), ("BY", "by"), ("UNTIL", "until"), ("TARGET", "target"),
        ("STATUS", "status"), ("REASON", "reason"),
    ]  # fmt: skip
    show(client.get("/config/pending"), as_json=as_json, columns=columns, empty="Nothing waits.")


@app.command()
def rollback(
    generation: Annotated[int, typer.Argument(help="The version to go back to.")],
    reason: Reason = "rollback from the command line",
    step_up: StepUp = None,
    as_json: AsJson = False,
) -> None:
    """Make an earlier version the newest again."""
    body = {"generation": generation, "reason": reason, "step_up": step_up}
    changed(client.post("/config/rollback", body, role=role_with(step_up)), as_json=as_json)


def _read(path: Path) -> Any:
    import yaml

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
        return yaml.safe_load(text)
    except OSError as error:
        raise TradedeckError(
            Code.NOT_FOUND, f"{path} could not be read: {error.strerror}."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" near line {where.line + 1}" if where else ""
        raise TradedeckError(Code.INVALID_CONFIG, f"{path} is not YAML{line}.") from error


def _yaml(document: Any) -> str:
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _print_diff(old: Any, new: Any, old_name: str, new_name: str) -> None:
    lines = list(
        difflib.unified_diff(
            _yaml(old).splitlines(), _yaml(new).splitlines(), old_name, new_name, lineterm=""
        )
    )
    print("\n".join(lines) if lines else "No difference.")


def _faults(answer: dict[str, Any]) -> tuple[Any, ...]:
    from tradedeck.kernel.errors import Fault

    return tuple(Fault(str(e["path"]), str(e["reason"])) for e in answer.get("errors") or ())
