"""The tree's arithmetic: the vectors of Certificate Transparency; every proof of small trees."""

from __future__ import annotations

import hashlib

import pytest

from tradedeck.audit import merkle
from tradedeck.audit.merkle import Edge, consistency, consistent, included, inclusion, leaf_hash

# The reference data of certificate-transparency (merkletree/merkle_tree_test.cc), RFC 6962.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
FIRST = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
SECOND = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
PAIR = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
RIGHT = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
FIFTH = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
LAST = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
THIRD_PAIR = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = {
    (0, 1): [],
    (0, 8): [SECOND, PAIR, RIGHT],
    (5, 8): [FIFTH, LAST, ROOTS[4]],
    (2, 3): [ROOTS[2]],
    (1, 5): [FIRST, PAIR, FIFTH],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [SECOND, PAIR, RIGHT],
    (6, 8): [THIRD_PAIR, LAST, ROOTS[4]],
    (2, 5): [PAIR, FIFTH],
}


def mth(leaves: list[bytes]) -> bytes:
    """Section 2.1 of the RFC, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def nodes(leaves: list[bytes]) -> merkle.Nodes:
    return lambda level, index: mth(leaves[index << level : (index + 1) << level])


def numbered(size: int) -> list[bytes]:
    return [str(number).encode() for number in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_rfc_6962_roots(size: int):
    edge = Edge()
    for entry in LEAVES[:size]:
        edge.append(leaf_hash(entry))
    assert edge.root().hex() == ROOTS[size]
    assert merkle.edge_of(size, nodes(LEAVES)).hashes == edge.hashes


@pytest.mark.parametrize("place", INCLUSION)
def test_rfc_6962_inclusion(place: tuple[int, int]):
    index, size = place
    proof = inclusion(index, size, nodes(LEAVES))
    assert [each.hex() for each in proof] == INCLUSION[place]
    root = bytes.fromhex(ROOTS[size])
    assert included(leaf_hash(LEAVES[index]), index, size, proof, root)


@pytest.mark.parametrize("sizes", CONSISTENCY)
def test_rfc_6962_consistency(sizes: tuple[int, int]):
    old, size = sizes
    proof = consistency(old, size, nodes(LEAVES))
    assert [each.hex() for each in proof] == CONSISTENCY[sizes]
    assert consistent(old, bytes.fromhex(ROOTS[old]), size, bytes.fromhex(ROOTS[size]), proof)


def spoiled(proof: list[bytes]) -> list[list[bytes]]:
    """Every proof that is almost this one."""
    found = [[*proof, bytes(32)], [bytes(32), *proof]]
    for at in range(len(proof)):
        found.append(proof[:at] + proof[at + 1 :])
        found.append([*proof[:at], bytes(32), *proof[at + 1 :]])
    return found


@pytest.mark.parametrize("size", range(1, 20))
def test_every_inclusion_proof_holds_and_no_other(size: int):
    leaves = numbered(size)
    root = mth(leaves)
    for index in range(size):
        proof = inclusion(index, size, nodes(leaves))
        leaf = leaf_hash(leaves[index])
        assert included(leaf, index, size, proof, root)
        assert not included(leaf_hash(b"other"), index, size, proof, root)
        assert not included(leaf, index, size, proof, bytes(32))
        assert not any(included(leaf, index, size, each, root) for each in spoiled(proof))
        others = set(range(-1, size + 2)) - {index}
        assert not any(included(leaf, other, size, proof, root) for other in others)


@pytest.mark.parametrize("size", range(1, 20))
def test_every_consistency_proof_holds_and_no_other(size: int):
    leaves = numbered(size)
    root = mth(leaves)
    for old in range(size + 1):
        before = mth(leaves[:old])
        proof = consistency(old, size, nodes(leaves))
        assert consistent(old, before, size, root, proof)
        assert not any(consistent(old, before, size, root, each) for each in spoiled(proof))
        assert not consistent(old, bytes(32), size, root, proof)
        if old:
            assert not consistent(old, before, size, bytes(32), proof)


def test_what_is_no_place_is_refused():
    with pytest.raises(ValueError, match="no leaf 3"):
        inclusion(3, 3, nodes(LEAVES))
    with pytest.raises(ValueError, match="does not begin"):
        consistency(4, 3, nodes(LEAVES))
    with pytest.raises(ValueError, match="hashes at its edge"):
        Edge(3, [bytes(32)])
    assert not consistent(4, bytes(32), 3, bytes(32), [])
    assert not consistent(3, bytes(32), 4, bytes(32), [])
