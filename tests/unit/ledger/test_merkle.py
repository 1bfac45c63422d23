"""Merkle trees against the published roots and a direct reading of RFC 6962."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.foundation import Invalid, Unproven
from bercail.ledger import (
    MerkleTree,
    consistency_proof,
    inclusion_proof,
    root,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that Certificate Transparency implementations publish for their tests.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
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


def defined(leaves: list[bytes]) -> bytes:
    """MTH, word for word as RFC 6962, section 2.1, defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + defined(leaves[:k]) + defined(leaves[k:])).digest()


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_gives_the_published_roots(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size]
    assert MerkleTree(LEAVES).root(size).hex() == ROOTS[size]


@pytest.mark.parametrize("size", [*range(1, 34), 255, 256, 257])
def test_gives_the_defined_root(size: int) -> None:
    assert root(numbered(size)) == defined(numbered(size)) == MerkleTree(numbered(size)).root()


def test_every_inclusion_proof_holds() -> None:
    leaves = numbered(35)
    for size in range(1, 36):
        for index in range(size):
            proof = inclusion_proof(leaves[:size], index)
            verify_inclusion(leaves[index], index, size, proof, root(leaves[:size]))


def test_every_consistency_proof_holds() -> None:
    leaves = numbered(35)
    for size in range(36):
        for earlier in range(size + 1):
            proof = consistency_proof(leaves[:size], earlier)
            verify_consistency(earlier, size, root(leaves[:earlier]), root(leaves[:size]), proof)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_an_altered_inclusion_proof_never_holds(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    leaves = numbered(size)
    proof = list(inclusion_proof(leaves, index))
    case = data.draw(st.sampled_from(["leaf", "index", "size", "cut", "longer", "swap", "edit"]))
    leaf, place, claimed = leaves[index], index, size
    if case == "leaf":
        leaf += b"x"
    elif case == "index":
        place = data.draw(st.integers(-1, size + 1).filter(lambda other: other != index))
    elif case == "size":
        claimed = index  # a smaller tree in which the leaf cannot be
    elif case == "longer":
        proof.append(bytes(32))
    elif not proof:
        leaf += b"x"
    elif case == "cut":
        proof.pop(data.draw(st.integers(0, len(proof) - 1)))
    elif case == "swap" and len(set(proof)) > 1:
        proof.reverse()
    else:
        proof[data.draw(st.integers(0, len(proof) - 1))] = bytes(32)
    with pytest.raises(Unproven):
        verify_inclusion(leaf, place, claimed, proof, root(leaves))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_an_altered_consistency_proof_never_holds(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    earlier = data.draw(st.integers(0, size))
    leaves = numbered(size)
    proof = list(consistency_proof(leaves, earlier))
    before, after = root(leaves[:earlier]), root(leaves)
    case = data.draw(st.sampled_from(["earlier root", "root", "sizes", "cut", "longer", "edit"]))
    if case == "root" and earlier:
        after = bytes(32)
    elif case == "sizes":
        earlier = size + 1
    elif case == "longer":
        proof.append(bytes(32))
    elif case == "cut" and proof:
        proof.pop(data.draw(st.integers(0, len(proof) - 1)))
    elif case == "edit" and proof:
        proof[data.draw(st.integers(0, len(proof) - 1))] = bytes(32)
    else:
        before = bytes(32)
    with pytest.raises(Unproven):
        verify_consistency(earlier, size, before, after, proof)


def test_a_leaf_is_not_a_node() -> None:
    left, right = (hashlib.sha256(b"\x00" + leaf).digest() for leaf in (b"a", b"b"))
    assert root([left + right]) != root([b"a", b"b"])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, 4)])
def test_refuses_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(Invalid):
        MerkleTree(numbered(3)).inclusion_proof(index, size)


@pytest.mark.parametrize(("earlier", "size"), [(-1, 3), (3, 2), (4, None)])
def test_refuses_a_tree_that_never_was(earlier: int, size: int | None) -> None:
    with pytest.raises(Invalid):
        MerkleTree(numbered(3)).consistency_proof(earlier, size)


def test_grows_leaf_by_leaf() -> None:
    tree = MerkleTree()
    for number, leaf in enumerate(numbered(70)):
        assert len(tree) == number
        tree.append(leaf)
    assert tree.root() == defined(numbered(70))
