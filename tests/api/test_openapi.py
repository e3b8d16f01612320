"""CTL-16: the served document is the one checked in, and no request to it gets a 5xx."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.deck import Wire, running
from tradedeck.adapters.bus.types import Message
from tradedeck.api.app import build
from tradedeck.api.openapi import document

ROOT = Path(__file__).parents[2]
DOCUMENT = document(build())
EXAMPLES = 10
# They answer as long as one listens; their own cases are in test_events.
ENDLESS = {"/api/v1/events", "/api/v1/logs/stream"}
OPERATIONS = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
    if path not in ENDLESS
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = openapi.from_dict(DOCUMENT)


@dataclass
class Served:
    url: str
    token: str


def test_the_checked_in_document_is_current():
    spec = importlib.util.spec_from_file_location("gen", ROOT / "tools" / "gen_openapi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_bytes() == module.render(), "run tools/gen_openapi.py"


def test_every_refusal_is_declared_as_a_problem():
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            if path == "/health":
                continue
            assert {"400", "401", "403", "503"} <= set(operation["responses"]), (method, path)
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert "application/problem+json" in response["content"], (path, status)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real api in a thread of its own; runner and guard accept whatever they are told."""
    home = tmp_path_factory.mktemp("fuzz") / "h"
    up, stop, found = threading.Event(), asyncio.Event(), {}

    async def accept(message: Message) -> Any:
        return {"id": "env_x", "accepted": True, "ok": True, "code": "", "detail": ""}

    async def whole() -> None:
        wire = Wire()
        await wire.bus.serve("cmd.*", accept)
        await wire.bus.serve("kill.*", accept)
        async with running(home, wire) as deck:
            found.update(deck=Served(deck.url, deck.token), loop=asyncio.get_running_loop())
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(whole()), daemon=True)
    thread.start()
    assert up.wait(60)
    yield found["deck"]
    found["loop"].call_soon_threadsafe(stop.set)
    thread.join(60)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_ctl_16_no_5xx_and_no_undeclared_answer(served: Served, method: str, path: str):
    operation = SCHEMA[path][method]
    declared = DOCUMENT["paths"][path][method.lower()]["responses"]

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def fuzz(case: schemathesis.Case) -> None:
        answer = case.call(base_url=served.url, headers={"authorization": f"Bearer {served.token}"})
        assert answer.status_code < 500, answer.text
        assert str(answer.status_code) in declared, (answer.status_code, answer.text)
        case.validate_response(answer, checks=CHECKS)

    fuzz()
