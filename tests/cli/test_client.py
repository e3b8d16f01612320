"""Reaching the api: tokens of the host, absence, refusal."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Api, Outcome
from tradedeck.cli import home as home_module

Deck = Callable[..., Outcome]


class Host(threading.Thread):
    """The socket for acts of the host; makes a new token each time."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.start()

    def run(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line:
                head, _, body = line.recv(65536).partition(b"\r\n\r\n")
                self.asked.append((head.split()[1].decode(), json.loads(body)))
                answer = {
                    "id": "tok_1",
                    "token": f"secret{len(self.asked)}",
                    "role": self.asked[-1][1].get("role", ""),
                    "expires_at": "2099-01-01T00:00:00Z",
                    "path": "/sign-in#token=once",
                }
                data = json.dumps(answer).encode()
                line.sendall(
                    b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n" % len(data) + data
                )


@pytest.fixture
def host(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.delenv("TRADEDECK_URL")
    monkeypatch.delenv("TRADEDECK_TOKEN")
    monkeypatch.setenv("TRADEDECK_HOME", str(tmp_path))
    for folder in ("run", "keys"):
        (tmp_path / folder).mkdir()
    (tmp_path / "run" / "api.json").write_text(json.dumps({"url": api.url}))
    home_module.find.cache_clear()
    return Host(tmp_path / "run" / "api.sock")


def test_a_token_of_the_needed_role_is_asked_for_once(
    api: Api, host: Host, deck: Deck, tmp_path: Path
) -> None:
    assert deck("traders")[0] == deck("positions")[0] == 0
    assert [body["role"] for _, body in host.asked] == ["viewer"]
    assert api.last["headers"]["authorization"] == "Bearer secret1"
    assert deck("flatten", "-y")[0] == 0
    assert [body["role"] for _, body in host.asked] == ["viewer", "operator"]
    kept = tmp_path / "keys" / "cli.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_revoked_token_is_replaced_once(api: Api, host: Host, deck: Deck) -> None:
    assert deck("traders")[0] == 0
    api.give("GET", "/traders", {"code": "UNAUTHENTICATED", "detail": "No."}, 401)
    assert deck("traders")[0] == 6
    assert len(host.asked) == 2


def test_links_and_tokens_are_made_on_the_host(host: Host, deck: Deck) -> None:
    code, out, _ = deck("token", "link", "--role", "viewer")
    assert code == 0
    assert out.startswith("Sign in: http://localhost:")
    assert out.strip().endswith("/sign-in#token=once")
    code, out, err = deck("token", "create", "--role", "operator", "--days", "2")
    assert (code, out) == (0, "secret2\n")
    assert "role operator" in err
    assert deck("token", "create", "--role", "king")[0] == 2


def test_nothing_running_is_said(
    deck: Deck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEDECK_HOME", str(tmp_path))
    home_module.find.cache_clear()
    code, _, err = deck("status")
    assert code == 4
    assert "tradedeck up" in err
    assert deck("processes")[0] == deck("down")[0] == deck("token", "link")[0] == 4
    home_module.find.cache_clear()


def test_a_dead_address_is_said(deck: Deck, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("TRADEDECK_URL", f"http://127.0.0.1:{port}")
    assert deck("status")[0] == 6  # no token either
    monkeypatch.setenv("TRADEDECK_TOKEN", "x")
    code, _, err = deck("status")
    assert code == 4
    assert "cannot be reached" in err


def test_the_demo_is_found_when_only_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRADEDECK_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    demo = tmp_path / "tradedeck" / "demo" / "run"
    demo.mkdir(parents=True)
    (demo / "api.json").write_text("{}")
    home_module.find.cache_clear()
    assert home_module.find() == demo.parent
    (tmp_path / "tradedeck" / "run").mkdir()
    (tmp_path / "tradedeck" / "run" / "api.json").write_text("{}")
    home_module.find.cache_clear()
    assert home_module.find() == tmp_path / "tradedeck"
    home_module.find.cache_clear()
