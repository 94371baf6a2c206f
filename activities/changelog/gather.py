"""The context of a changelog: a repository's history, read in a sandbox."""

import asyncio
import errno
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import PurePosixPath

from temporalio import activity

from activities.changelog import changes, ranges, releases, structure
from activities.progress import Progress, progress
from activities.repositories import git, source
from activities.toolbox import Toolbox
from contracts.changelog import ChangelogRequest, Gathered, GatherRequest, History
from contracts.errors import BadInput, ChangelogStructure, DiskFull, NotFound, TookTooLong, UnknownRange
from contracts.steps import CHANGELOG_GATHER
from sandboxes.protocol import Mount

EFFECT = "git.commit_file"
SECONDS_TO_TELL = 5.0

# Looked for in this order, in any case, at the top of the repository and in docs.
NAMES = ("changelog", "changes", "history", "news", "releases", "release-notes", "release_notes")
ENDINGS = (".md", ".rst", ".adoc", ".markdown", ".txt", "")
FOLDERS = ("", "docs/", "doc/")
DEFAULT_PATH = "CHANGELOG.md"

# Modes in a tree. A folder called `changes` or `news` (fragments of entries) isn't a changelog; a link that
# is called CHANGELOG.md was meant as one, and is refused by name.
FILES = ("100644", "100755")
ONES = (*FILES, "120000")


class ChangelogGathering:
    """Reads a repository in a sandbox."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    @activity.defn(name=CHANGELOG_GATHER.name)
    async def gather(self, request: GatherRequest) -> Gathered:
        """Clone the repository into a sandbox, read the range, keep it as an artifact."""
        async with progress(f"opening {request.repository}") as told, _in_time(request.repository):
            try:
                await self._call_run(named(request.repository))
                history = await self._history(request, told)
                await self._call_run(subject(history))
                told.says = f"keeping {len(history.changes):,} changes"
                # Off the loop: a long history takes seconds to write down, and heartbeats must go on.
                return _gathered(history, await asyncio.to_thread(self._toolbox.artifacts.put_model, history))
            except OSError as error:
                raise _named(error) from error

    async def _call_run(self, subject: str) -> None:
        """Say what the run is about as soon as it is known: a run that fails or has nothing to do has a name, too."""
        with suppress(NotFound):  # a run that nobody noted
            await asyncio.to_thread(self._toolbox.ledger.update_run, _owner(), subject=subject)

    async def _history(self, request: GatherRequest, told: Progress) -> History:
        _check(request)
        repositories, policy = self._toolbox.repositories, request.sandbox
        async with repositories.bring(request.repository, policy, owner=_owner(), told=told) as where:
            signed = self._signed(where.repository)
            told.says = f"cloning {where.repository}"
            mounts = [Mount(where.git_dir, git.SOURCE)]
            async with await self._toolbox.sandboxes.create(policy, owner=_owner(), mounts=mounts) as sandbox:
                return await read(await git.clone(sandbox, where), where, request, signed, told)

    def _signed(self, repository: str) -> str:
        """The commit at which the last signed changelog of this repository ended."""
        last = self._toolbox.ledger.last_signed(EFFECT, repository)
        until = last.outcome.get("until") if last else ""
        return until if isinstance(until, str) else ""


async def read(
    repository: git.Git, where: source.Source, request: ChangelogRequest, signed: str, told: Progress
) -> History:
    """All that the rest of the workflow needs to know of a repository."""
    span = await ranges.resolve(repository, request, head=where.head, signed=signed)
    path, text = await _changelog(repository, span.head, request.changelog_path)
    found = await changes.read(repository, span.base, span.head, told)
    earlier = await releases.read(repository, span.base, path, text, told) if found.changes else ()
    shallow = await ranges.is_shallow(repository)
    return History(
        repository=where.repository,
        web_url=await _web_url(repository, where),
        base=span.base,
        base_says=span.base_says,
        head=span.head,
        branch=span.branch,
        changes=found.changes,
        changelog_path=path,
        changelog_text=text,
        tags=await _tags(repository, span),
        releases=earlier,
        truncated=" ".join(filter(None, [found.truncated, SHALLOW if shallow else ""])),
    )


SHALLOW = "The repository is a shallow clone: commits before its cut are not in it."


def _check(request: ChangelogRequest) -> None:
    if not request.heading.strip():
        raise BadInput("The heading is empty.", subject="heading", way_out="Leave it out for Unreleased.")
    for which, name in (("since", request.since), ("until", request.until)):
        if name.startswith("-") or any(ord(letter) < 32 for letter in name):
            what = f"{name!r} (given as {which!r}) can't be the name of a commit, tag or branch."
            raise UnknownRange(what, subject=name, way_out="Give a tag, a branch or a SHA.")


async def _changelog(repository: git.Git, head: str, wanted: str) -> tuple[str, str | None]:
    """The changelog's path and its text at head. ChangelogStructure if nothing can be added to it."""
    files = await _files(repository, head)
    path = git.safe_path(wanted) if wanted else find([name for name, (mode, _) in files.items() if mode in ONES])
    if path not in files:
        folder = str(PurePosixPath(path).parent)
        files = files if folder in (".", "docs", "doc") else await _files(repository, head, folder + "/")
    mode, size = files.get(path, ("", 0))
    if not mode:
        return path, None
    _regular(path, mode, size)
    data = await repository.file(head, path)
    text = structure.decode(path, data or b"")
    structure.parse(path, text)
    return path, text


