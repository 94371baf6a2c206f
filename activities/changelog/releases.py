"""Earlier releases and what the repository's changelog said of each: what there is to learn from.

A release is a tag of the first-parent line whose version the changelog has a section for. Where there are no
tags, the commit that added a version's heading to the changelog is its release.
"""

import re
from collections.abc import Sequence

from activities.changelog import changes, file
from activities.progress import Progress
from activities.repositories.git import Git
from contracts.changelog import Change, Release

WINDOW = 4_000
MAX_RELEASES = 40
MAX_SECTION = 100_000

_VERSION = re.compile(r"(\d+(?:\.\d+)+(?:[-.]?[A-Za-z]+[-.]?\d*)*)$")


async def read(git: Git, base: str, path: str, text: str | None, told: Progress) -> tuple[Release, ...]:
    """Earlier releases, oldest first, from the last few thousand changes up to `base`."""
    if not base or not text:
        return ()
    told.says = "reading earlier releases"
    said = file.sections(path, text)
    if not said:
        return ()
    window = (await changes.read(git, "", base, told, limit=WINDOW)).changes
    ends = await _tagged(git, base) or await _headed(git, base, path)
    return _cut(window, {sha: version for sha, version in ends.items() if version in said}, ends, said)


def _cut(
    window: Sequence[Change], ends: dict[str, str], bounds: dict[str, str], said: dict[str, str]
) -> tuple[Release, ...]:
    """Cut the window at each bound. A release counts if it is in `ends` and begins inside the window."""
    releases: list[Release] = []
    pending: list[Change] = []
    complete = len(window) < WINDOW
    for change in window:
        pending.append(change)
        shas = (change.sha, *change.merged_shas)
        version = next((ends[sha] for sha in shas if sha in ends), "")
        if version and complete:
            text = said[version][:MAX_SECTION]
            releases.append(Release(version=version, changes=tuple(pending), changelog=text))
        if version or any(sha in bounds for sha in shas):
            pending, complete = [], True
    return tuple(releases[-MAX_RELEASES:])


async def _tagged(git: Git, base: str) -> dict[str, str]:
    """From a commit to the version of the tag on it."""
    rows = await git.lines(
        "for-each-ref", f"--merged={base}", "--format=%(objectname) %(*objectname) %(refname:strip=2)", "refs/tags"
    )
    ends: dict[str, str] = {}
    for row in rows:
        sha, peeled, name = row.split(" ", 2)
        found = _VERSION.search(name)
        if found:
            ends[peeled or sha] = found.group(1)
    return ends


async def _headed(git: Git, base: str, path: str) -> dict[str, str]:
    """From a commit to the version whose heading it added to the changelog."""
    options = ("--first-parent", "--diff-merges=first-parent", f"--max-count={WINDOW}", "--no-renames")
    quiet = ("--no-ext-diff", "--no-textconv", "--no-color", "--unified=0", "--patch", "--format=commit %H")
    out = await git.run("log", *options, *quiet, base, "--", f":(top,literal){path}")
    ends: dict[str, str] = {}
    sha = ""
    for line in out.decode("utf-8", "replace").splitlines():
        if line.startswith("commit "):
            sha = line.removeprefix("commit ")
        elif line.startswith("+") and not line.startswith("+++"):
            for version in file.sections(path, line[1:] + "\n"):
                ends.setdefault(sha, version)
    return ends
