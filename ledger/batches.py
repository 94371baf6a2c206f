"""The batch's part of the rule: what may be in one, what was signed, and all or nothing."""

from collections.abc import Callable, Iterable

from pydantic import ValidationError

from contracts.batch import Batch
from contracts.decision import SignedDecision, Statement, batch_statement
from contracts.digests import short
from contracts.errors import BadSignature, NotInBatch, Refused
from contracts.proposal import Proposal


def require_batchable(proposal: Proposal) -> None:
    """Raises NotInBatch for what is critical or needs several people."""
    why = "is critical" if any(each.critical for each in proposal.requirements) else ""
    if not why and any(each.needs > 1 for each in proposal.requirements):
        why = "needs several people"
    if why:
        raise NotInBatch(
            f"Proposal {proposal.id} {why}, so it is in no batch.",
            subject=proposal.digest,
            way_out="Read it and sign it by itself.",
        )


def require_whole(
    others: Iterable[SignedDecision], decision: SignedDecision, take: Callable[[SignedDecision], None]
) -> None:
    """All or nothing: until the first of a batch is taken, each of the others has to be one that could be."""
    for each in others:
        if each.id == decision.id:
            continue
        try:
            take(each)
        except Refused as refused:
            which = short(each.statement.digest)
            raise NotInBatch(
                f"Nothing of the batch is approved, because {which} can't be: {refused.what}",
                subject=each.statement.digest,
                way_out="Sign the others without it.",
            ) from refused


def batch_bytes(statement: Statement, batch: Batch) -> bytes:
    """What was signed, if the batch is sound and says this very thing."""
    try:
        sound = Batch.model_validate(batch.model_dump(warnings=False))
    except ValidationError as error:
        raise BadSignature("The batch is not coherent.", subject=statement.digest) from error
    if all(statement != batch_statement(sound, item) for item in sound.items):
        raise BadSignature("The batch that was signed does not say this.", subject=statement.digest)
    return sound.signing_bytes()
