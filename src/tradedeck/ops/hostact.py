"""Acts of the host: requests to the api over its unix socket in the home, mode 0600.

Written on the bare socket: http.client would cost the supervisor 3 MB for one request.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, cast

import orjson

from tradedeck.kernel.errors import Code, TradedeckError

ANSWER_BYTES_MAX = 1_000_000


def call(home: Path, path: str, body: dict[str, Any], *, timeout_s: float = 3.0) -> Any:
    """POST `body` to `path` of this home's api; its JSON answer, or its refusal raised."""
    data = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Tradedeck-Request: 1\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout_s)
            line.connect(str(home / "run" / "api.sock"))
            line.sendall(head.encode() + data)
            status, answer = _read(line)
    except (OSError, ValueError) as error:
        raise TradedeckError(
            Code.UNAVAILABLE,
            f"The api of the home {home} does not answer.",
            hint="Start it with `tradedeck up`.",
        ) from error
    value = orjson.loads(answer) if answer.strip() else None
    if status >= 400:
        problem = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        code = str(problem.get("code", ""))
        raise TradedeckError(
            Code(code) if code in Code.__members__ else Code.REFUSED,
            str(problem.get("detail", f"The api answered {status}.")),
            hint=str(problem.get("hint", "") or ""),
        )
    return value


def _read(line: socket.socket) -> tuple[int, bytes]:
    data = b""
    while len(data) < ANSWER_BYTES_MAX:
        piece = line.recv(65536)
        if not piece:
            break
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (header.partition(b":") for header in rest)
    }
    if fields.get(b"transfer-encoding") == b"chunked":
        body = _dechunk(body)
    return int(first.split()[1]), body


def _dechunk(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        whole, data = whole + data[:length], data[length + 2 :]
    return whole
