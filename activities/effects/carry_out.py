"""The one activity through which a change leaves the building. It trusts nobody: it verifies everything again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from temporalio import activity

from activities.effects import KINDS
from activities.effects.kinds import EffectContext, EffectKind, Facts
from activities.effects.measuring import measured
from activities.effects.own_gate import require_own_gate
from activities.effects.stopping import cut_off_when_stopped, until_started
from activities.faults import fault
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.digests import short
from contracts.errors import (
    BadInput,
    CountersignError,
    EffectsStopped,
    Held,
    NotFound,
    NotItsTurn,
    NotSigned,
    Refused,
    Unaskable,
    WrongDigest,
)
from contracts.proposal import Effect, Proposal
from contracts.records import DOUBT, SETTLED_BY, EffectRecord, Entry
from contracts.runs import CarryOut, Done
from contracts.steps import CARRY_OUT

TURN = 60.0  # seconds that an attempt waits while another effect is carried out


class EffectActivities:
    """Registered on the effects' queue only, in a process that alone holds write credentials."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox
        self.ledger = toolbox.ledger
        self._turn = asyncio.Lock()

    @activity.defn(name=CARRY_OUT.name)
    async def carry_out(self, request: CarryOut) -> Done:
        """Verify, write down the intent, ask the destination, act, write down the outcome.

        Raises Refused (logged) for anything that was not signed as it is; Held when it may not begin now; Unaskable
        when a person has to say whether it happened; what the kind raises otherwise.
        """
        async with progress(f"carrying out {request.effect}") as told:
            while True:
                try:
                    async with self._one_at_a_time(request):
                        return await self._verified(request)
                except EffectsStopped as held:
                    told.says = f"held: {held.what}"
                    await until_started(self.ledger, held)
                    told.says = f"carrying out {request.effect}"

    @asynccontextmanager
    async def _one_at_a_time(self, request: CarryOut) -> AsyncIterator[None]:
        """The order of signatures is the order of acts. Those that are held let others pass."""
        try:
            async with asyncio.timeout(TURN):
                await self._turn.acquire()
        except TimeoutError:
            raise NotItsTurn("Another effect is being carried out; this one follows.", subject=request.effect) from None
        try:
            yield
        finally:
            self._turn.release()

    async def _verified(self, request: CarryOut) -> Done:
        """All of it, from the signature on: while it was held, the key may have been revoked."""
        try:
            effect, kind = await asyncio.to_thread(self._verify, request)
            fault("effect.before_intent")
            record = await asyncio.to_thread(self._intend, request, effect, kind)
        except (Refused, Held) as refusal:
            if request.decision.standing is not None:
                return await self._waits(request, refusal)
            if isinstance(refusal, Refused):
                await self.ledger.write(_refusal(request, refusal))
            raise
        return await self._carry_out(request, effect, kind, record)

    async def _waits(self, request: CarryOut, why: Refused | Held) -> Done:
        """Its standing approval does not cover it: a person decides. What had begun, and happened, is done."""
        known = await asyncio.to_thread(self.ledger.effect, request.effect)
        if known is not None and known.state in ("acting", "done") and known.decision == request.decision.id:
            [effect] = [each for each in self._proposal(request).effects if each.key == request.effect]
            kind = KINDS[effect.kind]
            facts = await kind.ask(effect.params, self._context(request, effect)) if kind.askable else None
            if facts is not None:
                await self._finish(effect.key, "done", facts)
                return _done(effect, facts, repeated=True)
        if isinstance(why, Refused):
            await self.ledger.write(_refusal(request, why))
        return Done(effect=request.effect, says=why.what, waits=True)

    def _verify(self, request: CarryOut) -> tuple[Effect, EffectKind]:
        proposal = self._proposal(request)
        self.ledger.require_all(request.decisions, run=request.run, digest=proposal.digest, measure=measured)
        require_own_gate(proposal, request.decisions, self.toolbox)
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
            ),
            self.toolbox.effect_limits,
            request.decision.standing,
        )

    async def _carry_out(self, request: CarryOut, effect: Effect, kind: EffectKind, record: EffectRecord) -> Done:
        fault("effect.after_intent")
        if record.state == "done":
            return _done(effect, record.outcome, repeated=True)
        context = self._context(request, effect)
        try:
            facts = await _asked(effect, kind, context, record)
            happened = facts is not None
            fault("effect.after_ask")
            if facts is None:
                facts = await self._act(effect, kind, context)
        except Held:
            raise
        except Unaskable as doubt:
            await asyncio.to_thread(self.ledger.doubt_effect, effect.key, doubt.what)
            raise in_doubt(effect.key, doubt) from doubt
        except CountersignError as error:
            if not error.retryable:
                await self._finish(effect.key, "failed", {"error": error.name, "says": str(error)})
            elif not kind.askable:
                await asyncio.to_thread(self.ledger.unbegin_effect, effect.key, error.what)
            raise
        fault("effect.after_act")
        await self._finish(effect.key, "done", facts)
        fault("effect.after_finish")
        return _done(effect, facts, repeated=happened)

    async def _act(self, effect: Effect, kind: EffectKind, context: EffectContext) -> Facts:
        """Write down that it begins, unless effects were stopped meanwhile; then begin."""
        begun = await asyncio.to_thread(self.ledger.begin_effect, effect.key, again=kind.askable)
        fault("effect.begun")
        if begun.state == "done":
            return begun.outcome
        if not kind.askable:
            return await _acted_once(effect, kind, context)
        act = kind.act(effect.params, context)
        if not kind.cancellable:
            return await act
        facts = await cut_off_when_stopped(self.ledger, act)
        if facts is None:
            raise await asyncio.to_thread(self.ledger.interrupt_effect, effect.key)
        return facts

    def _context(self, request: CarryOut, effect: Effect) -> EffectContext:
        return EffectContext(
            run=request.run,
            key=effect.key,
            digest=request.digest,
            decision=request.decision,
            person=self.ledger.trusted_person(request.decision.statement.person),
            toolbox=self.toolbox,
            others=tuple((each, self.ledger.trusted_person(each.statement.person)) for each in request.others),
        )

    async def _finish(self, key: str, state: str, facts: Facts) -> None:
        await asyncio.to_thread(
            self.ledger.finish_effect, key, state="done" if state == "done" else "failed", outcome=facts
        )


async def _asked(effect: Effect, kind: EffectKind, context: EffectContext, record: EffectRecord) -> Facts | None:
    """What the destination says. Where it can't be asked, an effect that never began did not happen."""
    if record.state == "unknown":
        raise Unaskable(str(record.outcome.get("says", "")).removeprefix(DOUBT), subject=effect.key)
    if record.state == "intent" and SETTLED_BY in record.outcome:
        return None  # a person has looked, and it did not happen
    if kind.askable:
        return await kind.ask(effect.params, context)
    if record.state == "acting":
        raise Unaskable("It had begun when its process died, and the destination can't tell.", subject=effect.key)
    return None


async def _acted_once(effect: Effect, kind: EffectKind, context: EffectContext) -> Facts:
    try:
        return await kind.act(effect.params, context)
    except CountersignError:
        raise
    except Exception as error:
        what = f"It had begun when it failed ({type(error).__name__}: {error}), and the destination can't tell."
        raise Unaskable(what, subject=effect.key) from error


def in_doubt(key: str, doubt: Unaskable) -> Unaskable:
    """The doubt with the way out."""
    return Unaskable(
        doubt.what,
        subject=key,
        way_out=f"Look there, then say `countersign effects settle {key}` with --happened or --did-not.",
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
