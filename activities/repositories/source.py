"""Which repository is meant: a folder of this host, or a URL.

Looks at files only. No git command runs here, so nothing in the repository's own configuration can act.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from contracts.errors import AccessRefused, BadInput, NotARepository
from contracts.urls import carries_secret, split

SCHEMES = ("https", "ssh", "git")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP = re.compile(r"([\w.-]+@)?([\w.-]+\.[\w.-]+|[\w.-]+(?=:[\w~/])):(?!/?/)([\w./~-]+)$")


@dataclass(frozen=True)
class Source:
    """A git folder to read. `head` is what HEAD means there (a linked work tree has one of its own)."""

    repository: str
    git_dir: Path
    head: str = "HEAD"

    def has_branches(self) -> bool:
        """Whether there is a branch, by the files alone: an empty clone of it would then mean damage."""
        loose = (self.git_dir / "refs" / "heads").rglob("*")
        return (self.git_dir / "packed-refs").is_file() or any(path.is_file() for path in loose)


def is_url(repository: str) -> bool:
    """Whether this names a remote one: `https://…`, `ssh://…`, `git://…`, or `user@host:path`."""
    if _URL.match(repository):
        return not repository.lower().startswith("file://")
    return _SCP.match(repository) is not None and "@" in repository and not Path(repository).exists()


def checked_url(url: str) -> str:
    """The URL, if it is of a kind that is allowed and carries no password. BadInput otherwise."""
    scheme = _URL.match(url)
    if scheme and scheme.group(1).lower() not in SCHEMES:
        raise BadInput(
            f"Repositories are not fetched over {scheme.group(1)!r}.",
            subject=url.split("@")[-1],
            way_out="Use https, ssh or git, or clone it and give the folder.",
        )
    if carries_secret(url):
        raise BadInput(
            "The URL carries a password or token, which would end up in histories and logs.",
            way_out="Take it out, and name the variable that holds it: COUNTERSIGN_GIT_READ_CREDENTIALS=host=NAME.",
        )
    if scheme and split(url) is None:
        raise BadInput("The URL can't be read.", subject=url, way_out="Correct it.")
    if any(ord(letter) < 33 for letter in url):
        raise BadInput("The URL has spaces or control characters in it.", way_out="Correct it.")
    return url


def local(repository: str) -> Source:
    """The git folder behind a path. NotARepository or AccessRefused, naming the path and the way out."""
    if not repository.strip() or "\0" in repository:
        raise BadInput("No repository was named.", subject="repository", way_out="Give a path or a URL.")
    path = _path(repository)
    try:
        return _find(path, repository)
    except PermissionError as error:
        raise AccessRefused(
            f"This process may not read {str(path)!r}.",
            subject=repository,
            way_out="Run the worker as a user who may, or change the folder's permissions.",
        ) from error
    except OSError as error:
        raise not_one(repository, f"{error.strerror or error}") from error


def not_one(repository: str, why: str, way_out: str = "") -> NotARepository:
    """The error for a path or URL that isn't a readable repository."""
    return NotARepository(
        f"{repository!r} is not a git repository that can be read: {why}.",
        subject=repository,
        way_out=way_out or "Give the path or URL of a git repository.",
    )


def _path(repository: str) -> Path:
    if repository.lower().startswith("file://"):
        parts = split(repository)
        if parts is None:
            raise not_one(repository, "the URL can't be read")
        return Path(unquote(parts.path))
    path = Path(repository)
    return (path.expanduser() if repository.startswith("~") else path).absolute()


def _find(path: Path, repository: str) -> Source:
    if not path.exists():
        raise not_one(repository, "there is nothing at this path")
    if not path.is_dir():
        raise not_one(repository, "it is a file", "Give the folder it is in, if that is a repository.")
    path = path.resolve()
    next(path.iterdir(), None)  # PermissionError here rather than a wrong answer below
    for folder in (path, *path.parents):
        found = _git_folder(folder)
        if found is not None:
            return _opened(folder, found, repository)
    raise not_one(repository, "neither it nor a folder above it has a .git", "Run `git init` or name another.")


def _git_folder(folder: Path) -> Path | None:
    """The git folder that belongs to this folder, if one does."""
    inner = folder / ".git"
    if inner.is_dir() and _looks_right(inner):
        return inner
    if inner.is_file():
        return _pointed_to(inner)
    return folder if _looks_right(folder) else None


def _pointed_to(file: Path) -> Path:
    """Where a `.git` file points: linked work trees, submodules, and `--separate-git-dir` have one."""
    line = file.read_bytes()[:4096].decode("utf-8", "surrogateescape").strip()
    if not line.startswith("gitdir: "):
        raise not_one(str(file.parent), "its .git file does not say where the git folder is")
    target = (file.parent / line.removeprefix("gitdir: ")).resolve()
    if not (target / "HEAD").is_file():
        raise not_one(str(file.parent), f"its .git file points to {str(target)!r}, where no git folder is")
    return target


def _looks_right(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _opened(folder: Path, git_dir: Path, repository: str) -> Source:
    common, head = git_dir.resolve(), "HEAD"
    link = common / "commondir"
    if link.is_file():
        head = _head_of(common)
        common = (common / link.read_text().strip()).resolve()
    if not _looks_right(common):
        raise not_one(repository, f"{str(common)!r} is not a git folder")
    if (common / "objects" / "info" / "alternates").is_file():
        way_out = "Run `git repack -a -d` there and remove objects/info/alternates."
        raise not_one(repository, "it borrows its objects from another repository", way_out)
    return Source(str(folder.parent if folder.name == ".git" else folder), common, head)


def _head_of(worktree: Path) -> str:
    """What HEAD says in a linked work tree: a ref or a SHA."""
    return (worktree / "HEAD").read_text(errors="replace").strip().removeprefix("ref: ")


def web_url(remote: str) -> str:
    """`https://host/owner/name` for a remote's address, without credentials; empty if it isn't on the web."""
    if "://" in remote:
        parts = split(remote)
        if parts is None or parts.scheme not in ("https", "http", "ssh", "git") or not parts.hostname:
            return ""
        port = f":{parts.port}" if parts.port and parts.scheme in ("https", "http") else ""
        where = f"{parts.hostname}{port}/{parts.path.strip('/')}"
    else:
        found = _SCP.match(remote)
        if not found:
            return ""
        where = f"{found.group(2)}/{found.group(3).strip('/')}"
    where = where.removesuffix(".git")
    return f"https://{where}" if re.fullmatch(r"[\w.-]+(:\d+)?(/[\w.~-]+)+", where) else ""
