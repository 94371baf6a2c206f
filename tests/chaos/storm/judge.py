"""What has to be true when the storm is over."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from temporalio.client import WorkflowExecutionStatus

from contracts.records import RECONCILED, RunRecord
from tests.chaos.storm.house import House
from tests.support.repositories import git
from workers.reconciling import Reconciled, reconcile

ENDS = {"approve": "done", "reject": "rejected"}
TRAILER = "%(trailers:key=Countersign-Run,valueonly,separator=%x2C)"


async def judged(house: House, repositories: list[Path], started: list[str]) -> tuple[list[str], Reconciled]:
    """All that is wrong, in words, and what was compared. Nothing is killed any more."""
    records = await asyncio.to_thread(house.ledger.runs, limit=1_000_000)
    wrong = [*lost_runs(records, started), *await still_open(house)]
    wrong += await asyncio.to_thread(lambda: [*ends(house, records), *commits(repositories, records)])
    verified = await asyncio.to_thread(house.ledger.verify)
    wrong += [f"the ledger does not verify: {problem}" for problem in verified.problems]
    done = await reconcile(house.here.client, house.ledger, lambda _: None, mend=True)
    wrong += [f"{gap.run}: {gap.says}" for gap in done.gaps if gap.entry is None]
    wrong += [f"a comparison in the storm's middle: {says}" for says in false_alarms(house)]
    return wrong, done


def lost_runs(records: list[RunRecord], started: list[str]) -> Iterator[str]:
    known = {record.run for record in records}
    yield from (f"{run} was started and is not in the ledger" for run in started if run not in known)


async def still_open(house: House) -> list[str]:
    going = house.here.client.list_workflows("ExecutionStatus = 'Running'")
    return [f"{each.id} goes on in Temporal" async for each in going if each.status == WorkflowExecutionStatus.RUNNING]


def ends(house: House, records: list[RunRecord]) -> Iterator[str]:
    """Each run ended as the last decision that stood says, by exactly one such decision."""
    for record in records:
        stood = [one.statement.verdict for one, ruling in house.ledger.decisions(record.run) if ruling.accepted]
        final = [verdict for verdict in stood if verdict in ENDS]
        if len(final) != 1 or record.state != ENDS[final[0]]:
            yield f"{record.run} ended as {record.state} ({record.says}) after {stood}"
        effects = [effect.state for effect in house.ledger.effects(run=record.run)]
        if effects != (["done"] if record.state == "done" else []):
            yield f"{record.run} is {record.state}, and its effects are {effects}"


def commits(repositories: list[Path], records: list[RunRecord]) -> Iterator[str]:
    """In all repositories together there is one commit for each run that was signed, and no other of ours."""
    made = Counter[str]()
    for repository in repositories:
        log = git(repository, "log", "--glob=refs/heads/countersign/", f"--format={TRAILER}", "--not", "HEAD")
        made.update(line for line in log.splitlines() if line)
    wanted = {record.run for record in records if record.state == "done"}
    yield from (f"{run}: {made[run]} commits" for run in sorted(wanted | set(made)) if made[run] != (run in wanted))


def false_alarms(house: House) -> list[str]:
    told = house.ledger.entries(kind="system", words=RECONCILED, limit=100_000)
    return [entry.says for entry in told if entry.facts.get("gaps")]
