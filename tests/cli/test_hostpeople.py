"""A person's key on the command line, and the host's list, over the socket of a real guard."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_stop import Deck
from tests.guard.harness import deck as guarded
from tests.program import PROGRAM
from tradedeck.cli import personkey
from tradedeck.kernel.signing import SigningKey, VerifyKey
from tradedeck.ops.exits import Exit


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "me" / "person.json"
    monkeypatch.setenv(personkey.VARIABLE, str(file))
    return file


def test_a_key_is_made_once_and_its_private_half_stays(deck: Deck, own: Path):
    assert deck("key", "show")[0] == Exit.NOT_FOUND
    assert deck("key", "create", "Ann")[0] == Exit.REFUSED
    code, out, _ = deck("key", "create", "ann", "--json")
    assert code == Exit.OK
    told = json.loads(out)
    assert own.stat().st_mode & 0o777 == 0o600
    assert own.parent.stat().st_mode & 0o777 == 0o700
    name, key = personkey.load()
    assert (name, key.verify_key().raw.hex()) == ("ann", told["public"])
    assert key.raw().hex() not in out
    assert VerifyKey(bytes.fromhex(told["public"])).verify(key.sign(b"x"), b"x")
    assert deck("key", "create", "ann")[0] == Exit.CONFLICT
    assert f"people trust ann --role risk --key {told['public']}" in deck("key", "show")[1]
    own.chmod(0o644)
    assert deck("key", "show")[0] == Exit.REFUSED
    own.chmod(0o600)
    own.write_text('{"name": "ann", "key": "zz"}')
    assert deck("key", "show")[0] == Exit.REFUSED


@pytest.mark.processes
def test_the_host_trusts_and_distrusts(tmp_path: Path):
    with guarded(tmp_path) as d:

        def run(*arguments: str) -> tuple[int, str]:
            done = subprocess.run(
                [sys.executable, "-m", "tradedeck.cli", "people", *arguments],
                env={"TRADEDECK_HOME": str(d.home), "PYTHONPATH": str(PROGRAM), "USER": "root"},
                capture_output=True, text=True, check=False, timeout=60, cwd=d.home,
            )  # fmt: skip
            return done.returncode, done.stdout + done.stderr

        assert "names nobody" in run("list")[1]
        assert run("trust", "ann")[0] == Exit.USAGE
        assert run("trust", "ann", "--key", "00")[0] == Exit.REFUSED
        for name in ("ann", "bob"):
            public = SigningKey.generate().verify_key().raw.hex()
            code, out = run("trust", name, "--key", public)
            assert code == Exit.OK, out
        assert "the word of two" in out
        passkey = tmp_path / "passkey.json"
        found = {"kind": "passkey-es256", "public": "04" + "11" * 64, "rp": "d", "origins": ["o"]}
        passkey.write_text(json.dumps(found))
        assert run("trust", "bob", "--passkey", str(passkey))[0] == Exit.OK
        told = json.loads(run("list", "--json")[1])
        assert [person["name"] for person in told["people"]] == ["ann", "bob"]
        assert found in told["people"][1]["keys"]
        assert run("distrust", "eve")[0] == Exit.NOT_FOUND
        code, out = run("distrust", "bob")
        assert (code, "the word of two" in out) == (Exit.OK, False)
        facts = [fact.body["detail"] for fact in d.facts("alarm")]
        assert facts[-1] == "bob is not trusted any more with lifts on this host, by host:root"
