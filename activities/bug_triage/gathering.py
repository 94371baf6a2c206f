"""Reads a source: all its issues, open and closed, with what people decided about them. What an earlier run has read is
kept, and only what changed since is asked for: so a webhook costs two requests, however long the history is."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.bug_triage import backlogs, history
from activities.bug_triage.sources import files
from activities.bug_triage.sources.decided import spellings
from activities.bug_triage.sources.pages import MOST, Page
from activities.bug_triage.sources.place import Place, one_key, place_of
from activities.bug_triage.sources.readers import READERS
from activities.bug_triage.sources.since import known_until, since
from activities.bug_triage.states import is_open
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts import shown
from contracts.bug_triage import Backlog, BugsGathered, GatherBugs, History, Milestone
from contracts.bugs import Issue
from contracts.errors import AccessRefused, BadInput, NotFound, StrangeReply
from contracts.steps import BUGS_GATHER


@dataclass(frozen=True)
class Asked:
    """One reading. `began` by our clock: with the first attempt."""

    place: Place
    key: str
    began: datetime


class BugGathering:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox
        self._one_at_a_time: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @activity.defn(name=BUGS_GATHER.name)
    async def gather(self, request: GatherBugs) -> BugsGathered:
        """All issues, kept as an artifact. What they say is somebody's word, and nothing in it is obeyed.

        Goes on after a rate limit or a death with the page that it was at. Raises the errors of the sources; NotFound
        where the one issue that was asked for is not among them.
        """
        place = place_of(request.source, self._tools.services)
        async with progress(f"reading issues of {place}") as told:
            key = one_key(place, request.issue) if request.issue else ""
            began = activity.info().scheduled_time if activity.in_activity() else history.clock()
            ref, backlog = await self._read(Asked(place, key, began), told)
            _require(backlog, key, request)
            return BugsGathered(
                backlog=ref,
                subject=shown.spelt(backlog.says_where)[:120],
                issues=len(backlog.issues),
                open=sum(is_open(each) for each in backlog.issues),
                key=key,
                left_out=backlog.left_out,
            )

    async def _read(self, asked: Asked, told: Progress) -> tuple[str, Backlog]:
        if asked.place.service is None:
            return await self._kept(await asyncio.to_thread(files.read, asked.place.what), None)
        async with self._one_at_a_time[str(asked.place)]:  # the second finds what the first has read
            now = history.clock()
            # An attempt that died goes on with its own pages, whatever was kept by others meanwhile.
            last = None if told.kept else await asyncio.to_thread(history.kept, self._tools, str(asked.place), now)
            found = await self._changed(asked, told, *last) if last else None
            return await self._kept(*(found or await self._whole(asked, told)))

    async def _whole(self, asked: Asked, told: Progress) -> tuple[Backlog, History | None]:
        place, authorities = asked.place, self._tools.services.authorities
        reader = READERS[place.kind]
        read = await reader.read(place, authorities, told, self._tools.artifacts)
        if asked.key and asked.key not in read.issues:
            read.take(await self._one(asked))  # a service's search may not know of it yet
        backlog = _backlog(place, read.issues, read.names, await self._milestones(place))
        if not read.is_all:
            left_out = f"Only the newest {len(backlog.issues):,} issues were read."
            backlog = backlog.model_copy(update={"left_out": left_out})
        if read.newest is None:
            return backlog, None
        began, now = asked.began, history.clock()
        until = known_until(read.newest, began, now)
        return backlog, History(form=history.FORM, began=began, until=until, whole=began, milestones=now)

    async def _changed(
        self, asked: Asked, told: Progress, last: History, before: Backlog
    ) -> tuple[Backlog, History] | None:
        """What was known, with what changed. None: so much did that all is better read again."""
        place, now = asked.place, history.clock()
        which = since(last.until, last.began, now)
        authorities, store = self._tools.services.authorities, self._tools.artifacts
        read = await READERS[place.kind].read(place, authorities, told, store, which)
        if not read.is_all:
            return None
        if asked.key and asked.key not in read.issues:
            read.take(await self._one(asked))
        old = now - last.milestones > history.MILESTONES_EVERY
        open_ones = await self._milestones(place) if old else list(before.milestones)
        issues = {each.key: each for each in before.issues} | read.issues
        backlog = _backlog(place, issues, before.names | read.names, open_ones)
        backlog = backlog.model_copy(update={"left_out": before.left_out})
        until = max(last.until, known_until(read.newest, now, history.clock())) if read.newest else last.until
        update = {"began": now, "until": until, "milestones": now if old else last.milestones}
        return backlog, last.model_copy(update=update)

    async def _one(self, asked: Asked) -> Page:
        """The issue that was asked for, by itself. NotFound where there is none."""
        place = asked.place
        return await READERS[place.kind].one(place, self._tools.services.authorities, place.number(asked.key))

    async def _milestones(self, place: Place) -> list[Milestone]:
        """Those that are open. A project that has none for us costs the milestones, and not the run."""
        try:
            found = await READERS[place.kind].milestones(place, self._tools.services.authorities)
        except (NotFound, AccessRefused, BadInput, StrangeReply):
            return []
        return sorted((each for each in found if each.title), key=lambda each: (each.due is None, str(each.due or "")))

    async def _kept(self, backlog: Backlog, known: History | None) -> tuple[str, Backlog]:
        """The backlog's artifact. It is what the next reading begins with, where the source can tell what changed."""
        ref = await asyncio.to_thread(backlogs.keep, self._tools.artifacts, backlog)
        if known:
            made = known.model_copy(update={"backlog": ref})
            await asyncio.to_thread(history.keep, self._tools, backlog.source, made)
        return ref, backlog


def _backlog(
    place: Place, issues: Mapping[str, Issue], names: Mapping[str, str], milestones: list[Milestone]
) -> Backlog:
    newest = backlogs.in_order(issues.values())[-MOST:]
    return Backlog(
        source=str(place),
        project=place.what,
        says_where=str(place),
        issues=newest,
        names=dict(names),
        milestones=tuple(milestones),
        label_of=spellings(each.labels for each in newest),
    )


def _require(backlog: Backlog, key: str, request: GatherBugs) -> None:
    if key and all(each.key != key for each in backlog.issues):
        raise NotFound(
            f"There is no issue {request.issue!r} in {backlog.says_where}.",
            subject=request.issue,
            way_out="Write its number or key as the source has it.",
        )
