"""Merkle tree hashing of RFC 9162, section 2.1.1, one leaf at a time, and the proofs of sections 2.1.3 and 2.1.4.

The hash of n leaves is built from the roots of the perfect subtrees that n's binary digits name (the
frontier): a tree that grows by k leaves costs k hashes and a logarithm, however large it is.
"""

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A growing tree of which only the frontier is kept, largest subtree first."""

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        """ValueError when the frontier is not that of a tree of `size` leaves."""
        if len(frontier) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has another frontier")
        self.size, self.frontier = size, list(frontier)

    def add(self, data: bytes) -> None:
        """Append one leaf and merge the perfect subtrees that it completes."""
        self.add_hash(leaf_hash(data))

    def add_hash(self, node: bytes) -> None:
        """The same for a leaf of which only the hash is at hand."""
        size = self.size
        while size & 1:
            node = node_hash(self.frontier.pop(), node)
            size >>= 1
        self.frontier.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.frontier:
            return EMPTY
        root = self.frontier[-1]
        for left in reversed(self.frontier[:-1]):
            root = node_hash(left, root)
        return root


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over leaves of these hashes."""
    tree = Tree()
    for node in hashes:
        tree.add_hash(node)
    return tree.root()


def inclusion(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1: what leads from leaf `index` to the root over `hashes`, from below."""
    path: list[bytes] = []
    while len(hashes) > 1:
        half = _half(len(hashes))
        left, right = hashes[:half], hashes[half:]
        if index < half:
            path.append(root_of(right))
            hashes = left
        else:
            path.append(root_of(left))
            hashes, index = right, index - half
    return path[::-1]


def root_by(path: Sequence[bytes], index: int, size: int, leaf: bytes) -> bytes | None:
    """Section 2.1.3.2: the root that a path leads to from a leaf's hash; None when it fits no tree of that size."""
    if not 0 <= index < size:
        return None
    at, last, root = index, size - 1, leaf
    for node in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(node, root)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, node)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def consistency(old: int, hashes: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.4.1: what shows that the tree over the first `old` leaves is the beginning of that over all."""
    path: list[bytes] = []
    whole = True
    while old < len(hashes):
        half = _half(len(hashes))
        left, right = hashes[:half], hashes[half:]
        if old <= half:
            path.append(root_of(right))
            hashes = left
        else:
            path.append(root_of(left))
            hashes, old, whole = right, old - half, False
    return [*([] if whole else [root_of(hashes)]), *path[::-1]]


def is_beginning(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Section 2.1.4.2: whether a path of `consistency` leads to both roots."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    nodes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not nodes:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(node, first), node_hash(node, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, node)
        at, last = at >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, new_root)


def _half(size: int) -> int:
    """The largest power of two below `size`, which is at least two."""
    return 1 << (size - 1).bit_length() - 1
