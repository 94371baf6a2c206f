"""How a run ends, whichever workflow it is of: what was signed is carried out, and the end is written down."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.gate import ReviewGate
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.decision import SignedDecision
    from contracts.policy import Policy
    from contracts.requirements import listed
    from contracts.runs import CarryOut, Close, Done, Outcome, Sealed
    from contracts.steps import CARRY_OUT, CLOSE

ROUNDS = 3  # in which a run that ends reads what still comes: a flood must not keep it open
LOOK_AGAIN = timedelta(hours=1)  # whether a person has settled it, in case that the signal did not come


async def carry_out(policy: Policy, gate: ReviewGate, sealed: Sealed, decision: SignedDecision) -> Outcome:
    """Signed effects only: the activity verifies digest and signature itself."""
    others = tuple(each for each in gate.approvals if each.id != decision.id)
    signer = listed([each.statement.person for each in (*others, decision)], "and")
    done = list[Done]()
    show(policy, state="carrying out", says=f"Signed by {signer}. {sealed.says}")
    for key in sealed.effects:
        request = CarryOut(
            run=workflow.info().workflow_id, digest=sealed.digest, effect=key, decision=decision, others=others
        )
        done.append(await _carried_out(policy, request, summary=f"{sealed.says}, signed by {signer}"))
    says = " ".join(each.says for each in done) or "Signed as read. Nothing was to be done."
    outcome = await close(policy, gate, "done", says, sealed)
    return outcome.model_copy(update={"signed_by": signer, "effects": tuple(done), "cost": sealed.cost})


async def _carried_out(policy: Policy, request: CarryOut, *, summary: str) -> Done:
    """One effect. Where nobody knows whether it happened, the run parks until a person has said so: `settled` is the
    signal by which it hears of it at once."""
    settled = set[str]()

    def heard(key: Any = None, _more: Any = None) -> None:  # anybody may send anything: it is only a reason to look
        settled.update({request.effect} if key == request.effect else ())

    workflow.set_signal_handler("settled", heard)
    while True:
        try:
            return await step(CARRY_OUT, request, summary=summary)
        except ActivityError as error:
            doubt = error.cause
            if not isinstance(doubt, ApplicationError) or doubt.type != "Unaskable":
                raise
            show(policy, state="asking a person", says=f"Did it happen? {doubt.message}")
        try:
            await workflow.wait_condition(lambda: bool(settled), timeout=LOOK_AGAIN)
        except TimeoutError:
            continue
        settled.clear()


async def close(policy: Policy, gate: ReviewGate, state: str, says: str, sealed: Sealed | None = None) -> Outcome:
    """Rule on what came too late, and write down how the run ended: with the revision that a person's edits left."""
    await gate.leave()
    last = (gate.latest or sealed) if sealed else None
    outcome = Outcome.model_validate({"state": state, "says": says, "digest": last.digest if last else None})
    await step(
        CLOSE,
        Close(run=workflow.info().workflow_id, state=outcome.state, says=outcome.says, digest=outcome.digest),
        summary=f"Write down how it ended: {outcome.state}",
    )
    # A decision that came while that was written down is ruled on as well: each leaves an entry, and decides nothing.
    for _ in range(ROUNDS):
        if gate.has_unread and workflow.patched("rule-after-close"):
            await gate.leave()
    show(policy, state=outcome.state, says=outcome.says)
    return outcome


def rejection(decision: SignedDecision) -> str:
    """A person's rejection in one line."""
    statement = decision.statement
    words = f": {statement.words}" if statement.words else ""
    return f"Rejected by {statement.person} ({statement.reason}){words}"
