"""Standing approvals on the agents' side: whether one covers a proposal, and what is learnt of each run for new ones.

None of it is relied on: the process that carries effects out verifies and measures all of it again.
"""

from datetime import datetime

from activities.effects.measuring import measured
from contracts.decision import Signature, SignedDecision, standing_statement
from contracts.errors import CountersignError, Refused
from contracts.proposal import Proposal
from contracts.runs import AskStanding, Close, StandingAnswer
from contracts.standing import SignedStanding, may_stand
from contracts.suggesting import Made, MeasuredRun
from ledger import Ledger


def covering(ledger: Ledger, request: AskStanding) -> StandingAnswer:
    """The decision of the first standing approval that covers the proposal; else why none does."""
    proposal = ledger.proposal(request.digest)
    if why := may_stand(proposal.requirements):
        return StandingAnswer(why=why)
    if ledger.effect_switch().stopped:
        return StandingAnswer(why="effects are stopped")
    why = "there is none"
    for kept in ledger.standing_approvals(proposal.workflow):
        if kept.ended or kept.standing.not_now(ledger.clock()):
            continue
        decision = on_standing(kept, proposal)
        try:
            ledger.require_all([decision], run=request.run, digest=proposal.digest, measure=measured)
        except Refused as refused:
            why = refused.what
            continue
        return StandingAnswer(decision=decision)
    return StandingAnswer(why=why)


def on_standing(kept: SignedStanding, proposal: Proposal) -> SignedDecision:
    """What a standing approval says of a proposal, as a decision."""
    signature = Signature.model_validate({"scheme": kept.scheme, "key": kept.key, "value": kept.value})
    return SignedDecision(
        statement=standing_statement(kept.standing, proposal),
        signature=signature,
        via="standing approval",
        standing=kept.standing,
    )


def measured_run(ledger: Ledger, request: Close, at: datetime) -> MeasuredRun | None:
    """What people made of a run that has ended; None where it has no proposal, or one that can't be measured."""
    if request.digest is None or request.state not in ("done", "rejected", "expired"):
        return None
    try:
        proposal = ledger.proposal(request.digest)
        effects = measured(proposal)
    except CountersignError:
        return None
    return MeasuredRun(
        run=request.run,
        workflow=proposal.workflow,
        version=proposal.version,
        team=proposal.team,
        drafted_by=proposal.drafted_by,
        outcome=_made(ledger, request, proposal),
        digest=proposal.digest,
        effects=effects,
        needs=proposal.requirements,
        decided_at=at,
    )


def _made(ledger: Ledger, request: Close, proposal: Proposal) -> Made:
    if request.state == "rejected":
        return "rejected"
    if request.state == "expired":
        return "expired"
    taken = [decision for decision, ruling in ledger.decisions(request.run) if ruling.accepted]
    if any(decision.standing is not None for decision in taken):
        return "standing"
    asked = any(decision.statement.verdict != "approve" for decision in taken)
    return "changed" if asked or proposal.edited_by or proposal.revision > 1 else "signed"
