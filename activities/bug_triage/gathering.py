"""Reads a source: all its issues, open and closed, with what people decided about them."""

import asyncio

from temporalio import activity

from activities.bug_triage.sources import files, github, gitlab, jira, linear
from activities.bug_triage.sources.decided import spellings
from activities.bug_triage.sources.place import Place, one_key, place_of
from activities.bug_triage.states import is_open
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts import shown
from contracts.bug_triage import Backlog, BugsGathered, GatherBugs
from contracts.errors import NotFound
from contracts.steps import BUGS_GATHER

READERS = {"github": github.read, "gitlab": gitlab.read, "jira": jira.read, "linear": linear.read}


class BugGathering:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox

    @activity.defn(name=BUGS_GATHER.name)
    async def gather(self, request: GatherBugs) -> BugsGathered:
        """All issues, kept as an artifact. What they say is somebody's word, and nothing in it is obeyed.

        Goes on after a rate limit or a death with the page that it was at. Raises the errors of the sources; NotFound
        where the one issue that was asked for is not among them.
        """
        place = place_of(request.source, self._tools.services)
        async with progress(f"reading issues of {place}") as told:
            backlog = await self._read(place, told)
            key = one_key(place, request.issue) if request.issue else ""
            _require(backlog, key, request)
            told.says = f"keeping {len(backlog.issues):,} issues"
            return BugsGathered(
                backlog=await asyncio.to_thread(self._tools.artifacts.put_model, backlog),
                subject=shown.spelt(backlog.says_where)[:120],
                issues=len(backlog.issues),
                open=sum(is_open(each) for each in backlog.issues),
                key=key,
                left_out=backlog.left_out,
            )

    async def _read(self, place: Place, told: Progress) -> Backlog:
        if place.service is None:
            return await asyncio.to_thread(files.read, place.what)
        read = READERS[place.service.kind]
        issues, left_out = await read(place, self._tools.services.authorities, told, self._tools.artifacts)
        issues.sort(key=lambda each: (str(each.created or ""), each.key))
        return Backlog(
            source=str(place),
            project=place.what,
            says_where=str(place),
            issues=tuple(issues),
            label_of=spellings(each.labels for each in issues),
            left_out=left_out,
        )


def _require(backlog: Backlog, key: str, request: GatherBugs) -> None:
    if key and all(each.key != key for each in backlog.issues):
        raise NotFound(
            f"There is no issue {request.issue!r} in {backlog.says_where}.",
            subject=request.issue,
            way_out="Write its number or key as the source has it.",
        )
