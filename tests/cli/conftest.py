"""An api that is only a recorder, on a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from typer.testing import CliRunner

from tradedeck.cli import home as home_module
from tradedeck.cli.main import app
from tradedeck.cli.output import complain
from tradedeck.kernel.errors import TradedeckError
from tradedeck.ops import exits


class Api:
    """Answers with what the test put under (method, path); remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                path, _, query = self.path.removeprefix("/api/v1").partition("?")
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                outer.asked.append(
                    {
                        "method": self.command,
                        "path": path,
                        "query": query,
                        "body": body,
                        "headers": {k.lower(): v for k, v in self.headers.items()},
                    }
                )
                status, answer = outer.answers.get((self.command, path), (200, {}))
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def give(self, method: str, path: str, answer: Any, status: int = 200) -> None:
        self.answers[method, path] = (status, answer)

    @property
    def last(self) -> dict[str, Any]:
        return self.asked[-1]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The recorder, named in the environment like a remote api."""
    made = Api()
    monkeypatch.setenv("TRADEDECK_URL", made.url)
    monkeypatch.setenv("TRADEDECK_TOKEN", "tdt_for-tests")
    home_module.find.cache_clear()
    yield made
    made.close()
    home_module.find.cache_clear()


Outcome = tuple[int, str, str]


@pytest.fixture
def deck() -> Callable[..., Outcome]:
    """Run a command as `run()` does: (exit code, stdout, stderr)."""

    def command(*arguments: str) -> Outcome:
        result = CliRunner().invoke(app, list(arguments))
        if isinstance(result.exception, TradedeckError):
            with redirect_stderr(StringIO()) as said:
                complain(result.exception)
            return int(exits.of(result.exception.code)), result.stdout, said.getvalue().rstrip()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return command
