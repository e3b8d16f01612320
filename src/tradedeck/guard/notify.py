"""The guard's own channel to a person, for when the api is dead: a webhook, or a host's program.

Bounded and in a thread of its own: words that cannot be delivered are counted and dropped, and a
kill never waits for them. The address may hold a secret and is never logged.
"""

from __future__ import annotations

import queue
import subprocess
import threading
from typing import Any

import orjson
import structlog

WAITING_MAX = 64
TIMEOUT_S = 10.0
log: Any = structlog.get_logger(__name__)


class Notifier:
    """Delivers words to `url` by POST of JSON, and to `command` on its standard input.

    Args:
        url: `https://…` (or `http://` on a trusted network); empty: none.
        command: an executable's path; empty: none. It gets JSON and an almost empty environment.
        home: named in each message.

    """

    def __init__(self, url: str, command: str, home: str) -> None:
        self._url, self._command, self._home = url, command, home
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None
        self.dropped = 0
        self.failed = 0

    @property
    def configured(self) -> bool:
        """Whether there is a channel."""
        return bool(self._url or self._command)

    def say(self, subject: str, detail: str, at: str) -> None:
        """Queue a message; at once, whatever the channel does."""
        if not self.configured:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
            self._thread.start()
        words = {"subject": subject, "detail": detail, "at": at, "home": self._home}
        try:
            self._waiting.put_nowait(orjson.dumps(words | {"text": f"{subject}: {detail}"}))
        except queue.Full:
            self.dropped += 1

    def close(self, timeout_s: float = 1.0) -> None:
        """Give what waits a moment to go out."""
        if self._thread is None:
            return
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (data := self._waiting.get()) is not None:
            for send in (self._post, self._start):
                try:
                    send(data)
                except Exception as error:  # noqa: BLE001 - any channel may fail in any way
                    self.failed += 1
                    log.warning("a notification failed", reason=type(error).__name__)

    def _post(self, data: bytes) -> None:
        if not self._url:
            return
        from urllib.request import Request, urlopen  # 4 MB that most hosts never need

        head = {"Content-Type": "application/json"}
        request = Request(self._url, data, head, method="POST")  # noqa: S310 - the host's own
        with urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - the same address
            pass

    def _start(self, data: bytes) -> None:
        if self._command:
            subprocess.run(
                [self._command], input=data, timeout=TIMEOUT_S, check=True, env={},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
