"""The units that are written for systemd, held against systemd's own verifier."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import PROGRAM
from tradedeck.ops import leaving
from tradedeck.supervisor.environment import ALLOWED
from tradedeck.supervisor.systemd import TARGET, UNITS, WHOLE, Place, render

pytestmark = pytest.mark.processes


EXPOSURE_MAX = 3.0  # systemd's own scale, 0 to 10; a service without a sandbox has 9.6


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units of an installation in that folder, as the command writes them."""
    folder = tmp_path / "units"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", "service", str(folder), "--user", "daemon"],
        env=os.environ | {"TRADEDECK_HOME": str(tmp_path / "home"), "PYTHONPATH": str(PROGRAM)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return folder


def read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment] - keys of units are case-sensitive
    parser.read(path)
    return parser


def test_systemd_finds_no_fault(units: Path) -> None:
    names = sorted(str(path) for path in units.iterdir())
    assert len(names) == len(UNITS) + 3
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", *names],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    ours = [line for line in verdict.stderr.splitlines() if "tradedeck" in line]
    assert ours == []
    assert verdict.returncode == 0, verdict.stderr


def test_systemd_finds_a_fault_that_is_there(units: Path) -> None:
    path = units / "tradedeck-runner.service"
    path.write_text(path.read_text().replace("KillMode=mixed", "KillMode=gently"))
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "kill mode" in verdict.stderr


@pytest.mark.parametrize("name", [unit.name for unit in UNITS])
def test_each_is_shut_in(units: Path, name: str) -> None:
    unit = str(units / f"tradedeck-{name}.service")
    verdict = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    found = re.search(r"exposure level for .*: ([\d.]+)", verdict.stdout)
    assert found is not None, verdict.stderr
    assert float(found[1]) < EXPOSURE_MAX


def test_every_process_has_one_and_is_watched_from_its_loop(units: Path) -> None:
    assert {unit.name for unit in UNITS} == set(ALLOWED)
    for unit in UNITS:
        service = read(units / f"tradedeck-{unit.name}.service")
        assert service["Service"]["ExecStart"].endswith(f"supervisor only {unit.name}")
        assert service["Unit"]["StartLimitBurst"] == "5"
        assert service["Unit"]["OnFailure"] == f"tradedeck-failed@{unit.name}.service"
        assert service["Service"]["User"] == "daemon"
        if unit.notifies:
            assert service["Service"]["Type"] == "notify"
            assert float(service["Service"]["WatchdogSec"]) == 5


def test_a_stop_of_all_is_said_before_the_first_of_them_is_stopped(units: Path) -> None:
    """Stopping goes the other way round than `After`."""
    whole = read(units / "tradedeck-whole.service")
    services = {f"tradedeck-{unit.name}.service" for unit in UNITS}
    assert set(whole["Unit"]["After"].split()) == services
    assert whole["Unit"]["PartOf"] == TARGET
    assert WHOLE in read(units / TARGET)["Unit"]["Wants"].split()
    for name in services:  # of one alone it hears nothing
        assert WHOLE not in (units / name).read_text()
    home = units.parent / "home"
    for key, left in (("ExecStop", True), ("ExecStart", False)):
        subprocess.run(
            whole["Service"][key].split(),
            env=os.environ | {"TRADEDECK_HOME": str(home), "PYTHONPATH": str(PROGRAM)},
            check=True, timeout=60,
        )  # fmt: skip
        assert leaving.said(home) is left


def test_a_home_below_home_can_be_read_and_a_path_with_a_space_is_one_word() -> None:
    home = Path("/", "home", "ann", "td")
    place = Place(Path("/opt/trade deck/bin/python"), home, "ann", 5)
    text = render(place)["tradedeck-runner.service"]
    assert 'ExecStart="/opt/trade deck/bin/python" -m' in text
    assert "ProtectHome=read-only" in text
    assert f"ReadWritePaths={home}" in text
    elsewhere = Place(Path("/opt/td/bin/python"), Path("/var/lib/td"), "td", 0)
    text = render(elsewhere)["tradedeck-runner.service"]
    assert "ProtectHome=yes" in text
    assert "WatchdogSec" not in text


def test_the_same_installation_is_refused_without_a_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tradedeck.cli", "service", str(tmp_path / "none")],
        env=os.environ | {"TRADEDECK_HOME": str(tmp_path / "home"), "PYTHONPATH": str(PROGRAM)},
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "is not a folder" in done.stderr
