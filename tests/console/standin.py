"""A small workflow that parks at the real gate: the console's counterpart without a repository around it."""

import asyncio

from temporalio import activity, workflow

from workflows.gate import ReviewGate

with workflow.unsafe.imports_passed_through():
    from contracts.decision import Revision, SignedDecision
    from contracts.digests import short
    from contracts.policy import Gate
    from contracts.proposal import Editable, MarkdownPanel
    from contracts.records import EffectRecord
    from contracts.runs import CarryOut, Sealed
    from contracts.steps import AGENTS, Step
    from ledger import Ledger

RESEAL = Step("standin.reseal", Revision, Sealed)
EFFECT = Step("standin.effect", CarryOut, type(None))


@workflow.defn(name="standin")
class Standin:
    """Waits at the gate; an approval has one effect."""

    @workflow.init
    def __init__(self, sealed: Sealed) -> None:
        self.gate = ReviewGate(Gate())

    @workflow.run
    async def run(self, sealed: Sealed) -> str:
        decided = await self.gate.decision(sealed, reseal=self.reseal)
        assert decided
        sealed, decision = decided
        if decision.statement.verdict == "approve":
            await self.act(sealed, decision)
        await self.gate.leave()
        return decision.statement.verdict

    async def reseal(self, revision: Revision) -> Sealed:
        from workflows.steps import step

        return await step(RESEAL, revision, summary="Seal a revision")

    async def act(self, sealed: Sealed, decision: SignedDecision) -> None:
        from workflows.steps import step

        order = CarryOut(
            run=workflow.info().workflow_id, digest=sealed.digest, effect=sealed.effects[0], decision=decision
        )
        await step(EFFECT, order, summary="Carry it out")


class StandinActivities:
    """What the stand-in does to the ledger. It commits nowhere."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @activity.defn(name=RESEAL.name)
    async def reseal(self, revision: Revision) -> Sealed:
        old = await asyncio.to_thread(self.ledger.proposal, revision.digest)
        assert old.editable
        changes = {
            "revision": old.revision + 1,
            "drafted_by": "person",
            "edited_by": revision.person,
            "editable": Editable(label=old.editable.label, text=revision.text),
            "panels": (MarkdownPanel(title="The entry", text=revision.text), *old.panels[1:]),
        }
        new = old.model_copy(update=changes).seal()
        await asyncio.to_thread(self.ledger.store_proposal, new)
        effects = tuple(effect.key for effect in new.effects)
        return Sealed(digest=new.digest, title=new.title, revision=new.revision, effects=effects, says=new.button())

    @activity.defn(name=EFFECT.name)
    async def act(self, order: CarryOut) -> None:
        await asyncio.to_thread(self._act, order)

    def _act(self, order: CarryOut) -> None:
        self.ledger.require(order.decision, run=order.run, digest=order.digest)
        now = self.ledger.clock()
        record = EffectRecord(
            key=order.effect,
            kind="git.commit_file",
            run=order.run,
            digest=order.digest,
            decision=order.decision.id,
            state="intent",
            subject="acme/harbor",
            intended_at=now,
        )
        self.ledger.intend(record)
        says = f"Committed 5d1c2e0 on branch countersign/changelog, signed {short(order.decision.id)}"
        self.ledger.finish_effect(order.effect, state="done", outcome={"says": says})
        self.ledger.update_run(order.run, state="done", says=says, finished_at=now)


QUEUE = AGENTS
