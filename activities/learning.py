"""What a run's end teaches about the tier that made its draft: kept, kept in part, or turned down."""

import difflib

from contracts.errors import CountersignError
from contracts.proposal import PASSED, ClaimsPanel, Cost, Proposal
from contracts.routes import Verdict
from contracts.runs import Close
from ledger import Ledger

# Rejections that say nothing about how good the draft was.
NOT_THE_DRAFTS_FAULT = ("not needed", "duplicate")
LONGEST = 20_000  # words compared: beyond that it takes seconds


def verdict(ledger: Ledger, request: Close, workflow: str) -> Verdict | None:
    """What became of the run's draft; None where its end teaches nothing, or where a proposal can't be read any more.

    The first draft counts: what a person had changed by asking for it was not right at once.
    """
    if request.digest is None or request.state not in ("done", "rejected"):
        return None
    try:
        ended = ledger.proposal(request.digest)
        first = first_draft(ledger, ended)
    except CountersignError:
        return None
    tier, model = made_by(first)
    share = 0.0 if request.state == "rejected" else kept(first, ended)
    outcome = "rejected" if request.state == "rejected" else "untouched" if share == 1 else "edited"
    if outcome == "rejected" and reason(ledger, request.run) in NOT_THE_DRAFTS_FAULT:
        return None
    return Verdict.model_validate(
        {
            "run": request.run,
            "workflow": workflow,
            "tier": tier,
            "model": model,
            "outcome": outcome,
            "share": share,
        }
    )


def first_draft(ledger: Ledger, ended: Proposal) -> Proposal:
    """The run's first revision, which no person had touched."""
    revisions = ledger.proposals(state="", run=ended.run)
    first = min(revisions, key=lambda record: record.revision, default=None)
    return ended if first is None or first.digest == ended.digest else ledger.proposal(first.digest)


def made_by(draft: Proposal) -> tuple[str, str]:
    """The tier and the model of a draft."""
    if draft.drafted_by != "model":
        return "baseline", ""
    passed = [one for one in draft.cost.tried if one.outcome == PASSED]
    return (passed[-1].tier, passed[-1].model) if passed else ("small", model_of(draft.cost))


def model_of(cost: Cost) -> str:
    return cost.model or ""


def kept(first: Proposal, ended: Proposal) -> float:
    """The share of the first draft's words that was signed, 0 to 1, and as much the other way round."""
    if first.digest == ended.digest:
        return 1.0
    before, after = written(first), written(ended)
    if not before or not after:
        return 0.5
    return round(difflib.SequenceMatcher(None, before, after, autojunk=False).ratio(), 4)


def written(draft: Proposal) -> list[str]:
    """The words that a draft is judged by: its text, or where it has none what a model has worded line by line."""
    if draft.editable is not None:
        return draft.editable.text.split()[:LONGEST]
    if draft.drafted_by != "model":
        return []
    claims = [each.text for panel in draft.panels if isinstance(panel, ClaimsPanel) for each in panel.claims]
    return " ".join(claims).split()[:LONGEST]


def reason(ledger: Ledger, run: str) -> str:
    """Why the run was rejected, as the person said it."""
    said = [one.statement.reason for one, ruling in ledger.decisions(run) if ruling.accepted and one.statement.reason]
    return said[-1] if said else ""