def _regular(path: str, mode: str, size: int) -> None:
    if mode not in FILES:
        kind = {"120000": "a symbolic link", "160000": "a submodule", "040000": "a folder"}.get(mode, "no file")
        what = f"The changelog {path!r} is {kind}."
        raise ChangelogStructure(what, subject=path, way_out="Name the file itself with changelog_path.")
    if size > structure.LIMIT_BYTES:
        what = f"The changelog {path!r} is {size >> 20} MB; the limit is 10 MB."
        raise ChangelogStructure(what, subject=path, way_out="Name a smaller file with changelog_path.")


async def _files(repository: git.Git, head: str, *folders: str) -> dict[str, tuple[str, int]]:
    """Mode and size of what is at the top of the tree and in docs, by path."""
    listed: dict[str, tuple[str, int]] = {}
    for folder in folders or FOLDERS:
        where = (folder,) if folder else ()
        out = await repository.run("ls-tree", "-z", "--long", "--full-tree", head, "--", *where)
        for row in out.decode("utf-8", "replace").split("\0"):
            facts, _, path = row.partition("\t")
            mode, *_, size = facts.split() or ["", "0"]
            if path:
                listed[path] = (mode, int(size) if size.isdigit() else 0)
    return listed


def find(paths: Sequence[str]) -> str:
    """The changelog among these paths; CHANGELOG.md if none looks like one."""
    lower = {path.lower(): path for path in reversed(paths)}
    wanted = (f"{folder}{name}{ending}" for folder in FOLDERS for name in NAMES for ending in ENDINGS)
    return next((lower[name] for name in wanted if name in lower), DEFAULT_PATH)


async def _tags(repository: git.Git, span: ranges.Range) -> tuple[str, ...]:
    """The tags inside the range, oldest first."""
    inside = ("--no-merged=" + span.base,) if span.base else ()
    names = await repository.lines(
        "for-each-ref",
        f"--merged={span.head}",
        *inside,
        "--sort=creatordate",
        "--format=%(refname:strip=2)",
        "refs/tags",
    )
    return tuple(names[-1000:])


async def _web_url(repository: git.Git, where: source.Source) -> str:
    if source.is_url(where.repository):
        return source.web_url(where.repository)
    asked = ("config", "--file", f"{git.SOURCE}/config", "--get", "remote.origin.url")
    result = await repository.try_(*asked)
    return source.web_url(result.stdout.decode("utf-8", "replace").strip()) if result.exit_code == 0 else ""


def _gathered(history: History, reference: str) -> Gathered:
    return Gathered(
        history=reference,
        repository=history.repository,
        subject=subject(history),
        commits=sum(1 + len(change.merged_shas) for change in history.changes),
        releases=len(history.releases),
        base=history.base,
        base_says=history.base_says,
        head=history.head,
        truncated=history.truncated,
    )


def subject(history: History) -> str:
    """A short name: owner/name on the web, else the folder's."""
    return history.web_url.split("/", 3)[-1] if history.web_url else named(history.repository)


def named(repository: str) -> str:
    """What to call a repository before it was read, from its path or URL."""
    web_url = source.web_url(repository) if source.is_url(repository) else ""
    if web_url:
        return web_url.split("/", 3)[-1]
    return re.sub(r"[^\w.-]+", "-", PurePosixPath(repository).name.removesuffix(".git")) or "repository"


def _owner() -> str:
    return activity.info().workflow_id or "" if activity.in_activity() else ""


@asynccontextmanager
async def _in_time(repository: str) -> AsyncIterator[None]:
    """End a little before Temporal would, which could only say that a timeout was hit, and would try again."""
    limit = activity.info().start_to_close_timeout if activity.in_activity() else None
    seconds = limit.total_seconds() - SECONDS_TO_TELL if limit else None
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TookTooLong(
            f"Reading {repository!r} took longer than {seconds:.0f} seconds.",
            subject=repository,
            way_out="Give a shorter range.",
        ) from error


def _named(error: OSError) -> Exception:
    """A full disk has a name; another error of the operating system stays what it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk that holds {error.filename or 'the sandbox'!r} is full.",
            subject=str(error.filename or ""),
            way_out="Free some space and start the run again.",
        )
    return error
