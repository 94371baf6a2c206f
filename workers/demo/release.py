"""The repository of the fix demo: a released package as it was, with the test that its next release brought.

Nothing of it is kept in this repository: both releases come from the package index, pinned by their digests.
"""

import ast
import io
import json
import os
import subprocess
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from workers.demo.index import released as fetched
from workers.demo.repository import bare_clone_of

MOST_BYTES = 32 << 20  # of a release, unpacked


@dataclass(frozen=True)
class Bug:
    """A bug that two consecutive releases of a package show: the one has it, the other brought fix and test.

    `tests`: the file in which `test` is a function. `also`: files of the later release that its tests need today.
    """

    project: str
    before: str
    before_sha256: str
    after: str
    after_sha256: str
    licence: str
    source: str
    tests: str
    test: str
    also: tuple[str, ...]
    title: str
    body: str
    upstream: str


BOLTONS = Bug(
    project="boltons",
    before="25.0.0",
    before_sha256="e110fbdc30b7b9868cb604e3f71d4722dd8f4dcb4a5ddd06028ba8f1ab0b5ace",
    after="26.0.0",
    after_sha256="5566d6cfd5a1e873d8e8476496287a9f92979964611ad9a9cecb6b0ef29b1edd",
    licence="BSD",
    source="boltons/strutils.py",
    tests="tests/test_strutils.py",
    test="test_bytes2human",
    also=("tests/conftest.py",),  # the older one's hook is refused by pytest 9
    title="bytes2human(1024) says 1024B where it should say 1K",
    body=(
        "`strutils.bytes2human` shows sizes for people. Exact powers of 1024 come out in the unit below: 1024 gives "
        '"1024B" and 1024 ** 2 gives "1024K". We expect "1K" and "1M".'
    ),
    upstream="Fixed strutils.bytes2human rollover at exact powers of 1024",
)


@dataclass(frozen=True)
class Case:
    """What the demo works on: a repository and a ticket. `released`: the lines of the released fix, if there is one."""

    repository: Path
    ticket: Path
    title: str
    body: str
    says: str
    upstream: str = ""
    released: tuple[str, ...] = ()

    def cloned(self, folder: Path) -> "Case":
        """The same, on a bare clone in `folder`."""
        target = folder / f"{self.repository.name.removesuffix('.git')}.git"
        bare_clone_of(self.repository, target)
        return replace(self, repository=target)


def prepared(bug: Bug, folder: Path, kept: Path) -> Case:
    """Fetch both releases and make `folder/PROJECT.git` and `folder/ticket.json`. Raises IndexUnreachable."""
    before = _unpacked(_release(bug, bug.before, bug.before_sha256, kept))
    after = _unpacked(_release(bug, bug.after, bug.after_sha256, kept))
    source = folder / "source"
    _commit(source, before, f"{bug.project} {bug.before}, as it was released")
    text = before[bug.tests].decode().rstrip("\n") + "\n\n\n" + _function(after[bug.tests].decode(), bug.test)
    brought = {bug.tests: text.encode(), **{name: after[name] for name in bug.also}}
    _commit(source, brought, f"Bring {bug.test} of {bug.after}, which fails here")
    repository = bare_clone_of(source, folder / f"{bug.project}.git")
    ticket = folder / "ticket.json"
    ticket.write_text(json.dumps({"id": f"{bug.project}-1", "title": bug.title, "body": bug.body}, indent=2) + "\n")
    says = f"{bug.project} {bug.before} from PyPI, and {bug.test} of {bug.after}, which fails there"
    released = _added(before[bug.source], after[bug.source], bug)
    return Case(repository, ticket, bug.title, bug.body, says, bug.upstream, released)


def _release(bug: Bug, version: str, sha256: str, kept: Path) -> bytes:
    return fetched(bug.project, f"{bug.project}-{version}.tar.gz", sha256, kept)


def _unpacked(data: bytes) -> dict[str, bytes]:
    """The plain files of an sdist below its one folder. Links and odd names are left out."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            file = archive.extractfile(member) if member.isfile() else None
            if file is None or ".." in path.parts or ".git" in path.parts or not path.parts:
                continue
            found[str(path)] = file.read()
            if sum(map(len, found.values())) > MOST_BYTES:
                raise ValueError("The release is larger than it can be.")
    return found


def _function(text: str, name: str) -> str:
    """A function's own lines out of a file."""
    [node] = [each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef) and each.name == name]
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno]) + "\n"


def _added(before: bytes, after: bytes, bug: Bug) -> tuple[str, ...]:
    """The lines of the later release's function that the earlier one does not have, docstring left out."""
    name = bug.test.removeprefix("test_")
    old, new = (_code(_function(text.decode(), name)) for text in (before, after))
    return tuple(line for line in new if line not in old)


def _code(function: str) -> list[str]:
    [node] = ast.parse(function).body
    assert isinstance(node, ast.FunctionDef)
    if ast.get_docstring(node) is not None:
        node.body = node.body[1:]
    return [line.strip() for line in ast.unparse(node).splitlines()]


def _commit(folder: Path, files: dict[str, bytes], message: str) -> None:
    """Write the files and commit them, in a repository that is begun where there is none."""
    if not folder.is_dir():
        folder.mkdir()
        _git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    _git(folder, "add", "--all", "--force")
    _git(folder, "commit", "--quiet", "--message", message)


def _git(folder: Path, *arguments: str) -> None:
    """git on files that were just written here, whatever the person's own settings say."""
    who = ("-c", "user.name=Countersign demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgSign=false")
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, env={**environment, **own})
