"""The step `support.backfill`: triage all of a history that has no label, part by part.

What it goes through is laid down first, and each part is an entry once it is done: a worker that dies costs the part
that it was at, and the next attempt goes through the same parts with the same model. A ticket that its source told of
more than once is triaged as it was told of last, and not at all where any of that had a label.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray
from temporalio import activity

from activities.faults import fault
from activities.progress import Progress, progress
from activities.support_triage.counting import counted_up
from activities.support_triage.desk import Desk
from activities.support_triage.learned import examples
from activities.support_triage.material import desk_of, read
from activities.toolbox import Toolbox
from contracts.changelog import counted
from contracts.records import Entry
from contracts.steps import SUPPORT_BACKFILL
from contracts.support import (
    Backfilled,
    BackfillPlan,
    Example,
    LearnRequest,
    Material,
    Sorted,
    SupportTicket,
    Triaged,
)

PART_DONE = "support.backfill.part"
Keys = NDArray[np.uint64]


class SupportBackfill:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools, self.ledger = toolbox, toolbox.ledger

    @activity.defn(name=SUPPORT_BACKFILL.name)
    async def backfill(self, request: LearnRequest) -> Backfilled:
        """No more than a part is in memory, beside the model and eight bytes for each ticket."""
        async with progress("reading the history") as told:
            plan, desk = await self._planned(request, told)
            if desk is None:
                return Backfilled(read=plan.read, notes=plan.notes, says=says(plan, 0, 0))
            done = await asyncio.to_thread(self._done, request.run)
            wanted = await asyncio.to_thread(latest, self.tools, plan.parts)
            for number in range(len(done), len(plan.parts)):
                part = await asyncio.to_thread(self._unlabelled, plan.parts[number], wanted[number], request)
                done.append(await asyncio.to_thread(self._sorted, request.run, number, part, desk))
                triaged = sum(count for _, count, _ in done)
                told.says = f"{number + 1:,} of {len(plan.parts):,} parts done, {counted(triaged, 'ticket')} triaged"
            told.says = "counting"
            return await asyncio.to_thread(self._ended, request, plan, done)

    async def _planned(self, request: LearnRequest, told: Progress) -> tuple[BackfillPlan, Desk | None]:
        """The plan, and its model; None: there is nothing to learn from."""
        name = f"support/backfill/{request.run}"
        if ref := await asyncio.to_thread(self.ledger.cursor, name):
            plan = await asyncio.to_thread(self.tools.artifacts.get_model, BackfillPlan, ref)
            return plan, await asyncio.to_thread(desk_of, self.tools, plan.material, told)
        found = await read(self.tools, request, told)
        plan = BackfillPlan(
            material=found.material if found.desk else Material(),
            parts=found.journal.parts,
            read=found.journal.read,
            notes=found.journal.notes,
            says=found.says,
        )
        if found.desk is not None:
            ref = await asyncio.to_thread(self.tools.artifacts.put_model, plan)
            await asyncio.to_thread(self.ledger.move_cursor, name, ref)
        return plan, found.desk

    def _done(self, run: str) -> list[tuple[str, int, int]]:
        """Parts that earlier attempts have done: artifact, tickets, sure ones."""
        facts = [each.facts for each in self.ledger.entries(run=run, limit=5_000) if each.name == PART_DONE]
        told = {int(str(each["part"])): each for each in facts}
        done = list[tuple[str, int, int]]()
        while len(done) in told:
            each = told[len(done)]
            done.append((str(each["artifact"]), int(str(each["tickets"])), int(str(each["confident"]))))
        return done

    def _unlabelled(self, part: str, wanted: Keys, request: LearnRequest) -> list[Example]:
        keys = set(wanted.tolist())
        found = {each.key: each for each in examples(self.tools, part) if short(each.key) in keys}
        return [each for each in found.values() if is_inside(each, request.since, request.until)]

    def _sorted(self, run: str, number: int, part: Sequence[Example], desk: Desk) -> tuple[str, int, int]:
        found = desk.triage([as_ticket(each) for each in part]) if part else []
        made = Sorted(tickets=tuple((each.key, bare(said)) for each, said in zip(part, found, strict=True)))
        artifact, sure = self.tools.artifacts.put_model(made), sum(each.confident for each in found)
        now = datetime.now(UTC)
        self.ledger.append(
            Entry(
                key=f"support/backfill/{run}/{number}",
                kind="run",
                name=PART_DONE,
                says=f"Part {number + 1:,}: {counted(len(found), 'ticket')} triaged, {sure:,} sure",
                run=run,
                workflow="support_triage",
                started_at=now,
                finished_at=now,
                facts={"part": number, "artifact": artifact, "tickets": len(found), "confident": sure},
            )
        )
        fault("support.part")
        return artifact, len(found), sure

    def _ended(self, request: LearnRequest, plan: BackfillPlan, done: Sequence[tuple[str, int, int]]) -> Backfilled:
        triaged, sure = sum(each[1] for each in done), sum(each[2] for each in done)
        report = ""
        if triaged:
            made = counted_up(self.tools, request, plan, [artifact for artifact, *_ in done])
            report = self.tools.artifacts.put_model(made)
        return Backfilled(
            read=plan.read,
            triaged=triaged,
            confident=sure,
            parts=tuple(each[0] for each in done),
            report=report,
            notes=plan.notes,
            says=says(plan, triaged, sure),
        )


def says(plan: BackfillPlan, triaged: int, sure: int) -> str:
    told = f"Read {counted(plan.read, 'ticket')}. {plan.says}"
    return f"{told} Triaged {triaged:,} without a label: {sure:,} sure." if plan.material.fitted else told


def short(key: str) -> int:
    """Eight bytes that stand for a key."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest())


def latest(tools: Toolbox, parts: Sequence[str]) -> list[Keys]:
    """For each part the keys of tickets whose last word it has, of those that never had a label."""
    keys, labelled = list[Keys](), list[Keys]()
    for part in parts:
        found = examples(tools, part)
        keys.append(np.array([short(each.key) for each in found], np.uint64))
        labelled.append(np.array([short(each.key) for each in found if each.intent or each.queue], np.uint64))
    if not keys:
        return []
    number = np.repeat(np.arange(len(keys)), [len(each) for each in keys])[::-1]
    last, first = np.unique(np.concatenate(keys)[::-1], return_index=True)
    number, is_wanted = number[first], ~np.isin(last, np.concatenate(labelled))
    order = np.argsort(number[is_wanted], kind="stable")
    found_in = np.searchsorted(number[is_wanted][order], np.arange(1, len(keys)))
    return np.split(last[is_wanted][order], found_in)


def is_inside(each: Example, since: date | None, until: date | None) -> bool:
    """Whether it came on one of these days. Where some are asked for, one whose day isn't known came on none."""
    begins = datetime.combine(since, time(), UTC).timestamp() if since else 0.0
    ends = datetime.combine(until + timedelta(days=1), time(), UTC).timestamp() if until else float("inf")
    return (since is None and until is None) or (each.at > 0 and begins <= each.at < ends)


def as_ticket(each: Example) -> SupportTicket:
    return SupportTicket(source=each.key.rpartition("#")[0], id=each.id, text=each.text[:4000])


def bare(said: Triaged) -> Triaged:
    """Without the words of solutions, which are kept with the tickets that they solved."""
    return said.model_copy(update={"similar": tuple(each.model_copy(update={"solution": ""}) for each in said.similar)})
