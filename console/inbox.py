"""The inbox: what needs me?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from console.access import TeamReading
from console.deps import Console, Here
from console.seeing import seen
from console.sessions import Session
from contracts.delegation import Delegation, DelegationRecord
from contracts.errors import CountersignError
from contracts.proposal import Proposal
from contracts.records import ProposalRecord, RunRecord, StoredEntry

router = APIRouter(include_in_schema=False)
RECENT = 8
LOOK = "Correct what it names, and start it again. The run shows the step that failed, Temporal's history every detail."
FAILED_SHOWN = timedelta(days=7)


@dataclass(frozen=True)
class Item:
    """A proposal in a list. `problem` says why its body can't be shown, where it can't; `why_not` why it isn't this
    person's to approve, and `apart` why it can't be approved together with others."""

    record: ProposalRecord
    proposal: Proposal | None
    run: RunRecord | None
    problem: str = ""
    progress: str = ""
    why_not: str = ""
    apart: str = ""
    handed: tuple[Delegation, ...] = ()

    def is_handed_to(self, person: str) -> bool:
        return any(each.to == person for each in self.handed)

    @property
    def batchable(self) -> bool:
        return self.proposal is not None and not self.why_not and not self.apart


@dataclass(frozen=True)
class Failure:
    """A failed run: what stopped it, and the way out."""

    run: RunRecord
    says: str
    way_out: str


@router.get("/")
def inbox(here: Here, session: TeamReading) -> HTMLResponse:
    ledger, teams, me = here.ledger, session.teams, session.person.name
    known = ledger.delegations()
    waiting = sorted(seen(ledger, session, ledger.proposals(state="open")), key=lambda record: record.created_at)
    failed = ledger.runs(state="failed", limit=RECENT, teams=teams)
    since = datetime.now(UTC) - FAILED_SHOWN
    return here.page(
        "inbox.html",
        session,
        waiting=sorted(
            (item(here, session, record, known) for record in waiting), key=lambda each: not each.is_handed_to(me)
        ),
        decided=recently_decided(ledger.proposals(state="", limit=100, teams=teams)),
        failures=[failure(here, run) for run in failed if (run.finished_at or run.started_at) > since],
        running=ledger.runs(state="running", limit=RECENT, teams=teams),
        switch=ledger.effect_switch(),
        doubted=seen(ledger, session, ledger.effects(state="unknown")),
        stood=ledger.standing_uses(person=session.person.name, unseen=True, limit=RECENT),
        ahead=[each for each in ledger.standing_suggestions() if teams is None or each.team in teams],
    )


@router.get("/waits")
def waits(here: Here, session: TeamReading) -> dict[str, int]:
    """How many things need you: for tabs that nobody looks at, which hold no stream."""
    return {"count": here.badge.count(session.person)}


def item(here: Console, session: Session, record: ProposalRecord, known: Sequence[DelegationRecord] = ()) -> Item:
    """The record with its body; one damaged body must not hide the other proposals."""
    run = find_run(here, record.run)
    try:
        proposal = here.ledger.proposal(record.digest)
        why, apart = here.ledger.why_not(proposal, session.person), here.ledger.why_not_batched(proposal)
        progress = here.ledger.progress(proposal).says
        said = {"why_not": why.what if why else "", "apart": apart.what if apart else ""}
        handed = tuple(each.statement for each in here.ledger.handed(proposal, known))
        return Item(record, proposal, run, progress=progress, handed=handed, **said)
    except CountersignError as error:
        return Item(record, None, run, str(error))


def find_run(here: Console, run: str) -> RunRecord | None:
    try:
        return here.ledger.run(run)
    except CountersignError:
        return None


def recently_decided(records: Sequence[ProposalRecord]) -> list[ProposalRecord]:
    ended = [record for record in records if record.state not in {"open", "superseded"}]
    return sorted(ended, key=lambda record: record.decided_at or record.created_at, reverse=True)[:RECENT]


def failure(here: Console, run: RunRecord) -> Failure:
    entries = here.ledger.entries(run=run.run, limit=50, newest_first=True)
    entry = next((entry for entry in entries if entry.outcome == "failed"), None)
    way_out = entry_way_out(entry)
    says = run.says or (entry.says if entry else "It failed.")
    return Failure(run, says.removesuffix(way_out).strip(), way_out)  # a message ends with its way out


def entry_way_out(entry: StoredEntry | None) -> str:
    """The way out that the error named, or where to look when it named none."""
    value = entry.facts.get("way_out") if entry else None
    return value if isinstance(value, str) and value else LOOK
