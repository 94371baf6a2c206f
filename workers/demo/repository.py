"""What the demo asks of the person's own repository."""

import subprocess
from pathlib import Path

from contracts.errors import NotARepository

LOOK_BACK = 20  # commits, where the usual range is empty


def head_of(repository: Path) -> str:
    """The commit checked out. Raises NotARepository."""
    try:
        return git(repository, "rev-parse", "--verify", "HEAD^{commit}").strip()
    except subprocess.CalledProcessError as error:
        raise NotARepository(
            f"{str(repository)!r} is not a git repository with a commit in it.",
            subject=str(repository),
            way_out="Say another: countersign demo --repo PATH (or make demo REPO=PATH).",
        ) from error


def since(repository: Path) -> str:
    """Where the last twenty commits begin, or all there are, as `ChangelogRequest.since` takes it."""
    older = git(repository, "rev-list", "--first-parent", "-n1", f"--skip={LOOK_BACK}", "HEAD").strip()
    return older or "1970-01-01"


def clone_of(repository: Path, target: Path) -> Path:
    """A clone to be thrown away."""
    git(repository, "clone", "--quiet", "--template=", "--no-hardlinks", str(repository), str(target))
    return target


def bare_clone_of(repository: Path, target: Path) -> Path:
    """A bare clone, whose branches nobody has checked out."""
    git(repository, "clone", "--quiet", "--bare", "--template=", "--no-hardlinks", str(repository), str(target))
    return target


def git(repository: Path, *arguments: str) -> str:
    """git in the person's own repository, with nothing that it could be made to run. Raises CalledProcessError."""
    quiet = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat")
    return subprocess.run(
        ["git", "-C", str(repository), *quiet, *arguments],
        check=True,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    ).stdout
