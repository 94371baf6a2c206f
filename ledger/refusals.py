"""What the rule can say no to by looking at the papers alone, and how it says that something is decided."""

from pydantic import ValidationError

from contracts.decision import Statement
from contracts.digests import short
from contracts.errors import AlreadyUsed, Expired, NoRule, Refused, WrongDigest
from contracts.proposal import Proposal


def require_coherent(statement: Statement) -> None:
    """Types are checked again: a decision may come from code that went around the validators."""
    try:
        again = Statement.model_validate(statement.model_dump(warnings=False))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "statement"
        raise Refused(f"The decision is not coherent: {where}: {problem['msg']}.") from error
    if again != statement:
        raise Refused("The decision is not coherent: it reads differently when it is read again.")


def require_digest(statement: Statement, digest: str) -> None:
    if statement.digest != digest:
        raise WrongDigest(
            f"The decision is for {short(statement.digest)}, and {short(digest)} is what would happen.",
            subject=statement.digest,
            way_out="Read the proposal as it is now, and decide on that.",
        )


def require_covered(proposal: Proposal) -> None:
    """Each effect is part of something that the proposal asks for. Sealing sees to it; nobody relies on that."""
    known = {key for each in proposal.requirements for key in each.effects}
    for effect in proposal.effects:
        if effect.key not in known:
            raise NoRule(f"Nothing says who has to approve {effect.key!r}.", subject=effect.key)


def require_then_in_time(statement: Statement, proposal: Proposal) -> None:
    """Whoever carries it out late asks whether it was in time then: that it was taken is a row, and no more."""
    if statement.decided_at >= proposal.expires_at:
        raise Expired(f"Proposal {proposal.id} had expired when it was decided.", subject=proposal.digest)


def closed(state: str, proposal: Proposal) -> Refused:
    where = proposal.digest
    if state == "superseded":
        return WrongDigest(f"Proposal {proposal.id} was superseded by a later revision.", subject=where)
    if state == "expired":
        return Expired(f"Proposal {proposal.id} has expired.", subject=where)
    if state == "withdrawn":
        return Refused(f"Proposal {proposal.id} was withdrawn.", subject=where)
    return AlreadyUsed(f"Proposal {proposal.id} was decided before: {state}.", subject=where)
