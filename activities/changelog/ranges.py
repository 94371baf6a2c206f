"""Which commits a changelog is about: from a base, which is not in it any more, to a head."""

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from activities.repositories.git import Git
from contracts.changelog import ChangelogRequest
from contracts.errors import UnknownRange

WITHOUT_BASE = timedelta(weeks=4)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_SHA = re.compile(r"[0-9a-f]{4,64}$")


@dataclass(frozen=True)
class Range:
    """Full SHAs; `base` empty: from the first commit."""

    base: str
    base_says: str
    head: str
    branch: str = ""


async def resolve(git: Git, request: ChangelogRequest, *, head: str, signed: str) -> Range:
    """The range of a request. `head` is what HEAD means; `signed` is where the last signed one ended.

    UnknownRange if a name isn't in the repository.
    """
    tip = await _tip(git, request.until, head)
    branch = await _branch(git, request.until, head, tip)
    if request.since:
        base, says = await _given(git, request.since, tip)
    else:
        base, says = await _usual(git, tip, signed)
    return Range(base, says, tip, branch)


async def _tip(git: Git, until: str, head: str) -> str:
    name = head if until in ("", "HEAD", "@") else until
    sha = await git.commit(name)
    if sha is not None:
        return sha
    if name == head:
        raise UnknownRange(
            f"{git.repository!r} has no commits yet.", subject=git.repository, way_out="Commit something first."
        )
    raise await _unknown(git, until, "until")


async def _branch(git: Git, until: str, head: str, tip: str) -> str:
    """The branch that the range ends on: the one named, the one checked out, or any with this tip."""
    refs = await git.lines("for-each-ref", "--points-at", tip, "--format=%(refname)", "refs/heads")
    names = [ref.removeprefix("refs/heads/") for ref in refs]
    current = head.removeprefix("refs/heads/") if head != "HEAD" else await _current(git)
    wanted = [until.removeprefix("refs/heads/"), current]
    return next((name for name in wanted if name in names), names[0] if names else "")


async def _current(git: Git) -> str:
    result = await git.try_("symbolic-ref", "--quiet", "--short", "HEAD")
    return result.stdout.decode("utf-8", "replace").strip()


async def _given(git: Git, since: str, tip: str) -> tuple[str, str]:
    sha = await git.commit(since)
    if sha is not None:
        return sha, await _since(git, since, sha)
    if _DATE.match(since):
        return await _dated(git, since, tip), f"since {since}"
    raise await _unknown(git, since, "since")


async def _since(git: Git, name: str, sha: str) -> str:
    """A name in words: tag, branch or commit."""
    tag = await git.commit(f"refs/tags/{name}")
    branch = await git.commit(f"refs/heads/{name}")
    kind = "tag" if tag == sha else "branch" if branch == sha else "commit"
    return f"since {kind} {name[:12] if _SHA.match(name) else name}"


async def _dated(git: Git, day: str, tip: str) -> str:
    try:
        start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise UnknownRange(f"{day!r} is no day.", subject=day, way_out="Write it as YYYY-MM-DD.") from error
    return await _last_before(git, int(start.timestamp()), tip)


async def _last_before(git: Git, time: int, tip: str) -> str:
    """The newest commit of the first-parent line from before a time; empty if all are younger."""
    if time <= 0:
        return ""
    # Not --before: it takes a small number for something other than seconds.
    found = await git.lines("rev-list", "-1", "--first-parent", f"--min-age={time - 1}", tip)
    return found[0] if found else ""


async def _usual(git: Git, tip: str, signed: str) -> tuple[str, str]:
    """Since the last signed changelog, else the last tag, else four weeks before the newest commit."""
    if signed and await git.commit(signed) == signed and await git.is_ancestor(signed, tip):
        return signed, f"since the last signed changelog ({signed[:9]})"
    described = await git.try_("describe", "--tags", "--abbrev=0", "--match=*[0-9]*", tip)
    tag = described.stdout.decode("utf-8", "replace").strip()
    sha = await git.commit(f"refs/tags/{tag}") if described.exit_code == 0 and tag else None
    if sha is not None:
        return sha, f"since tag {tag}"
    newest = int((await git.lines("log", "-1", "--format=%ct", tip))[0])
    start = newest - int(WITHOUT_BASE.total_seconds())
    day = datetime.fromtimestamp(max(start, 0), UTC).date()
    return await _last_before(git, start, tip), f"since {day}, four weeks before the newest commit (no tag yet)"


async def _unknown(git: Git, name: str, which: str) -> UnknownRange:
    """The error for a name that isn't there, with the names most like it."""
    refs = await git.lines("for-each-ref", "--format=%(refname:strip=2)", "refs/tags", "refs/heads")
    near = difflib.get_close_matches(name, refs[-5000:], n=3, cutoff=0.5)
    usual = "a tag, a branch, a SHA, or a day as YYYY-MM-DD" if which == "since" else "a tag, a branch or a SHA"
    way_out = f"Did you mean {', '.join(near)}?" if near else f"Give {usual}."
    if ".." in name:
        first, _, last = name.partition("..")
        way_out = f"Give the ends of the range apart: since {first!r}, until {last.lstrip('.') or 'HEAD'!r}."
    if await is_shallow(git):
        way_out += " The clone is shallow: `git fetch --unshallow` brings the rest."
    return UnknownRange(
        f"{git.repository!r} has no commit, tag or branch {name!r} (given as {which!r}).",
        subject=name,
        way_out=way_out,
    )


async def is_shallow(git: Git) -> bool:
    return (await git.run("rev-parse", "--is-shallow-repository")).strip() == b"true"
