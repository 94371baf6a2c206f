"""What somebody may read: everything, or what their teams' workflows do, and what they have a say in."""

from collections.abc import Iterable
from typing import TypeVar

from fastapi import Request

from console.sessions import Session
from contracts.errors import BadInput, CountersignError, MissingRole, NotFound
from contracts.proposal import Proposal
from contracts.records import EffectRecord, Person, ProposalRecord
from contracts.requirements import eligible
from ledger import Ledger

T = TypeVar("T", ProposalRecord, EffectRecord)


def require_all(session: Session) -> None:
    """For what is all teams' at once. Raises MissingRole."""
    if session.teams is not None:
        raise MissingRole(
            f"This is about all teams, and {session.person.display_name} reads {listed(session.teams)} only.",
            subject=session.person.name,
            way_out="The inbox and the runs are there. Ask an administrator for a role that holds in all teams.",
        )


def require_seen(request: Request, session: Session) -> None:
    """Raises NotFound for a run or a proposal that is asked for and is neither of their teams nor for them to decide:
    as if there were none."""
    if session.teams is None:
        return
    ledger: Ledger = request.app.state.console.ledger
    path, query = request.path_params, request.query_params
    runs = [path.get("run", ""), *query.getlist("run")]
    if not all(sees_run(ledger, session, run) for run in runs if run):
        raise NotFound("There is no such run, or it is another team's.")
    digests = [path.get("digest", ""), *query.getlist("id")]
    if not all(sees_proposal(ledger, session, digest) for digest in digests if digest):
        raise NotFound("There is no such proposal, or it is another team's.")


def sees_run(ledger: Ledger, session: Session, run: str) -> bool:
    if session.teams is None or _team(ledger, run) in session.teams:
        return True
    proposals = ledger.proposals(state="", run=run)
    return any(_has_say(ledger, session.person, each.digest) for each in proposals)


def sees_proposal(ledger: Ledger, session: Session, digest: str) -> bool:
    try:
        record = ledger.proposal_record(digest)
    except (NotFound, BadInput):
        return session.teams is None
    return seen(ledger, session, [record]) != []


def seen(ledger: Ledger, session: Session, records: Iterable[T]) -> list[T]:
    """Those of the records that they may read."""
    return [
        each
        for each in records
        if session.teams is None
        or _team(ledger, each.run) in session.teams
        or _has_say(ledger, session.person, each.digest)
    ]


def of_their_teams(session: Session, team: str) -> bool:
    """Whether they have roles in it, or in all."""
    return session.teams is None or team in session.teams


def listed(teams: Iterable[str]) -> str:
    return ", ".join(sorted(teams))


def _team(ledger: Ledger, run: str) -> str:
    """Whose run it is; empty where nobody knows, which is no team's."""
    try:
        return ledger.run(run).team
    except NotFound:
        return ""


def _has_say(ledger: Ledger, person: Person, digest: str) -> bool:
    """By name, or by a role that the gate asks for of their team; now, or once it was escalated."""
    try:
        proposal: Proposal = ledger.proposal(digest)
    except CountersignError:
        return False
    return any(eligible(each, person, proposal.escalations) for each in proposal.requirements)
