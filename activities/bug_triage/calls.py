"""What a run does on its machines: search the repository for reports, and try what a report says."""

import asyncio

from temporalio import activity

from activities.bug_triage import backlogs
from activities.bug_triage.clues import clues
from activities.bug_triage.ranking import ranked
from activities.bug_triage.searching import Searched
from activities.bug_triage.trying import tried
from activities.machine.calls import MachineCalls
from activities.progress import progress
from contracts import steps
from contracts.bug_triage import Assessment, BugsLocated, Code, LocateBugs, Located, Reproduce, Reproduction


class BugCalls(MachineCalls):
    """Registered on the queue of the process that holds the machines."""

    @activity.defn(name=steps.BUGS_LOCATE.name)
    async def locate(self, request: LocateBugs) -> BugsLocated:
        """Likely files and owners of every issue that is proposed. Only git reads here, and changes nothing."""
        async with self._using(request) as held, progress("reading the repository") as told:
            assessment = await asyncio.to_thread(self._artifacts.get_model, Assessment, request.assessment)
            backlog = await asyncio.to_thread(backlogs.read, self._artifacts, request.backlog)
            by_name = ":" not in backlog.source.partition("/")[0]
            names = {each.assignee: backlog.names.get(each.assignee, each.assignee) for each in backlog.issues}
            names.pop("", None)
            searched = Searched(held.sandbox, held.folder)
            await searched.open()
            located = []
            everything = (*assessment.confident, *assessment.doubtful)
            for number, each in enumerate(everything, 1):
                told.says = f"looking for {each.issue.key}, {number} of {len(everything)}"
                hints = clues(each.issue)
                files = ranked(hints, searched.paths, *await searched.found(hints))
                owners = searched.ownership.of(files, names, by_name=by_name)
                located.append(Located(key=each.issue.key, files=files, owners=owners))
            asks, why = searched.asks
            code = Code(commit=held.base, located=tuple(located), asks=asks, asks_why=why, newest=searched.newest)
            count = sum(bool(each.files) for each in located)
            return BugsLocated(
                code=await asyncio.to_thread(self._artifacts.put_model, code),
                says=f"Likely files of {count} of {len(located)} issues, in {len(searched.paths.names):,} files",
            )

    @activity.defn(name=steps.BUGS_REPRODUCE.name)
    async def reproduce(self, request: Reproduce) -> Reproduction:
        """What a report's own snippet does, in a machine without a network that is destroyed afterwards."""
        async with self._changing(request) as held, progress(f"trying {request.key}"):
            assessment = await asyncio.to_thread(self._artifacts.get_model, Assessment, request.assessment)
            [issue] = [
                each.issue for each in (*assessment.confident, *assessment.doubtful) if each.issue.key == request.key
            ]
            return await self._kept(held, await tried(held.sandbox, held.folder, issue))
