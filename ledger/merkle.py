"""Merkle tree hashing of RFC 9162, section 2.1.1, one leaf at a time.

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
        node, size = leaf_hash(data), self.size
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
