from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import tidy

HEAD = '"""Owns x. Never y."""\n'


def rules(path: str, text: str) -> list[str]:
    return sorted({finding.rule for finding in tidy.check_python(path, text)})


def function(lines: int) -> str:
    body = "".join(f"    x{number} = {number}\n" for number in range(lines - 1))
    return f"def f():\n{body}"


def test_a_clean_module_has_no_findings() -> None:
    assert rules("src/tradedeck/risk/rules.py", HEAD + "def f(now_ns): return now_ns\n") == []


def test_function_size() -> None:
    path = "tools/x.py"
    assert rules(path, function(tidy.FUNCTION_LINES_MAX)) == []
    assert rules(path, function(tidy.FUNCTION_LINES_MAX + 1)) == ["function-size"]
    assert rules(path, "async " + function(tidy.FUNCTION_LINES_MAX + 1)) == ["function-size"]
    assert rules(f"{tidy.MIGRATIONS}0001_x.py", HEAD + function(200)) == []


def test_module_size() -> None:
    assert rules("tools/x.py", "x = 1\n" * tidy.MODULE_LINES_MAX) == []
    assert rules("tools/x.py", "x = 1\n" * (tidy.MODULE_LINES_MAX + 1)) == ["module-size"]


def test_columns() -> None:
    assert rules("tools/x.py", f"x = '{'a' * 94}'\n") == []
    assert rules("tools/x.py", f"x = '{'a' * 95}'\n") == ["columns"]


def test_module_docstring() -> None:
    assert rules("src/tradedeck/risk/rules.py", "x = 1\n") == ["module-docstring"]
    assert rules("src/tradedeck/risk/__init__.py", "") == []
    assert rules("tests/risk/test_rules.py", "x = 1\n") == []


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        ("datetime.utcnow()", "banned-call"),
        ("datetime.datetime.utcnow()", "banned-call"),
        ("yaml.load(text)", "banned-call"),
        ("eval(text)", "banned-call"),
        ("exec(text)", "banned-call"),
        ("datetime.now()", "naive-datetime"),
        ("print(text)", "print"),
    ],
)
def test_banned_calls(call: str, rule: str) -> None:
    assert rules("src/tradedeck/api/x.py", f"{HEAD}{call}\n") == [rule]


def test_the_right_calls_are_allowed() -> None:
    text = f"{HEAD}datetime.now(UTC)\nyaml.safe_load(text)\ntree.eval(text)\n"
    assert rules("src/tradedeck/api/x.py", text) == []
    assert rules("src/tradedeck/cli/x.py", f"{HEAD}print(text)\n") == []


@pytest.mark.parametrize("module", ["pickle", "dill", "shelve", "marshal"])
def test_banned_imports(module: str) -> None:
    assert rules("tools/x.py", f"import {module}\n") == ["banned-import"]
    assert rules("tools/x.py", f"from {module} import loads\n") == ["banned-import"]


def test_clocks_are_read_outside_decisions_only() -> None:
    for call in ("time.time()", "time.time_ns()", "datetime.now(UTC)"):
        assert rules("src/tradedeck/execution/gate.py", f"{HEAD}{call}\n") == ["clock"]
        assert rules("src/tradedeck/runner/main.py", f"{HEAD}{call}\n") == []


def test_no_float_in_money() -> None:
    assert rules("src/tradedeck/execution/ledger.py", f"{HEAD}float(x)\n") == ["float-money"]
    assert rules("src/tradedeck/engine/performance.py", f"{HEAD}float(x)\n") == []


def test_a_permit_is_made_by_the_gate_alone() -> None:
    for call in ("Permit(x)", "permit.Permit(x)", "Permit.mint(x)"):
        assert rules("src/tradedeck/execution/gate.py", f"{HEAD}{call}\n") == []
        assert rules("src/tradedeck/engine/loop.py", f"{HEAD}{call}\n") == ["permit"]
        assert rules("src/tradedeck/adapters/brokers/x.py", f"{HEAD}{call}\n") == ["permit"]


@pytest.mark.parametrize("kind", ["", " Exception", " BaseException", " (OSError, Exception)"])
def test_broad_handlers_need_a_reason(kind: str) -> None:
    bare = f"try:\n    f()\nexcept{kind}:\n    g()\n"
    assert rules("tools/x.py", bare) == ["broad-except"]
    said = f"try:\n    f()\nexcept{kind}:  # a strategy may raise anything\n    g()\n"
    assert rules("tools/x.py", said) == []
    codes = f"try:\n    f()\nexcept{kind}:  # noqa: BLE001\n    g()\n"
    assert rules("tools/x.py", codes) == ["broad-except", "suppression"]


def test_a_narrow_handler_needs_none() -> None:
    assert rules("tools/x.py", "try:\n    f()\nexcept OSError:\n    g()\n") == []


@pytest.mark.parametrize(
    "kind", ["noqa", "noqa: E501", "type: ignore", "type: ignore[misc]", "pyright: ignore[x]"]
)
def test_suppressions_need_a_reason(kind: str) -> None:
    assert rules("tools/x.py", f"x = 1  # {kind}\n") == ["suppression"]
    assert rules("tools/x.py", f"x = 1  # {kind} - ok\n") == ["suppression"]
    assert rules("tools/x.py", f"x = 1  # {kind} - the library has no types\n") == []
    assert rules("tools/x.py", f"x = 1  # {kind} # the library has no types\n") == []


@pytest.mark.parametrize("mark", ["mark.skip", "mark.skipif", "skip", "importorskip"])
def test_tests_are_not_skipped(mark: str) -> None:
    assert rules("tests/x/test_x.py", f"pytest.{mark}('x')\n") == ["skip"]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        # Written with ^ for a slash: this file may not hold what it looks for either.
        ("https:^^packages.example.org^simple^", "index-address"),
        ("https:^^files.example.org^packages^ab^cd^x.whl", "index-address"),
        ('"resolved": "https:^^registry.example.org^x"', "index-address"),
        ("--index-url x", "index-address"),
        ("^root^thing", "machine-path"),
        ("see ^work^shared", "machine-path"),
        ("cd ^tmp^probe^x", "machine-path"),
        ("^home^someone^x", "machine-path"),
    ],
)
def test_addresses_and_paths(line: str, rule: str) -> None:
    line = line.replace("^", "/")
    assert [finding.rule for finding in tidy.check_text("README.md", f"a\n{line}\n")] == [rule]


def test_ordinary_paths_are_allowed() -> None:
    text = "web^root^x .^work^x https:^^example.org^work^x ^tmp^x runtime^home^x\n".replace(
        "^", "/"
    )
    assert list(tidy.check_text("README.md", text)) == []


def test_web_modules_are_bounded() -> None:
    long = "x\n" * (tidy.MODULE_LINES_MAX + 1)
    assert [f.rule for f in tidy.check_web_size("web/src/a.tsx", long)] == ["module-size"]
    assert list(tidy.check_web_size("web/src/api/__generated__/a.ts", long)) == []


def test_main_looks_at_what_git_would_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "ignored.py").write_text("import pickle\n")
    (tmp_path / "fine.py").write_text("x = 1\n")
    assert tidy.main([str(tmp_path)]) == 0
    (tmp_path / "bad.py").write_text("import pickle\n")
    assert tidy.main([str(tmp_path)]) == 1
    assert "bad.py:1: banned-import" in capsys.readouterr().out


def test_this_checkout_is_tidy() -> None:
    root = Path(__file__).resolve().parents[2]
    found = [str(f) for path in tidy.tracked(root) for f in tidy.check_file(root, path)]
    assert found == []
