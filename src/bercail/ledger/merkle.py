"""Merkle trees as in RFC 6962, section 2.1, with SHA-256.

Two levels of functions. Those that take *leaves* take the data of the leaves and
hash it; `MerkleTree` keeps a tree in memory and answers in the logarithm of its
size; `Nodes` is how a tree kept elsewhere (in tiles) is read by the same
functions. A proof that does not hold raises Unproven.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from bercail.foundation import Invalid, Unproven

Nodes = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree of 2**height leaves that is number `index` of its row:
`nodes(height, index)` covers the leaves from `index << height`."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf: SHA-256(00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children: SHA-256(01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Root of the tree over `leaves` (their data, not their hashes)."""
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves])


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """Root of the tree whose leaf hashes, or rows of equal complete subtrees, are `hashes`."""
    row = list(hashes)
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        joined = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = joined + row[len(row) - len(row) % 2 :]
    return row[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index` in the tree over `leaves`, from its sibling upward."""
    return MerkleTree(leaves).inclusion_proof(index)


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> tuple[bytes, ...]:
    """The proof that the tree over the first `earlier` leaves is a beginning of the whole one."""
    return MerkleTree(leaves).consistency_proof(earlier)


class MerkleTree:
    """A tree that grows by appending leaves; proofs cost the logarithm of its size."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._rows: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._rows[0])

    def append(self, leaf: bytes) -> None:
        """Add one leaf (its data)."""
        self.append_hash(leaf_hash(leaf))

    def append_hash(self, hashed: bytes) -> None:
        """Add one leaf by its leaf hash."""
        self._rows[0].append(hashed)
        height = 0
        while len(self._rows[height]) % 2 == 0:
            left, right = self._rows[height][-2:]
            height += 1
            if height == len(self._rows):
                self._rows.append([])
            self._rows[height].append(node_hash(left, right))

    def root(self, size: int | None = None) -> bytes:
        """Root of the tree over the first `size` leaves, all of them by default."""
        return subtree_root(self._node, 0, self._within(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Audit path of leaf `index` in the tree of the first `size` leaves."""
        return inclusion_path(self._node, index, self._within(size))

    def consistency_proof(self, earlier: int, size: int | None = None) -> tuple[bytes, ...]:
        """Proof that the tree of `earlier` leaves is a beginning of the tree of `size`."""
        return consistency_path(self._node, earlier, self._within(size))

    def _node(self, height: int, index: int) -> bytes:
        return self._rows[height][index]

    def _within(self, size: int | None) -> int:
        if size is None:
            return len(self)
        if not 0 <= size <= len(self):
            raise Invalid(f"The tree has {len(self)} leaves, not `{size}`.")
        return size


def subtree_root(nodes: Nodes, start: int, end: int) -> bytes:
    """Root over the leaves from `start` to `end`, where `start` is a multiple of a power of two
    that is at least `end - start` (every range met in a proof is)."""
    count = end - start
    if count == 0:
        return EMPTY_ROOT
    height = count.bit_length() - 1
    if count == 1 << height:
        return nodes(height, start >> height)
    middle = start + _split(count)
    return node_hash(subtree_root(nodes, start, middle), subtree_root(nodes, middle, end))


def inclusion_path(nodes: Nodes, index: int, size: int) -> tuple[bytes, ...]:
    """PATH of RFC 6962, section 2.1.1; Invalid when the tree has no leaf `index`."""
    if not 0 <= index < size:
        raise Invalid(f"The tree has {size} leaves: there is no leaf `{index}`.")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree_root(nodes, middle, end))
            end = middle
        else:
            path.append(subtree_root(nodes, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_path(nodes: Nodes, earlier: int, size: int) -> tuple[bytes, ...]:
    """PROOF of RFC 6962, section 2.1.2; empty when `earlier` is 0 or `size`."""
    if not 0 <= earlier <= size:
        raise Invalid(f"The tree has {size} leaves: it never had `{earlier}`.")
    if earlier in (0, size):
        return ()
    path: list[bytes] = []
    start, end, whole = 0, size, True
    while end != earlier:
        middle = start + _split(end - start)
        if earlier <= middle:
            path.append(subtree_root(nodes, middle, end))
            end = middle
        else:
            path.append(subtree_root(nodes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(subtree_root(nodes, start, end))
    return tuple(reversed(path))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Raise Unproven unless `proof` shows that `leaf` (its data) is number `index` of `size`."""
    if not 0 <= index < size:
        raise Unproven(f"Leaf `{index}` cannot be in a tree of {size} leaves.")
    reached, node, last = leaf_hash(leaf), index, size - 1
    for sibling in proof:
        if last == 0:
            raise Unproven(f"The inclusion proof of leaf `{index}` is too long.")
        if node & 1 or node == last:
            reached = node_hash(sibling, reached)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or reached != expected_root:
        raise Unproven(
            f"The inclusion proof of leaf `{index}` does not lead to the root of {size} leaves."
        )


def verify_consistency(
    earlier: int, size: int, earlier_root: bytes, expected_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise Unproven unless `proof` shows that the tree of `earlier` leaves is a beginning."""
    failure = Unproven(f"The tree of {size} leaves is not a continuation of that of {earlier}.")
    if not 0 <= earlier <= size:
        raise failure
    if earlier in (0, size):
        same = earlier_root == (expected_root if earlier else EMPTY_ROOT)
        if proof or not same:
            raise failure
        return
    # The earlier tree, when complete, is itself the first node of the path (RFC 9162, 2.1.4.2).
    complete = earlier & (earlier - 1) == 0
    reached = _climb(earlier - 1, size - 1, [earlier_root, *proof] if complete else proof)
    if reached != (earlier_root, expected_root):
        raise failure


def _climb(node: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The two roots that a consistency path leads to; None when its length is wrong."""
    while node & 1:
        node, last = node >> 1, last >> 1
    if not path:
        return None
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None


def _split(count: int) -> int:
    """The largest power of two below `count` (which is at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)
