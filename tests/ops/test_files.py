"""Private files: modes, atomicity, clear refusals."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.files import prepare_home, read_json, write_json, write_private


def test_home_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        home = prepare_home(tmp_path / "deep" / "home")
        write_json(home / "keys" / "a.json", {"a": 1})
    finally:
        os.umask(old)
    for path in home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert read_json(home / "keys" / "a.json") == {"a": 1}


def test_loose_modes_are_tightened(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    prepare_home(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_replace_is_whole_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_private(path, b"old")

    def torn(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", torn)
    with pytest.raises(TradedeckError) as full:
        write_private(path, b"new")
    assert full.value.code is Code.STORAGE
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_broken_json_is_named(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") is None
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(TradedeckError) as bad:
        read_json(tmp_path / "bad.json")
    assert bad.value.code is Code.INVALID_DATA
