"""The gate: where a run waits for a person's decision on exactly what would happen.

Decisions come as the signal `decide` and are buffered until they can be ruled on. One for the digest the run
waits for goes to the server-side rule (activity `gate.judge`). One for another digest does nothing but leave an
entry; while a new revision is being sealed it is held, since the person may have been quicker than we are.
A person's edit of the text comes as the update `revise`, and answers with the new digest. No timeout approves.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from workflows.carrying import carried_out
from workflows.steps import step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.decision import Revision, Ruling, SignedDecision
    from contracts.digests import short
    from contracts.policy import Gate, Policy
    from contracts.requirements import StartedBy
    from contracts.runs import (
        STARTED_BY,
        Alarm,
        AskStanding,
        CarryOut,
        Done,
        DropEffects,
        GateView,
        Judge,
        Note,
        Review,
        Sealed,
    )
    from contracts.steps import DROP, JUDGE, NOTE, STANDING

Reseal = Callable[[Revision], Awaitable[Sealed]]


def no_text(way_out: str) -> Reseal:
    """Of a proposal without a text: an edit is refused, and told what a person can do instead."""

    async def refused(edit: Revision) -> Sealed:
        raise ApplicationError(way_out, type="BadInput")

    return refused


# A flood of signals must not grow the history of our own making: beyond this they are dropped, unread.
MOST_UNREAD = 500
# How long an edit waits for a run that is still sealing what the person already reads.
SEALING = timedelta(seconds=30)


def review(policy: Policy) -> Review:
    """What sealing has to know of the gate, for the request of each revision."""
    return Review(
        gate=policy.gate,
        team=policy.team,
        effects=policy.effects,
        started_by=_started_by(workflow.memo_value(STARTED_BY, None)),
        credentials=policy.sandbox.credentials,
    )


def _started_by(told: Any) -> StartedBy | None:
    try:
        return StartedBy.model_validate(told)
    except ValueError:
        return None


class ReviewGate:
    """One gate of one run. Make it in the workflow's `@workflow.init`, so that no signal comes too early."""

    def __init__(self, policy: Gate) -> None:
        self._policy = policy
        self._unread: list[SignedDecision] = []
        self._seen: set[str] = set()
        self._rulings: list[str] = []
        self._rung: set[Alarm] = set()
        self._approved: tuple[SignedDecision, ...] = ()
        self._current: Sealed | None = None
        self.latest: Sealed | None = None  # the revision that the last wait ended with, whatever was edited meanwhile
        self._reseal: Reseal | None = None
        self._busy = asyncio.Lock()
        self._over = False
        self.carried: tuple[Done, ...] = ()  # what was done on a standing approval
        self._dropped = 0  # revisions that were sealed here and that the workflow did not count
        workflow.set_signal_handler("decide", self._on_decide)
        workflow.set_update_handler("revise", self._on_revise, validator=self._may_revise)
        workflow.set_query_handler("gate", self._view)

    @property
    def approvals(self) -> tuple[SignedDecision, ...]:
        """Those that together were enough, the last one last."""
        return self._approved

    def numbered(self, revision: int) -> int:
        """The number of a workflow's own `revision`, counted with those that dropped effects."""
        return revision + self._dropped

    @property
    def has_unread(self) -> bool:
        """Whether a decision has come that nobody has ruled on."""
        return bool(self._unread)

    async def decision(self, sealed: Sealed, *, reseal: Reseal) -> tuple[Sealed, SignedDecision] | None:
        """Park until the decisions that the proposal asks for are there: enough approvals, or one that ends it.

        Gives the revision and the last decision; None when nobody decided in time.
        """
        self._current, self._reseal, self._approved = sealed, reseal, ()
        began = workflow.now()
        try:
            if self._policy.may_stand and workflow.patched("standing-approvals"):
                stood = await self._on_standing(sealed)
                if stood:
                    return sealed, stood
            while True:
                alarms, expires = self._times(self._current, began)
                wake = min(alarms[0].at, expires) if alarms else expires
                if await self._something_to_read(until=wake):
                    accepted = await self._rule_on_next()
                    if accepted:
                        return accepted
                elif workflow.now() >= self._times(self._current, began)[1]:
                    return None
                else:
                    await self._ring(began)
        finally:
            self.latest, self._current = self._current, None

    async def _on_standing(self, sealed: Sealed) -> SignedDecision | None:
        """Have it carried out on a standing approval that covers it. None: a person decides, as if there were none.

        The process that carries effects out says whether it does. Meanwhile the proposal stays open, and decisions of
        people wait to be read.
        """
        async with self._busy:
            run = workflow.info().workflow_id
            request = AskStanding(run=run, digest=sealed.digest)
            try:
                answer = await step(STANDING, request, summary="Ask whether a standing approval covers it")
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                return None  # such as a ledger of yesterday, which doesn't know the proposal again yet
            decision, done = answer.decision, list[Done]()
            for key in sealed.effects if decision else ():
                assert decision is not None
                effect = CarryOut(run=run, digest=sealed.digest, effect=key, decision=decision)
                summary = f"{sealed.says}, on a standing approval of {decision.statement.person}"
                made = await carried_out(effect, workflow.set_current_details, summary=summary)
                if made.waits:
                    await self._note("gate.standing", f"It waits for a person. {made.says}")
                    return None
                done.append(made)
            if decision is None or not done:
                return None
            await self._judge(decision, digest=sealed.digest)
            self.carried, self._approved, self._over = tuple(done), (decision,), True
            return decision

    def _times(self, sealed: Sealed, began: datetime) -> tuple[list[Alarm], datetime]:
        """What is still to be said, in order, and when the revision expires."""
        if sealed.expires_at is not None:
            alarms, expires = sealed.alarms, sealed.expires_at
        else:  # sealed by a release that left the times to the workflow
            says = f"Still waiting for {self._policy.role}: {sealed.title}"
            alarms = (Alarm(at=began + self._policy.remind_after, name="gate.reminder", says=says),)
            expires = began + self._policy.expire_after
        return [each for each in alarms if each not in self._rung], expires

    async def _ring(self, began: datetime) -> None:
        """Say what is due. Nothing is, where an edit has put it off meanwhile."""
        if self._current is None:
            return
        for alarm in self._times(self._current, began)[0]:
            if alarm.at <= workflow.now():
                self._rung.add(alarm)
                await self._note(alarm.name, alarm.says)

    async def leave(self) -> None:
        """Before the run ends: rule on what came too late, and let open updates finish."""
        self._over = True
        for signed in self._unread:
            await self._judge(signed, digest="")
        self._unread.clear()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _something_to_read(self, *, until: datetime) -> bool:
        """False when the time has come. An edit ends the wait, too: a new revision has times of its own."""
        left, sealed = (until - workflow.now()).total_seconds(), self._current
        has_times = sealed is not None and sealed.expires_at is not None
        try:
            await workflow.wait_condition(
                lambda: (bool(self._unread) or (has_times and self._current != sealed)) and not self._busy.locked(),
                timeout=max(left, 0.001),
                timeout_summary=f"Reminder or expiry at {until:%Y-%m-%d %H:%M} UTC",
            )
        except TimeoutError:
            return False
        return True

    async def _rule_on_next(self) -> tuple[Sealed, SignedDecision] | None:
        async with self._busy:
            if not self._unread or self._current is None:
                return None
            signed = self._unread.pop(0)
            ruling = await self._judge(signed, digest=self._current.digest)
            if not ruling.accepted:
                return None
            if signed.statement.verdict == "approve":
                self._approved = ruling.approvals or (signed,)
            if not ruling.enough:
                return None
            self._over = signed.statement.verdict != "request_changes"
            return self._current, signed

    async def _judge(self, signed: SignedDecision, *, digest: str) -> Ruling:
        statement = signed.statement
        ruling = await step(
            JUDGE,
            Judge(decision=signed, run=workflow.info().workflow_id, digest=digest),
            summary=f"{statement.verdict} by {statement.person} of {short(statement.digest)}",
        )
        if not ruling.accepted:
            self._rulings.append(ruling.why)
        return ruling

    async def _note(self, name: str, says: str) -> None:
        await step(NOTE, Note(run=workflow.info().workflow_id, name=name, says=says), summary=says)

    def _on_decide(self, given: Any = None, _more: Any = None) -> None:
        # Anybody with access to Temporal can send anything here, and an error would stop the run for everybody:
        # what is no decision is passed over. A repeated signal is one signal.
        try:
            signed = SignedDecision.model_validate(given)
        except ValueError:
            return
        if signed.standing is not None:
            return  # only the gate itself asks whether one covers this
        if signed.id not in self._seen and len(self._unread) < MOST_UNREAD:
            self._seen.add(signed.id)
            self._unread.append(signed)

    async def _on_revise(self, revision: Revision) -> Sealed:
        if self._current is None:
            await self._sealing()
        async with self._busy:
            self._may_revise(revision)
            if self._current is None or self._reseal is None:
                raise ApplicationError("This run is not waiting for a decision.", type="Conflict")
            if revision.is_of_effects:
                self._current = await self._without(self._current, revision)
            else:
                self._current = await self._reseal(revision)
            return self._current

    async def _without(self, sealed: Sealed, revision: Revision) -> Sealed:
        """The same proposal with fewer effects, or some changed. No workflow has to know of it."""
        request = DropEffects(
            run=workflow.info().workflow_id,
            digest=sealed.digest,
            drop=revision.drop,
            person=revision.person,
            gate=self._policy,
            change=revision.change,
        )
        made = await step(DROP, request, summary=f"Seal revision {sealed.revision + 1} {_described(revision)}")
        self._dropped += 1
        return made

    async def _sealing(self) -> None:
        """The proposal can be read a moment before the run itself knows that it was sealed."""
        try:
            await workflow.wait_condition(lambda: self._current is not None or self._over, timeout=SEALING)
        except TimeoutError:
            return

    def _may_revise(self, revision: Revision) -> None:
        if self._over:
            raise ApplicationError("This run is not waiting for a decision any more.", type="Conflict")
        if self._current is not None and revision.digest != self._current.digest:
            raise ApplicationError(
                f"The text was changed meanwhile: you edited {short(revision.digest)}, "
                f"the newest is {short(self._current.digest)}. Reload and edit that one.",
                type="Conflict",
            )
        if revision.is_of_effects and self._current is not None:
            _may_drop(revision, self._current)
        if not revision.is_of_effects and not revision.text.strip():
            raise ApplicationError("An empty text can't be proposed. Reject it instead.", type="BadInput")

    def _view(self) -> GateView:
        return GateView(
            digest=self._current.digest if self._current else None,
            revision=self._current.revision if self._current else 0,
            waiting=self._current is not None,
            rulings=tuple(self._rulings[-20:]),
        )


def _described(revision: Revision) -> str:
    dropped = f"without {len(revision.drop)} effect{'s' * (len(revision.drop) != 1)}" if revision.drop else ""
    changed = len(revision.change)
    return " and ".join(filter(None, (dropped, f"with {changed} change{'s' * (changed != 1)}" if changed else "")))


def _may_drop(revision: Revision, sealed: Sealed) -> None:
    if not set(revision.drop) <= set(sealed.effects):
        raise ApplicationError("It drops an effect that the proposal does not have.", type="BadInput")
    if not {each.effect for each in revision.change} <= set(sealed.effects) - set(revision.drop):
        raise ApplicationError("It changes an effect that would not be there.", type="BadInput")
    if set(revision.drop) >= set(sealed.effects):
        raise ApplicationError("Nothing would be left to do. Reject it instead.", type="BadInput")
