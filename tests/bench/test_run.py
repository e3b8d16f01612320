from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import run as bench

FIGURE = {"name": "x", "value": 2.0, "unit": "s"}


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({}, True),
        ({"bound": 2.0}, True),
        ({"bound": 1.9}, False),
        ({"bound": 2.0, "better": "more"}, True),
        ({"bound": 2.1, "better": "more"}, False),
    ],
)
def test_bounds(more: dict[str, Any], kept: bool) -> None:
    assert bench.met(FIGURE | more) is kept
    assert bench.line(FIGURE | more).startswith("NO") is not kept


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ("raise RuntimeError", "ended with 1"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
        ("import time; time.sleep(600)", "took more than 5 s"),
        ('print(\'{"name": "cut o\')', "printed what is no figure"),
    ],
)
def test_a_bench_that_fails_is_a_missed_bound_and_the_others_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ends: str,
    words: str,
) -> None:
    monkeypatch.setattr(bench, "BENCHES", tmp_path)
    monkeypatch.setattr(bench, "WRITTEN", tmp_path / "build" / "bench.json")
    monkeypatch.setattr(bench, "SECONDS_MAX", 5)
    figure = 'print(\'{"name": "n", "value": 1, "unit": "s"}\', flush=True)\n'
    (tmp_path / "one.py").write_text(figure + ends)
    (tmp_path / "two.py").write_text(figure)
    assert bench.main([]) == 1
    assert f"2 benches, 1 bounds missed; one {words}" in capsys.readouterr().out
    written = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert [figure["bench"] for figure in written["figures"]] == ["one", "two"]
    assert written["failed"] == {"one": words}


def test_a_bench_that_measures_nothing_is_a_missed_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "BENCHES", tmp_path)
    monkeypatch.setattr(bench, "WRITTEN", tmp_path / "build" / "bench.json")
    (tmp_path / "one.py").write_text("print('nothing')\n")
    assert bench.main([]) == 1


def test_a_missed_bound_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "BENCHES", tmp_path)
    monkeypatch.setattr(bench, "WRITTEN", tmp_path / "build" / "bench.json")
    (tmp_path / "one.py").write_text(
        'print(\'noise\'); print(\'{"name": "n", "value": 3, "unit": "s", "bound": 2}\')\n'
    )
    (tmp_path / "_helper.py").write_text("raise SystemExit(3)\n")
    assert bench.main([]) == 1
    assert "1 benches, 1 bounds missed" in capsys.readouterr().out
    [figure] = json.loads((tmp_path / "build" / "bench.json").read_text())["figures"]
    assert figure == {"bench": "one", "name": "n", "value": 3, "unit": "s", "bound": 2,
                      "met": False}  # fmt: skip
    (tmp_path / "one.py").write_text('print(\'{"name": "n", "value": 1, "unit": "s"}\')\n')
    assert bench.main(["one"]) == 0
    # A name that is no bench has measured nothing.
    assert bench.main(["two"]) == 1
