"""The proposal: should this happen? And the edit in place."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console import decide
from console.access import Deciding, TeamReading
from console.backtests import linked
from console.deps import Console, Here, in_thread
from console.inbox import find_run
from console.keys import signers
from console.render import DiffLine, changes_between
from console.sessions import Session
from contracts import editing
from contracts.decision import REJECT_REASONS, ParamChange, Ruling, SignedDecision
from contracts.digests import short
from contracts.errors import BadInput, CountersignError
from contracts.proposal import Proposal
from contracts.records import EffectRecord, ProposalRecord, RunRecord
from contracts.requirements import Progress

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class View:
    """Everything that the page about one proposal shows."""

    proposal: Proposal
    record: ProposalRecord
    run: RunRecord | None
    revisions: tuple[ProposalRecord, ...]
    changed: tuple[DiffLine, ...]
    other_effects: tuple[DiffLine, ...]
    newest: ProposalRecord
    decisions: tuple[tuple[SignedDecision, Ruling], ...]
    effects: tuple[EffectRecord, ...]
    standing: Progress

    @property
    def version(self) -> str:
        """Differs whenever the page has something new to say: a field being written to must not be replaced
        for less than that."""
        effects = "".join(effect.state for effect in self.effects)
        run = self.run.state if self.run else ""
        return f"{self.record.state}/{len(self.decisions)}/{short(self.newest.digest)}/{effects}/{run}"

    @property
    def is_open(self) -> bool:
        return self.record.state == "open"


@router.get("/proposals/{digest}", response_class=HTMLResponse)
def proposal_page(here: Here, session: TeamReading, digest: str) -> Response:
    return show(here, session, digest)


@router.post("/proposals/{digest}/revise", response_class=HTMLResponse)
async def revise(here: Here, session: Deciding, digest: str, text: str = Form(""), csrf: str = Form("")) -> Response:
    """Have an edit sealed and show the new revision; or say beside the field what is wrong with it."""
    session.require_csrf(csrf)
    try:
        sealed = await decide.revise(here, session, digest, decide.Edit(text=text))
    except CountersignError as error:
        return await in_thread(show, here, session, digest, typed=text, error=error)
    return RedirectResponse(f"/proposals/{quote(short(sealed.digest))}#changed", 303)


@router.post("/proposals/{digest}/drop", response_class=HTMLResponse)
async def drop(
    here: Here, session: Deciding, digest: str, effect: Annotated[list[str] | None, Form()] = None, csrf: str = Form("")
) -> Response:
    """Have a revision sealed without the chosen effects, and show it."""
    session.require_csrf(csrf)
    if not effect:
        raise BadInput("No effect was chosen.", way_out="Tick the ones that are not to happen.")
    sealed = await decide.revise(here, session, digest, decide.Edit(drop=tuple(effect)))
    return RedirectResponse(f"/proposals/{quote(short(sealed.digest))}#other-effects", 303)


@router.post("/proposals/{digest}/change", response_class=HTMLResponse)
async def change(request: Request, here: Here, session: Deciding, digest: str) -> Response:
    """Have a revision sealed with other parameters of its effects, and show it; or say beside the fields what is wrong.

    The form's fields are named `EFFECT.PARAMETER`, with the effect's number from 1.
    """
    async with request.form(max_files=0) as form:
        given = {name: value for name, value in form.items() if isinstance(value, str)}
    session.require_csrf(given.pop("csrf", ""))
    try:
        proposal = await in_thread(here.ledger.proposal, digest)
        sealed = await decide.revise(here, session, digest, decide.Edit(change=changes(proposal, given)))
    except CountersignError as error:
        return await in_thread(show, here, session, digest, given=given, wrong=error)
    return RedirectResponse(f"/proposals/{quote(short(sealed.digest))}#other-effects", 303)


def changes(proposal: Proposal, given: dict[str, str]) -> tuple[ParamChange, ...]:
    """What differs from the proposal. BadInput where nothing does."""
    found = []
    for name, text in given.items():
        number, _, param = name.partition(".")
        effects = [each for at, each in enumerate(proposal.effects, 1) if str(at) == number]
        if not effects:
            raise BadInput(f"The proposal has no effect {number!r}.", subject=name, way_out="Reload the page.")
        made = editing.typed(effects[0], param, text)
        if made.value != effects[0].params.get(param):
            found.append(made)
    if not found:
        raise BadInput("Nothing was changed.", way_out="Change something, or sign it as it is.")
    return tuple(found)


def show(
    here: Console,
    session: Session,
    digest: str,
    *,
    typed: str | None = None,
    error: CountersignError | None = None,
    given: dict[str, str] | None = None,
    wrong: CountersignError | None = None,
) -> HTMLResponse:
    """`typed` and `error` are of the text, `given` and `wrong` of the effects' parameters."""
    failed = error or wrong
    view = gather(here, digest)
    return here.page(
        "proposal.html",
        session,
        status=failed.status if failed else 200,
        view=view,
        signers=signers(here, session),
        why_not=here.ledger.why_not(view.proposal, session.person) if view.is_open else None,
        has_approved=any(session.person.name in each.signed for each in view.standing.of),
        reasons=REJECT_REASONS,
        typed=typed,
        error=error,
        handed=here.ledger.handed(view.proposal) if view.is_open else [],
        others=here.ledger.may_have(view.proposal, session.person.name) if view.is_open else [],
        given=given or {},
        wrong=wrong,
        shown=editing.shown,
        history=history(here, view),
        backtest=linked(here, session, view.proposal.run),
        switch=here.ledger.effect_switch(),
    )


def gather(here: Console, digest: str) -> View:
    proposal = here.ledger.proposal(digest)
    record = here.ledger.proposal_record(proposal.digest)
    everything = here.ledger.proposals(state="", run=proposal.run)
    revisions = sorted(everything, key=lambda other: other.revision)
    decisions = here.ledger.decisions(proposal.run)
    before = before_it(here, proposal, revisions)
    return View(
        proposal=proposal,
        record=record,
        run=find_run(here, proposal.run),
        revisions=tuple(revisions),
        changed=tuple(changed_text(before, proposal)),
        other_effects=tuple(changes_between(before.effects_text, proposal.effects_text) if before else ()),
        newest=revisions[-1],
        decisions=tuple(pair for pair in decisions if pair[0].statement.digest == proposal.digest),
        effects=tuple(e for e in here.ledger.effects(run=proposal.run) if e.digest == proposal.digest),
        standing=here.ledger.standing(proposal),
    )


def before_it(here: Console, proposal: Proposal, revisions: list[ProposalRecord]) -> Proposal | None:
    """The revision before, where there is one that can be read."""
    earlier = [other for other in revisions if other.revision < proposal.revision]
    try:
        return here.ledger.proposal(earlier[-1].digest) if earlier else None
    except CountersignError:
        return None


def changed_text(before: Proposal | None, proposal: Proposal) -> list[DiffLine]:
    """What this revision changed in the text of the one before."""
    if before is None or before.editable is None or proposal.editable is None:
        return []
    return changes_between(before.editable.text, proposal.editable.text)


def history(here: Console, view: View) -> str:
    return here.history_url(view.proposal.run, view.run.temporal_run_id if view.run else "")
