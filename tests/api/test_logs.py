from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson

from tests.api.deck import Wire, running


def test_logs_are_followed_live(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            path = home / "logs" / "runner.jsonl"
            query = "/logs/stream?process=runner&level=warning"
            async with client.stream("GET", query) as response:
                lines = response.aiter_lines()
                assert (await anext(lines)) == "retry: 1000"
                while (await anext(lines)) != "":
                    pass
                for level in ("info", "error"):
                    row = {
                        "at": "t",
                        "level": level,
                        "process": "runner",
                        "event": level,
                        "token": "planted",
                    }
                    with path.open("ab") as file:
                        file.write(orjson.dumps(row) + b"\n")
                async with asyncio.timeout(60):
                    text = ""
                    while not text.startswith("data: "):
                        text = await anext(lines)
                found = orjson.loads(text.removeprefix("data: "))
                assert (found["event"], found["fields"]["token"]) == ("error", "[redacted]")

    play(scenario)
