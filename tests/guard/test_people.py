"""The host's list of people as a file: fail closed, changed on the host, journaled."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.authority.signing import person
from tradedeck.authority.people import document
from tradedeck.guard import people
from tradedeck.guard.people import Book
from tradedeck.kernel.errors import TradedeckError
from tradedeck.kernel.signing import SigningKey

ANN, BOB = person("ann", SigningKey.generate()), person("bob", SigningKey.generate())
KEYS = {p.name: document({p.name: p})["people"][0]["keys"][0] for p in (ANN, BOB)}


def test_no_file_names_nobody(tmp_path: Path):
    assert Book(tmp_path).read() == ({}, "")


def test_trusted_and_not_any_more(tmp_path: Path):
    book = Book(tmp_path)
    book.trust("ann", "risk", KEYS["ann"])
    book.trust("bob", "operator", KEYS["bob"])
    assert book.trust("bob", "risk", KEYS["bob"]) == {"ann": ANN, "bob": BOB}  # a role may change
    assert Book(tmp_path).read() == ({"ann": ANN, "bob": BOB}, "")
    file = tmp_path / people.NAME
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("# Whom this host trusts")
    assert book.distrust("ann") == {"bob": BOB}
    with pytest.raises(TradedeckError) as error:
        book.distrust("ann")
    assert error.value.code == "NOT_FOUND"


def test_ctl_18_a_key_of_somebody_else_is_not_written(tmp_path: Path):
    book = Book(tmp_path)
    book.trust("ann", "risk", KEYS["ann"])
    with pytest.raises(TradedeckError, match="has a key of ann"):
        book.trust("bob", "risk", KEYS["ann"])
    assert book.read() == ({"ann": ANN}, "")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("version: 1\npeople: [", "is no YAML"),
        ("version: 1\npeople: !!python/object:os.system []", "is no YAML"),
        ("version: 1\npeople: 7", "was not valid"),
        ("# " + "x" * people.BYTES_MAX, "longer than"),
    ],
    ids=["torn", "tagged", "wrong", "long"],
)
def test_ctl_18_what_cannot_be_read_is_a_fault_and_no_empty_list(
    tmp_path: Path, text: str, fault: str
):
    file = tmp_path / people.NAME
    file.write_text(text)
    file.chmod(0o600)
    found = Book(tmp_path).read()
    assert found.people == {}
    assert fault in found.fault


def test_ctl_18_a_file_that_others_may_read_or_that_points_elsewhere_is_a_fault(tmp_path: Path):
    file = tmp_path / people.NAME
    file.write_text(yaml.safe_dump(document({"ann": ANN})))
    file.chmod(0o644)
    assert "0600" in Book(tmp_path).read().fault
    file.chmod(0o600)
    assert not Book(tmp_path).read().fault
    file.rename(tmp_path / "elsewhere")
    file.symlink_to("elsewhere")
    assert "cannot be read" in Book(tmp_path).read().fault
    file.unlink()
    file.mkdir()
    assert Book(tmp_path).read().fault
