"""The steps `support.learn` and `support.backfill`: bring the model up to date, and triage a whole history with it."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.faults import fault
from activities.progress import Progress, progress
from activities.support_triage import learned
from activities.support_triage.desk import Desk
from activities.support_triage.history import Journal, read_on
from activities.support_triage.sources import opened
from activities.toolbox import Toolbox
from contracts.changelog import counted
from contracts.errors import BadInput
from contracts.records import Entry
from contracts.steps import SUPPORT_BACKFILL, SUPPORT_LEARN
from contracts.support import Backfilled, Examples, LearnRequest, Learnt, Material, Sorted, SupportTicket

GROWN, FEWEST = 0.2, 20  # a history that has grown by this share, and by so many tickets, is learnt anew


@dataclass(frozen=True)
class Read:
    """A history that was read to its end, with the model of it; None: `says` tells why there is none."""

    journal: Journal
    material: Material
    desk: Desk | None
    says: str


class SupportLearning:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools = toolbox

    @activity.defn(name=SUPPORT_LEARN.name)
    async def learn(self, request: LearnRequest) -> Learnt:
        """Read on in the history, and make the model. What can't be learnt from is no error: it is said."""
        async with progress("reading the history") as told:
            read = await self._read(request, told)
            if read.desk is None:
                return Learnt(says=read.says, notes=read.journal.notes)
            model = await asyncio.to_thread(self.tools.artifacts.put_model, read.material)
            certified = read.desk.triager.certified
            return Learnt(
                model=model,
                serves=certified.serves,
                examples=certified.rows,
                says=read.says,
                notes=read.journal.notes,
            )

    @activity.defn(name=SUPPORT_BACKFILL.name)
    async def backfill(self, request: LearnRequest) -> Backfilled:
        """Triage all of a history that has no label. Each part is an entry once it is done: a worker that dies costs
        the part that it was at."""
        async with progress("reading the history") as told:
            read = await self._read(request, told)
            done = await asyncio.to_thread(self._done, request.run)
            for number, part in enumerate(read.journal.parts if read.desk else ()):
                if number < len(done):
                    continue
                assert read.desk is not None
                done.append(await asyncio.to_thread(self._sorted, request.run, number, part, read.desk))
                told.says = f"part {number + 1:,} of {len(read.journal.parts):,} triaged"
        triaged, confident = sum(each[1] for each in done), sum(each[2] for each in done)
        says = f"Read {counted(read.journal.read, 'ticket')}. {read.says}"
        says += f" Triaged {triaged:,} without a label: {confident:,} confident." if read.desk else ""
        return Backfilled(
            read=read.journal.read,
            triaged=triaged,
            confident=confident,
            parts=tuple(each[0] for each in done),
            notes=read.journal.notes,
            says=says,
        )

    async def _read(self, request: LearnRequest, told: Progress) -> Read:
        async with opened(request.history or request.source, self.tools.services) as source:
            journal = await read_on(self.tools, source, told)
        lessons = await asyncio.to_thread(self.tools.ledger.lessons, request.source)
        return await asyncio.to_thread(self._made, request, journal, lessons, told)

    def _made(self, request: LearnRequest, journal: Journal, lessons: tuple[str, ...], told: Progress) -> Read:
        def say(says: str) -> None:
            told.says = says

        fitted = self._fitted_on(request.history or request.source, journal)
        material = Material(fitted=journal.parts[:fitted], later=journal.parts[fitted:], lessons=lessons)
        try:
            try:
                desk = learned.desk(self.tools, material, say)
            except BadInput:
                if not lessons:
                    raise
                material = Material(fitted=(*journal.parts, *lessons))  # what people said may be enough by itself
                desk = learned.desk(self.tools, material, say)
        except BadInput as error:
            return Read(journal, material, None, f"Nothing was learnt yet. {error.what}")
        return Read(journal, material, desk, desk.triager.certified.says)

    def _fitted_on(self, source: str, journal: Journal) -> int:
        """How many of the parts the model is fitted on; the others are taken in one by one. Kept, so that it changes
        only when the history has grown."""
        name, kept = f"support/fitted/{source}", self.tools.ledger.cursor(f"support/fitted/{source}")
        parts, read = json.loads(kept) if kept else (0, 0)
        if parts == 0 or parts > len(journal.parts) or journal.read - read >= max(FEWEST, GROWN * read):
            parts = len(journal.parts)
            self.tools.ledger.move_cursor(name, json.dumps([parts, journal.read]))
        return int(parts)

    def _done(self, run: str) -> list[tuple[str, int, int]]:
        """Parts of a backfill that earlier attempts have done: artifact, tickets, confident ones."""
        facts = [each.facts for each in self.tools.ledger.entries(run=run, limit=5_000) if each.name == PART_DONE]
        told = {int(str(each["part"])): each for each in facts}
        done = list[tuple[str, int, int]]()
        while len(done) in told:
            each = told[len(done)]
            done.append((str(each["artifact"]), int(str(each["tickets"])), int(str(each["confident"]))))
        return done

    def _sorted(self, run: str, number: int, part: str, desk: Desk) -> tuple[str, int, int]:
        examples = self.tools.artifacts.get_model(Examples, part).examples
        unknown = [each for each in examples if not each.intent and not each.queue]
        tickets = [
            SupportTicket(source=each.key.rpartition("#")[0], id=each.id, text=each.text[:4000]) for each in unknown
        ]
        found = desk.triage(tickets) if tickets else []
        made = Sorted(tickets=tuple((each.key, said) for each, said in zip(unknown, found, strict=True)))
        artifact, confident = self.tools.artifacts.put_model(made), sum(each.confident for each in found)
        now = datetime.now(UTC)
        self.tools.ledger.append(
            Entry(
                key=f"support/backfill/{run}/{number}",
                kind="run",
                name=PART_DONE,
                says=f"Part {number + 1:,}: {counted(len(found), 'ticket')} triaged, {confident:,} confident",
                run=run,
                workflow="support_triage",
                started_at=now,
                finished_at=now,
                facts={"part": number, "artifact": artifact, "tickets": len(found), "confident": confident},
            )
        )
        fault("support.part")
        return artifact, len(found), confident


PART_DONE = "support.backfill.part"
