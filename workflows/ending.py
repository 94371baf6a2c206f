"""How a run ends, whichever workflow it is of: what was signed is carried out, and the end is written down."""

from temporalio import workflow

from workflows.carrying import carried_out
from workflows.gate import ReviewGate
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.decision import SignedDecision
    from contracts.policy import Policy
    from contracts.requirements import listed
    from contracts.runs import CarryOut, Close, Done, Outcome, Sealed
    from contracts.steps import CLOSE

ROUNDS = 3  # in which a run that ends reads what still comes: a flood must not keep it open


async def carry_out(policy: Policy, gate: ReviewGate, sealed: Sealed, decision: SignedDecision) -> Outcome:
    """Signed effects only: the activity verifies digest and signature itself."""
    others = tuple(each for each in gate.approvals if each.id != decision.id)
    signer = listed([each.statement.person for each in (*others, decision)], "and")
    done = list[Done]()

    def asking(doubt: str) -> None:
        show(policy, state="asking a person", says=doubt)

    show(policy, state="carrying out", says=f"Signed by {signer}. {sealed.says}")
    done.extend(gate.carried)
    for key in sealed.effects if not gate.carried else ():
        request = CarryOut(
            run=workflow.info().workflow_id, digest=sealed.digest, effect=key, decision=decision, others=others
        )
        done.append(await carried_out(request, asking, summary=f"{sealed.says}, signed by {signer}"))
    says = " ".join(each.says for each in done) or "Signed as read. Nothing was to be done."
    outcome = await close(policy, gate, "done", says, sealed)
    return outcome.model_copy(update={"signed_by": signer, "effects": tuple(done), "cost": sealed.cost})


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
