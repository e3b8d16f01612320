"""The house's own rules, which no general linter knows.

Owns: size of functions and modules, banned calls with their replacement, reasons beside
suppressions, where a `Permit` may be minted, addresses and machine paths in tracked files.
Never: style that ruff or pyright judges already; it changes no file.

Usage: python tools/tidy.py [root]      exit code 1 and one line per finding.
Each rule has a case in tests/tools/test_tidy.py.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500
# A reason shorter than this is none ("ok", "fix").
REASON_LETTERS_MIN = 8

SOURCE = "src/tradedeck/"
# Packages in which an amount is money or a quantity, hence Decimal. Observed prices (bars) and
# analytics are floats and live elsewhere.
MONEY = ("execution/ledger", "trading/money", "trading/position", "trading/fill", "trading/order")
# Decisions get `now` as an argument and never read a clock.
DECIDING = (
    "kernel/canonical",
    "authority/",
    "trading/",
    "venue/",
    "closing/",
    "strategies/",
    "risk/",
    "execution/",
    "engine/",
    "marketdata/",
    "projections/",
)
PRINTING = ("cli/", "supervisor/", "worker/")
PERMIT_MINT = "execution/gate.py"

# Calls that are wrong everywhere, with what to use instead.
BANNED = {
    "datetime.utcnow": "is naive; take `now` as an argument or use datetime.now(UTC)",
    "datetime.utcfromtimestamp": "is naive; use datetime.fromtimestamp(…, tz=UTC)",
    "datetime.datetime.utcnow": "is naive; take `now` as an argument or use datetime.now(UTC)",
    "yaml.load": "can run code; use yaml.safe_load",
    "yaml.unsafe_load": "runs code; use yaml.safe_load",
    "yaml.full_load": "can run code; use yaml.safe_load",
    "eval": "runs text as code",
    "exec": "runs text as code",
}
CLOCK_READS = {"time.time", "time.time_ns", "datetime.now", "datetime.datetime.now"}
BANNED_MODULES = {
    "pickle": "an artifact is data, never code: use JSON",
    "cPickle": "an artifact is data, never code: use JSON",
    "dill": "an artifact is data, never code: use JSON",
    "marshal": "an artifact is data, never code: use JSON",
    "shelve": "is pickle in a file: use the store or the journal",
}
# After the codes of a suppression comes its reason, following a dash or a second hash.
SUPPRESSION = re.compile(
    r"#\s*(?P<kind>noqa|type:\s*ignore|pyright:\s*ignore|pragma:\s*no cover|nosec)"
    r"(?P<codes>\s*[:\[]\s*[A-Za-z0-9_,\s\]]*?)?"
    r"(?P<rest>(?:\s*[-—#(;].*)?)$"
)
INDEX_ADDRESS = re.compile(
    r"https?://[^ \"')]*(?:/simple(?:/|\b)|/packages/[0-9a-f]{2}/|registry\.)|"
    r"https?://registry\.|--(?:extra-)?index-url|^\s*resolved\b.*http"
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|tmp/probe|home/[a-z][a-z0-9_-]*)/[\w.-]")
# A migration is a list of statements that is never changed again: its length says nothing.
MIGRATIONS = SOURCE + "store/migrations/versions/"
# Files that may quote what they look for.
QUOTING = {"tools/tidy.py", "tests/tools/test_tidy.py"}
BINARY = {".gz", ".png", ".jpg", ".ico", ".woff", ".woff2", ".parquet", ".db", ".pdf", ".svg"}
UNBOUNDED = {".json", ".txt", ".csv", ".md", ".lock", ".html", ".css"}


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a chain of names; empty when the expression is anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def inside(path: str, places: Sequence[str]) -> bool:
    return any(path.startswith(SOURCE + place) for place in places)


def check_size(path: str, tree: ast.Module, lines: Sequence[str]) -> Iterator[Finding]:
    if len(lines) > MODULE_LINES_MAX:
        text = f"{len(lines)} lines, at most {MODULE_LINES_MAX}: is it really one thing?"
        yield Finding(path, 1, "module-size", text)
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if path.startswith(MIGRATIONS):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > FUNCTION_LINES_MAX:
            text = f"`{node.name}` has {length} lines, at most {FUNCTION_LINES_MAX}"
            yield Finding(path, node.lineno, "function-size", text)


def check_columns(path: str, lines: Sequence[str]) -> Iterator[Finding]:
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and "http" not in line:
            yield Finding(path, number, "columns", f"{len(line)} columns, at most {COLUMNS_MAX}")


def check_docstring(path: str, tree: ast.Module) -> Iterator[Finding]:
    if path.startswith(SOURCE) and tree.body and ast.get_docstring(tree) is None:
        yield Finding(path, 1, "module-docstring", "say what the module owns and never does")


def check_imports(path: str, tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            why = BANNED_MODULES.get(name.split(".")[0])
            if why:
                yield Finding(path, node.lineno, "banned-import", f"`{name}`: {why}")


def check_call(path: str, node: ast.Call) -> Iterator[Finding]:
    name = dotted(node.func)
    source = path.startswith(SOURCE)
    if name in BANNED:
        yield Finding(path, node.lineno, "banned-call", f"`{name}` {BANNED[name]}")
    if name in {"datetime.now", "datetime.datetime.now"} and not (node.args or node.keywords):
        yield Finding(path, node.lineno, "naive-datetime", "datetime.now() has no time zone")
    if name in CLOCK_READS and inside(path, DECIDING):
        text = f"`{name}` in a module that decides: take `now` as an argument"
        yield Finding(path, node.lineno, "clock", text)
    if name == "float" and inside(path, MONEY):
        yield Finding(path, node.lineno, "float-money", "money and quantities are Decimal")
    if name == "print" and source and not inside(path, PRINTING):
        yield Finding(path, node.lineno, "print", "log it, or return it to the command line")
    minting = name.split(".")[-1] == "Permit" or name.endswith("Permit.mint")
    if minting and source and path != SOURCE + PERMIT_MINT:
        yield Finding(path, node.lineno, "permit", f"a Permit is made in {PERMIT_MINT} alone")


def is_broad(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(dotted(kind) in {"Exception", "BaseException"} for kind in kinds)


def has_reason(comment: str) -> bool:
    return len(re.findall(r"[^\W\d_]", comment)) >= REASON_LETTERS_MIN


def check_handler(path: str, node: ast.ExceptHandler, lines: Sequence[str]) -> Iterator[Finding]:
    """A broad handler says why on its line, the line above, or the line below."""
    if not is_broad(node):
        return
    near = lines[max(0, node.lineno - 2) : node.lineno + 1]
    # A suppression's codes alone are no reason: they are taken out first.
    comments = [line.split("#", 1)[1] for line in near if "#" in line]
    prose = re.sub(r"noqa:?\s*[A-Z0-9, ]*", "", " ".join(comments))
    if not has_reason(prose):
        text = "a bare or broad except needs its reason in a comment beside it"
        yield Finding(path, node.lineno, "broad-except", text)


def check_suppressions(path: str, lines: Sequence[str]) -> Iterator[Finding]:
    for number, line in enumerate(lines, 1):
        found = SUPPRESSION.search(line)
        if found and not has_reason(found["rest"]):
            kind = re.sub(r"\s+", " ", found["kind"])
            text = f"`{kind}` without its reason after it (`# {kind}: CODE - why`)"
            yield Finding(path, number, "suppression", text)


def check_skips(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Nothing is skipped for want of something: it is installed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node) in {
            "pytest.mark.skip",
            "pytest.mark.skipif",
            "pytest.skip",
            "pytest.importorskip",
        }:
            yield Finding(path, node.lineno, "skip", f"`{dotted(node)}`: install it instead")


def check_python(path: str, text: str) -> list[Finding]:
    """Every finding in one Python file."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [Finding(path, error.lineno or 1, "syntax", error.msg)]
    lines = text.splitlines()
    found = [
        *check_size(path, tree, lines),
        *check_columns(path, lines),
        *check_docstring(path, tree),
        *check_imports(path, tree),
        *check_suppressions(path, lines),
    ]
    if path.startswith("tests/"):
        found += check_skips(path, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += check_call(path, node)
        elif isinstance(node, ast.ExceptHandler):
            found += check_handler(path, node, lines)
    return found


def check_text(path: str, text: str) -> Iterator[Finding]:
    """What no tracked file may hold, whatever its language."""
    if path in QUOTING:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if INDEX_ADDRESS.search(line):
            yield Finding(path, number, "index-address", "the address of a package index")
        if MACHINE_PATH.search(line):
            yield Finding(path, number, "machine-path", "a path of one machine")


def check_web_size(path: str, text: str) -> Iterator[Finding]:
    generated = "__generated__" in path or path.endswith(".d.ts")
    lines = text.count("\n")
    if path.startswith("web/") and not generated and lines > MODULE_LINES_MAX:
        yield Finding(path, 1, "module-size", f"{lines} lines, at most {MODULE_LINES_MAX}")


def tracked(root: Path) -> list[str]:
    """Files git knows or would add; never what it ignores."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    return sorted(name for name in listing.stdout.decode().split("\0") if name)


def check_file(root: Path, path: str) -> list[Finding]:
    suffix = PurePosixPath(path).suffix
    file = root / path
    if suffix in BINARY or not file.is_file():
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return [Finding(path, 1, "encoding", "not UTF-8, and not a known binary kind")]
    found = list(check_text(path, text))
    if suffix == ".py":
        found += check_python(path, text)
    elif suffix not in UNBOUNDED:
        found += check_web_size(path, text)
    return found


def main(arguments: Sequence[str]) -> int:
    root = Path(arguments[0] if arguments else ".").resolve()
    paths = tracked(root)
    findings = sorted(finding for path in paths for finding in check_file(root, path))
    for finding in findings:
        print(finding)
    print(f"tidy: {len(paths)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
