"""A tree with files replaced, added or removed, made of ls-tree and mktree: no index and no work tree takes part."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.effects.git_place import Place
from contracts.errors import ChangelogStructure

FILE, EXECUTABLE, TREE = "100644", "100755", "040000"


@dataclass(frozen=True)
class TreeEntry:
    """One line of a tree. `name` is bytes: file names need not be UTF-8."""

    mode: str
    kind: str
    sha: str
    name: bytes

    def line(self) -> bytes:
        return f"{self.mode} {self.kind} {self.sha}\t".encode() + self.name + b"\0"


async def _entries(place: Place, tree: str) -> list[TreeEntry]:
    listed = await place.must("ls-tree", "-z", "--full-tree", tree)
    found = []
    for line in filter(None, listed.split(b"\0")):
        head, _, name = line.partition(b"\t")
        mode, kind, sha = head.decode().split()
        found.append(TreeEntry(mode, kind, sha, name))
    return found


async def tree_with(place: Place, tree: str, path: str, blob: str, mode: str = "") -> str:
    """The SHA of `tree` with `blob` at `path`. Without a `mode`, an executable file stays one.

    An empty `blob` removes the file, and the folders that it leaves empty. ChangelogStructure where a link, a submodule
    or a file stands in the path.
    """
    *folders, name = path.split("/")
    levels = await _levels(place, tree, path, folders)
    old = _named(levels[-1], name)
    if old is not None and old.mode not in (FILE, EXECUTABLE):
        raise _in_the_way(path, name)
    entry = TreeEntry(mode or (old.mode if old else FILE), "blob", blob, name.encode())
    for level, folder in zip(reversed(levels), [*reversed(folders), ""], strict=True):
        kept = [one for one in level if one.name != entry.name]
        entries = [*kept, entry] if entry.sha else kept
        # git knows no empty folder, but for the tree itself.
        sha = await _make(place, entries) if entries or not folder else ""
        entry = TreeEntry(TREE, "tree", sha, folder.encode())
    return entry.sha


async def _levels(place: Place, tree: str, path: str, folders: Sequence[str]) -> list[list[TreeEntry]]:
    """What is in the tree, in the first of the folders, in the one below it, and so on; nothing in one to be made."""
    levels: list[list[TreeEntry]] = [await _entries(place, tree)]
    for folder in folders:
        found = _named(levels[-1], folder)
        if found is not None and found.mode != TREE:
            raise _in_the_way(path, folder)
        levels.append(await _entries(place, found.sha) if found else [])
    return levels


async def _make(place: Place, entries: list[TreeEntry]) -> str:
    # --missing: a partial clone need not hold what we only mention again. mktree sorts.
    said = await place.must("mktree", "-z", "--missing", stdin=b"".join(entry.line() for entry in entries))
    return said.decode().strip()


def _named(entries: list[TreeEntry], name: str) -> TreeEntry | None:
    return next((entry for entry in entries if entry.name == name.encode()), None)


def _in_the_way(path: str, part: str) -> ChangelogStructure:
    return ChangelogStructure(
        f"{path!r} can't be written: {part!r} is a link, a submodule, or not a folder.",
        subject=path,
        way_out="Name another file.",
    )
