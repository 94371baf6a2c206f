"""The standing approval's part of the rule: what was signed, and whether it is for this proposal."""

from collections.abc import Callable, Sequence

from pydantic import ValidationError

from contracts.decision import SignedDecision, standing_statement
from contracts.errors import BadSignature, NotStanding
from contracts.proposal import Proposal
from contracts.standing import Measured, StandingApproval

Measure = Callable[[Proposal], Sequence[Measured]]


def standing_bytes(decision: SignedDecision, standing: StandingApproval, proposal: Proposal) -> bytes:
    """What was signed, if it is sound and the decision says what it says of this proposal, and nothing else."""
    try:
        sound = StandingApproval.model_validate(standing.model_dump(warnings=False))
    except ValidationError as error:
        raise BadSignature("The standing approval is not coherent.", subject=proposal.digest) from error
    if decision.batch is not None or decision.statement != standing_statement(sound, proposal):
        raise BadSignature("The standing approval that was signed does not say this.", subject=proposal.digest)
    return sound.signing_bytes()


def require_inside(standing: StandingApproval, proposal: Proposal, measure: Measure | None) -> None:
    """NotStanding unless it is for this proposal and all its effects are inside. Without a measure nothing is."""
    why = standing.not_for(proposal)
    if not why:
        why = "nobody here can measure it" if measure is None else _outside(standing, proposal, measure)
    if why:
        raise NotStanding(
            f"The standing approval {standing.id} does not cover proposal {proposal.id}: {why}.",
            subject=proposal.digest,
            way_out="It waits for a person.",
        )


def _outside(standing: StandingApproval, proposal: Proposal, measure: Measure) -> str:
    effects = measure(proposal)
    if len(effects) != len(proposal.effects):
        return "not all its effects were measured"
    return standing.bounds.outside(effects)
