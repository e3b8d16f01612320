"""Checks the import contracts of `pyproject.toml`, also while packages are still missing.

Owns: reading the contracts, dropping the names that are `planned` and absent, refusing every
other absent name (a misspelt one would guard nothing), running import-linter on the rest.
Never: decides what a contract says; that is `[tool.importlinter]` in `pyproject.toml`.

Usage: python tools/contracts.py [root of the checkout]
"""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGE = "tradedeck"
# Options of a contract that name modules, and whether the contract means nothing without them.
MODULE_OPTIONS = {
    "source_modules": True,
    "forbidden_modules": True,
    "protected_modules": True,
    "allowed_importers": False,
    "modules": True,
    "ancestors": True,
}


class ContractsError(Exception):
    """The contracts themselves are wrong, whatever the code does."""


def exists(root: Path, name: str) -> bool:
    """Whether a dotted name is outside the package, a wildcard, or a module in the tree."""
    if name.split(".", maxsplit=1)[0] != PACKAGE or "*" in name:
        return True
    path = root / "src" / Path(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def prune(contract: Mapping[str, Any], root: Path, planned: Sequence[str]) -> dict[str, Any] | None:
    """The contract without absent planned modules; None when nothing is left to check."""
    kept = dict(contract)
    for option, needed in MODULE_OPTIONS.items():
        if option not in kept:
            continue
        absent = [name for name in kept[option] if not exists(root, name)]
        unknown = sorted(set(absent) - set(planned))
        if unknown:
            raise ContractsError(
                f"contract `{contract['id']}` names modules that do not exist and are not "
                f"planned: {', '.join(unknown)}"
            )
        kept[option] = [name for name in kept[option] if name not in absent]
        if needed and not kept[option]:
            return None
    return kept


def build(root: Path) -> str:
    """The TOML that import-linter reads for this tree."""
    tool = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    linter = tool["importlinter"]
    planned = tool["tradedeck"]["contracts"]["planned"]
    lines = ["[tool.importlinter]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in linter.items() if key != "contracts"]
    for contract in linter["contracts"]:
        kept = prune(contract, root, planned)
        if kept is None:
            continue
        lines.append("[[tool.importlinter.contracts]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in kept.items()]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    root = Path(arguments[0] if arguments else ".").resolve()
    sys.path.insert(0, str(root / "src"))
    # Late: the linter looks at sys.path when it is configured.
    from importlinter.cli import lint_imports

    try:
        text = build(root)
    except ContractsError as error:
        print(f"contracts: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "contracts.toml"
        config.write_text(text, encoding="utf-8")
        return lint_imports(config_filename=str(config), no_cache=True, no_logo=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
