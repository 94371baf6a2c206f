"""Real git repositories for tests, built through `git fast-import` in milliseconds."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

START = 1_700_000_000
DAY = 86_400

QUIET = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "HOME": "/nonexistent",
}


def git(folder: Path, *args: str, stdin: bytes | None = None) -> str:
    """Run git as nobody in particular; raises with its words when it fails."""
    done = subprocess.run(["git", "-C", str(folder), *args], input=stdin, capture_output=True, env=QUIET)
    if done.returncode:
        raise AssertionError(f"git {args} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace").strip()


@dataclass
class Commit:
    """One commit to import. `files` maps paths to bytes (None deletes), or to (mode, bytes)."""

    message: str | bytes
    files: Mapping[str | bytes, bytes | tuple[str, bytes] | None] = field(default_factory=dict)
    branch: str = "main"
    merge: str = ""
    start: str = ""
    author: str = "Ada Lovelace <ada@example.org>"
    time: int | None = None
    tag: str = ""


def build(folder: Path, commits: Iterable[Commit], *, checkout: bool = False) -> Path:
    """A repository with these commits, in order; tags are made on the commits that name one."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    stream(folder, commits)
    if checkout:
        git(folder, "reset", "--quiet", "--hard")
    return folder


def stream(folder: Path, commits: Iterable[Commit]) -> None:
    """Import commits into a repository that may have some already."""
    command = ["git", "-C", str(folder), "fast-import", "--quiet", "--force"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=QUIET) as process:
        assert process.stdin
        for number, commit in enumerate(commits):
            process.stdin.write(_bytes(commit, START + number * 60))
        process.stdin.close()
        assert process.wait() == 0


def _bytes(commit: Commit, time: int) -> bytes:
    when = commit.time if commit.time is not None else time
    message = commit.message.encode() if isinstance(commit.message, str) else commit.message
    at = "^0" if commit.start == commit.branch else ""  # go on where an earlier import ended
    rows = [
        f"commit refs/heads/{commit.branch}\n".encode(),
        f"author {commit.author} {when} +0000\n".encode(),
        f"committer {commit.author} {when} +0000\n".encode(),
        b"data %d\n%s\n" % (len(message), message),
        f"from refs/heads/{commit.start}{at}\n".encode() if commit.start else b"",
        f"merge refs/heads/{commit.merge}\n".encode() if commit.merge else b"",
        *(_file(path, content) for path, content in commit.files.items()),
        b"\n",
    ]
    if commit.tag:
        rows.append(f"reset refs/tags/{commit.tag}\nfrom refs/heads/{commit.branch}\n\n".encode())
    return b"".join(rows)


def _file(path: str | bytes, content: bytes | tuple[str, bytes] | None) -> bytes:
    name = _quoted(path.encode() if isinstance(path, str) else path)
    if content is None:
        return b"D %s\n" % name
    mode, data = content if isinstance(content, tuple) else ("100644", content)
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), name, len(data), data)


def _quoted(path: bytes) -> bytes:
    return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


KINDS = ("Fix", "Add", "Refactor", "Document", "Bump", "Remove")
TYPES = ("fix: correct", "feat: add", "refactor: move", "docs: explain", "chore: bump", "feat!: remove")


def many(count: int, *, conventional: bool = False) -> Iterable[Commit]:
    """Synthetic history: small edits, a few kinds of subjects, no tags."""
    for number in range(count):
        kind = (TYPES if conventional else KINDS)[number % 6]
        subject = f"{kind} part {number % 97} of module {number % 31} (#{number + 1})"
        body = f"\n\nBecause case {number} was wrong." if number % 3 == 0 else ""
        author = f"Person {number % 53} <p{number % 53}@example.org>"
        path = f"src/m{number % 31}/f{number % 40}.py"
        yield Commit(subject + body, {path: b"v = %d\n" % number}, author=author)


CHANGELOG = b"""# Changelog

All notable changes are here.

## [1.0.0] - 2023-11-14

### Added

- First release ([#1](https://example.org/1))
"""


def small(folder: Path, **options: bool) -> Path:
    """A little project: a release 1.0.0 with a changelog, then four changes, one of them a merge."""
    return build(
        folder,
        [
            Commit("Start", {"README.md": b"# Demo\n", "src/a.py": b"a = 1\n"}),
            Commit("Release 1.0.0", {"CHANGELOG.md": CHANGELOG}, tag="v1.0.0"),
            Commit("Add a colour option (#12)", {"src/a.py": b"a = 2\n"}, author="Grace Hopper <g@example.org>"),
            Commit("Try it out", {"src/b.py": b"b = 1\n"}, branch="side", start="main", author="Bob <b@example.org>"),
            Commit("Fix the crash on empty input", {"src/a.py": b"a = 3\n"}),
            Commit(
                "Merge pull request #14 from bob/side\n\nSupport b files", merge="side", files={"src/b.py": b"b = 1\n"}
            ),
            Commit(
                "Bump actions/checkout from 3 to 4 (#15)",
                {".github/ci.yml": b"x: 4\n"},
                author="dependabot[bot] <d@example.org>",
            ),
        ],
        **options,
    )
