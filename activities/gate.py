"""The gate's side of the world: the server-side rule, notes of a run, and how it ended."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from activities.dropping import without
from activities.learning import verdict
from activities.standing import covering, measured_run
from activities.toolbox import Toolbox
from contracts.decision import CLOSES, Ruling
from contracts.proposal import Proposal
from contracts.records import Entry
from contracts.runs import AskStanding, Close, DropEffects, Judge, Note, Sealed, StandingAnswer
from contracts.steps import CLOSE, DROP, JUDGE, NOTE, STANDING


class GateActivities:
    """Registered on the agents' queue. None of these acts on the outside world."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox
        self.ledger = toolbox.ledger

    @activity.defn(name=JUDGE.name)
    async def judge(self, request: Judge) -> Ruling:
        """Rule on one decision, and write the ruling down, accepted or not."""
        return await asyncio.to_thread(self._judge, request)

    def _judge(self, request: Judge) -> Ruling:
        decision = request.decision
        rule = self.ledger.judge if decision.standing is None else self.ledger.settle_standing
        ruling = rule(decision, run=request.run, digest=request.digest)
        self.ledger.record_decision(decision, ruling)
        if ruling.accepted and not ruling.enough:
            self.ledger.update_run(
                request.run, state="waiting", says=f"Waiting for review. Approved: {ruling.progress}"
            )
        elif ruling.accepted:
            statement = decision.statement
            self.ledger.set_proposal_state(
                statement.digest,
                CLOSES[statement.verdict],
                by=statement.person,
                at=statement.decided_at,
            )
            self.ledger.update_run(request.run, state="running", says=f"{statement.verdict} by {statement.person}")
        return ruling

    @activity.defn(name=STANDING.name)
    async def standing(self, request: AskStanding) -> StandingAnswer:
        """Whether a standing approval covers a proposal that waits."""
        return await asyncio.to_thread(covering, self.ledger, request)

    @activity.defn(name=DROP.name)
    async def drop(self, request: DropEffects) -> Sealed:
        """Seal a revision with fewer effects, and keep it. BadInput, where that can't be done."""
        return await asyncio.to_thread(self._drop, request)

    def _drop(self, request: DropEffects) -> Sealed:
        made, alarms = without(self.ledger.proposal(request.digest), request, self.toolbox)
        self.ledger.store_proposal(made)
        return Sealed.of(made, alarms)

    @activity.defn(name=NOTE.name)
    async def note(self, request: Note) -> None:
        info, now = activity.info(), datetime.now(UTC)
        await self.ledger.write(
            Entry(
                key=f"note/{info.workflow_run_id}/{info.activity_id}",
                kind="run",
                name=request.name,
                says=request.says,
                run=request.run,
                workflow=info.workflow_type or "",
                outcome=request.outcome,
                started_at=now,
                finished_at=now,
            )
        )

    @activity.defn(name=CLOSE.name)
    async def close(self, request: Close) -> None:
        """Write the run's end down, with what the person changed before signing: the training signal."""
        await asyncio.to_thread(self._close, request)

    def _close(self, request: Close) -> None:
        info, now = activity.info(), datetime.now(UTC)
        self.ledger.append(
            Entry(
                key=f"run/{info.workflow_run_id}/closed",
                kind="run",
                name="run.closed",
                says=request.says,
                run=request.run,
                workflow=info.workflow_type or "",
                started_at=now,
                finished_at=now,
                facts={"state": request.state, **self._learnt(request)},
            )
        )
        if learnt := verdict(self.ledger, request, info.workflow_type or ""):
            self.ledger.learn(learnt)
        if made := measured_run(self.ledger, request, now):
            self.ledger.measure_run(made)
        if request.state == "expired" and request.digest:
            self.ledger.set_proposal_state(request.digest, "expired", at=now)
        self.ledger.update_run(request.run, state=request.state, says=request.says, finished_at=now)

    def _learnt(self, request: Close) -> dict[str, str | int | None]:
        """What became of the draft: signed as it was, or signed after which edits."""
        if request.digest is None:
            return {}
        signed: Proposal = self.ledger.proposal(request.digest)
        return {
            "digest": request.digest,
            "drafted_by": signed.drafted_by,
            "edited_by": signed.edited_by,
            "revision": signed.revision,
            "cost_usd": None if signed.cost.usd is None else str(signed.cost.usd),
        }
