"""What a work tree changed, file by file, in the very form in which it is shown, signed and committed."""

import asyncio
import fnmatch
from dataclasses import dataclass
from typing import Literal

from activities.diff import unified
from activities.effects.git_commit import text_of
from contracts.errors import BadInput
from contracts.ticket import FileDiff
from ledger import ArtifactStore
from sandboxes.protocol import Sandbox

MOST_FILES = 200
LARGEST = 1 << 20
# What tests and tools leave behind where a project forgot to ignore it.
LEFT_BEHIND = (
    *("__pycache__/*", "*/__pycache__/*", "*.pyc", ".pytest_cache/*", "*/.pytest_cache/*", ".ruff_cache/*"),
    *("node_modules/*", "*/node_modules/*"),
)
SAFE = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


@dataclass(frozen=True)
class Change:
    """The files, and those that can't be part of a proposal, with why."""

    files: tuple[FileDiff, ...]
    left_out: tuple[str, ...]


async def changed(sandbox: Sandbox, folder: str, base: str, artifacts: ArtifactStore) -> Change:
    """Everything that differs from `base`, whether or not it was committed inside. Raises BadInput for too much."""
    tree = _Tree(sandbox, folder, base)
    paths = await tree.paths()
    if len(paths) > MOST_FILES:
        raise BadInput(f"The change touches {len(paths):,} files; {MOST_FILES} are the most that anybody can review.")
    files, left_out = list[FileDiff](), list[str]()
    for path in paths:
        before, after = await tree.before(path), await tree.after(path)
        why = _cannot(path, before, after)
        if why:
            left_out.append(f"{path}: {why}")
        elif before != after or await tree.mode(path, after):
            files.append(await _file(tree, path, before, after, artifacts))
    return Change(tuple(files), tuple(left_out))


async def _file(
    tree: "_Tree", path: str, before: bytes | None, after: bytes | None, artifacts: ArtifactStore
) -> FileDiff:
    mode = await tree.mode(path, after)
    old = None if before is None else text_of(before)
    diff = unified(path, old, None if after is None else text_of(after), mode=mode)
    lines = diff.splitlines()
    return FileDiff(
        path=path,
        diff=diff,
        ref="" if after is None else await asyncio.to_thread(artifacts.put, after),
        mode=mode,
        added=sum(line.startswith("+") and not line.startswith("+++ ") for line in lines),
        removed=sum(line.startswith("-") and not line.startswith("--- ") for line in lines),
    )


def _cannot(path: str, before: bytes | None, after: bytes | None) -> str:
    for data in (before, after):
        if data is not None and (b"\0" in data or len(data) > LARGEST):
            return "binary or larger than 1 MB"
    parts = path.split("/")
    return "not a path that can be committed" if ".git" in map(str.lower, parts) or "\n" in path else ""


@dataclass
class _Tree:
    """The work tree in its sandbox, and the commit that it started from."""

    sandbox: Sandbox
    folder: str
    base: str

    async def _git(self, *words: str) -> bytes:
        result = await self.sandbox.exec((*SAFE, *words), cwd=f"/work/{self.folder}", env={"GIT_OPTIONAL_LOCKS": "0"})
        if result.exit_code != 0:
            said = result.stderr.decode(errors="replace").strip()[-300:]
            raise BadInput(f"git can't tell what was changed: {said}", subject=self.folder)
        return result.stdout

    async def paths(self) -> list[str]:
        tracked = await self._git("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", self.base)
        new = await self._git("ls-files", "-z", "--others", "--exclude-standard")
        names = {name.decode(errors="surrogateescape") for name in (tracked + new).split(b"\0") if name}
        return sorted(name for name in names if not any(fnmatch.fnmatchcase(name, junk) for junk in LEFT_BEHIND))

    async def before(self, path: str) -> bytes | None:
        asked = f"{self.base}:{path}"
        result = await self.sandbox.exec((*SAFE, "cat-file", "blob", asked), cwd=f"/work/{self.folder}")
        return result.stdout if result.exit_code == 0 else None

    async def after(self, path: str) -> bytes | None:
        kind = await self.sandbox.exec(["stat", "-c", "%F", "--", path], cwd=f"/work/{self.folder}")
        if kind.exit_code != 0:
            return None
        if not kind.stdout.startswith(b"regular"):
            return b"\0"  # a link or a folder where a file was: nothing that can be shown as text
        return await self.sandbox.read(f"{self.folder}/{path}", limit=LARGEST * 4)

    async def mode(self, path: str, after: bytes | None) -> Literal["", "100644", "100755"]:
        """The file's mode where it is another than at the base, or new and executable; else empty."""
        if after is None:
            return ""
        asked = await self.sandbox.exec(["test", "-x", path], cwd=f"/work/{self.folder}")
        now: Literal["100644", "100755"] = "100755" if asked.exit_code == 0 else "100644"
        listed = await self._git("ls-tree", self.base, "--", path)
        then = listed.split(b" ", 1)[0].decode() or "100644"
        return now if now != then and then in ("100644", "100755") else ""
