"""The compose file: valid by the Compose specification, and giving the guard what it needs."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradedeck.settings import Settings
from tradedeck.supervisor import environment

ROOT = Path(__file__).resolve().parents[2]
OWN = tuple(environment.ALLOWED)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def test_it_is_valid_by_the_compose_specification(compose: dict[str, Any], tmp_path: Path) -> None:
    """Held against the specification's own schema, which the package check-jsonschema carries."""

    def verdict(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
             str(path)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    right = verdict(ROOT / "deploy" / "compose.yaml")
    assert right.returncode == 0, right.stdout
    broken = copy.deepcopy(compose)
    broken["services"]["runner"]["pid"] = 7
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(broken))
    assert verdict(tmp_path / "compose.yaml").returncode != 0


def test_every_process_of_ours_is_in_it(compose: dict[str, Any]) -> None:
    assert set(OWN) <= set(compose["services"])
    for name in OWN:
        service = compose["services"][name]
        assert [*service.get("entrypoint", []), *service.get("command", [])][-1] == name


def test_inv_6_the_guard_can_end_the_runner(compose: dict[str, Any]) -> None:
    """One pid namespace and one user: SIGKILL through a pidfd needs no capability then."""
    guard, runner = compose["services"]["guard"], compose["services"]["runner"]
    assert guard["pid"] == runner["pid"] == "service:pod"
    assert guard["user"] == runner["user"]
    assert "pid" not in compose["services"]["pod"]


@pytest.mark.parametrize("name", OWN)
def test_no_process_has_more_than_it_needs(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["read_only"] is True
    assert "no-new-privileges:true" in service["security_opt"]
    assert "ports" not in service  # only the proxy is reached from outside
    named = {key for key in service["environment"] if key not in environment.ALLOWED[name]}
    assert named <= {"TRADEDECK_HOME"}, "what the process may not know"


def test_nothing_in_it_arms_trading(compose: dict[str, Any]) -> None:
    armed = compose["services"]["runner"]["environment"]
    assert armed["PAPER_EXECUTION_ENABLED"] == "${PAPER_EXECUTION_ENABLED:-false}"
    assert armed["TRADING_MODE"] == "${TRADING_MODE:-}"
    assert "LIVE_TRADING" not in armed
    example = (ROOT / "deploy" / "env.example").read_text()
    assert "PAPER_EXECUTION_ENABLED=false" in example


def test_every_variable_is_one_of_ours(compose: dict[str, Any]) -> None:
    known = {str(field.alias) for field in Settings.model_fields.values()}
    for name in OWN:
        assert set(compose["services"][name]["environment"]) <= known


def test_every_service_says_whether_it_is_well(compose: dict[str, Any]) -> None:
    for name in ("api", "exchange", "guard", "runner"):
        check = compose["services"][name]["healthcheck"]["test"]
        assert check == ["CMD", "tradedeck", "probe", name]
    assert compose["services"]["proxy"]["healthcheck"]["test"][-1].endswith("/health")
