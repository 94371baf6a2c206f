"""The one activity through which a change leaves the building. It trusts nobody: it verifies everything again."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from activities.effects import KINDS
from activities.effects.kinds import EffectContext, EffectKind, Facts
from activities.faults import fault
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.digests import short
from contracts.errors import BadInput, CountersignError, NotFound, NotSigned, Refused, WrongDigest
from contracts.proposal import Effect, Proposal
from contracts.records import EffectRecord, Entry
from contracts.runs import CarryOut, Done
from contracts.steps import CARRY_OUT


class EffectActivities:
    """Registered on the effects' queue only, in a process that alone holds write credentials."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox
        self.ledger = toolbox.ledger

    @activity.defn(name=CARRY_OUT.name)
    async def carry_out(self, request: CarryOut) -> Done:
        """Verify, write down the intent, ask the destination, act, write down the outcome.

        Raises Refused (logged) for anything that was not signed as it is; what the kind raises otherwise.
        """
        async with progress(f"carrying out {request.effect}"):
            try:
                effect, kind = await asyncio.to_thread(self._verify, request)
                fault("effect.before_intent")
                record = await asyncio.to_thread(self._intend, request, effect, kind)
            except Refused as refusal:
                await self.ledger.write(_refusal(request, refusal))
                raise
            return await self._carry_out(request, effect, kind, record)

    def _verify(self, request: CarryOut) -> tuple[Effect, EffectKind]:
        proposal = self._proposal(request)
        self.ledger.require_all(request.decisions, run=request.run, digest=proposal.digest)
        signed = [effect for effect in proposal.effects if effect.key == request.effect]
        if len(signed) != 1:
            raise NotSigned(
                f"{request.effect!r} is not an effect of proposal {proposal.id}.",
                subject=request.effect,
                way_out="Only what the signed proposal lists is carried out.",
            )
        if signed[0].kind not in KINDS:
            raise BadInput(f"This release can't carry out {signed[0].kind!r}.", subject=signed[0].kind)
        return signed[0], KINDS[signed[0].kind]

    def _proposal(self, request: CarryOut) -> Proposal:
        """The sealed body, checked against the digest that was asked for."""
        try:
            proposal = self.ledger.proposal(request.digest)
        except (NotFound, BadInput) as error:
            raise WrongDigest("No proposal with this digest is in the ledger.", subject=request.digest) from error
        if proposal.digest != request.digest or not proposal.is_intact:
            raise WrongDigest(
                f"Proposal {short(request.digest)} is not what was sealed under that digest.",
                subject=request.digest,
                way_out="Somebody changed it. Start the run again and look at `countersign ledger verify`.",
            )
        return proposal

    def _intend(self, request: CarryOut, effect: Effect, kind: EffectKind) -> EffectRecord:
        return self.ledger.intend(
            EffectRecord(
                key=effect.key,
                kind=effect.kind,
                run=request.run,
                digest=request.digest,
                decision=request.decision.id,
                state="intent",
                subject=kind.subject(effect.params),
                intended_at=datetime.now(UTC),
            )
        )

    async def _carry_out(self, request: CarryOut, effect: Effect, kind: EffectKind, record: EffectRecord) -> Done:
        fault("effect.after_intent")
        if record.state == "done":
            return _done(effect, record.outcome, repeated=True)
        context = self._context(request, effect)
        try:
            facts = await kind.ask(effect.params, context)
            happened = facts is not None
            fault("effect.after_ask")
            if facts is None:
                facts = await kind.act(effect.params, context)
        except CountersignError as error:
            if not error.retryable:
                await self._finish(effect.key, "failed", {"error": error.name, "says": str(error)})
            raise
        fault("effect.after_act")
        await self._finish(effect.key, "done", facts)
        fault("effect.after_finish")
        return _done(effect, facts, repeated=happened)

    def _context(self, request: CarryOut, effect: Effect) -> EffectContext:
        return EffectContext(
            run=request.run,
            key=effect.key,
            digest=request.digest,
            decision=request.decision,
            person=self.ledger.person(request.decision.statement.person),
            toolbox=self.toolbox,
            others=tuple((each, self.ledger.person(each.statement.person)) for each in request.others),
        )

    async def _finish(self, key: str, state: str, facts: Facts) -> None:
        await asyncio.to_thread(
            self.ledger.finish_effect, key, state="done" if state == "done" else "failed", outcome=facts
        )


def _done(effect: Effect, facts: Facts, *, repeated: bool) -> Done:
    return Done(effect=effect.key, says=str(facts.get("says", effect.says)), facts=facts, repeated=repeated)


def _refusal(request: CarryOut, refusal: Refused) -> Entry:
    """One entry for each reason: a retry of the same refusal adds none."""
    now = datetime.now(UTC)
    return Entry(
        key=f"refusal/{request.run}/{request.effect}/{request.digest}/{request.decision.id}/{refusal.name}",
        kind="refusal",
        name=CARRY_OUT.name,
        says=f"Refused to carry out {request.effect}: {refusal.what}",
        run=request.run,
        actor=request.decision.statement.person,
        outcome="refused",
        started_at=now,
        finished_at=now,
        facts={
            "effect": request.effect,
            "digest": request.digest,
            "decision": request.decision.id,
            "key": request.decision.signature.key,
            **({"others": [each.id for each in request.others]} if request.others else {}),
            "error": refusal.name,
        },
    )
