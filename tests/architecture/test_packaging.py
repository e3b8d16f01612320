"""What is installed: names, extras, hashes, and a wheel that carries the dashboard."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return found[0].lower()


def names_in(file: str) -> set[str]:
    lines = (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines()
    return {name_of(line) for line in lines if line and not line.startswith(("#", " ", "-"))}


def test_pyproject_names_what_is_pinned() -> None:
    project = PROJECT["project"]
    named = {name_of(text) for text in project["dependencies"]}
    listed = project["optional-dependencies"].values()
    extras = {name_of(text) for extra in listed for text in extra}
    assert named | extras == names_in("runtime.in")
    assert not named & extras


def test_pyproject_pins_nothing() -> None:
    for requirement in PROJECT["project"]["dependencies"]:
        assert not re.search(r"[=<>~]=|[<>]", requirement.split(";")[0]), requirement


def test_every_pin_has_a_hash() -> None:
    for file in ("runtime.txt", "dev.txt"):
        text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
        blocks = re.split(r"\n(?=[a-z0-9])", text)
        pinned = [block for block in blocks if "==" in block.split("\n")[0]]
        assert len(pinned) > 20
        assert [block.split("\n")[0] for block in pinned if "--hash=sha256:" not in block] == []


def test_what_runs_is_pinned_alike_for_developers() -> None:
    def pins(file: str) -> dict[str, str]:
        text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))

    runtime, developer = pins("runtime.txt"), pins("dev.txt")
    differing = {name for name, version in runtime.items() if developer.get(name) != version}
    assert differing == set()


def test_a_wheel_carries_the_dashboard_that_git_ignores() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "src/tradedeck/api/static/**" in wheel["artifacts"]
    assert "src/tradedeck/api/static/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_program_has_its_name() -> None:
    assert PROJECT["project"]["scripts"] == {"tradedeck": "tradedeck.cli.main:run"}


def test_a_built_wheel_has_everything_that_is_no_code(tmp_path: Path) -> None:
    """Built from a copy with a stand-in for the dashboard, which is not in the checkout."""
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    unwanted = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=unwanted)
    static = tmp_path / "src/tradedeck/api/static/assets"
    static.mkdir(parents=True)
    (static / "index.js").write_text("0")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "out"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (tmp_path / "out").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    data = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "static" not in path.parts
    }
    assert data - inside == set()
    assert "tradedeck/api/static/assets/index.js" in inside
    assert any(name.endswith("bundled/us_daily.csv.gz") for name in inside)
