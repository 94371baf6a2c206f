"""A revision with fewer effects, or with other parameters of some: what a person made of those that a run proposed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from activities.changing import changed, told
from activities.reviewing import EDITED, reviewed
from activities.toolbox import Toolbox
from contracts.errors import BadInput
from contracts.proposal import Cell, Effect, Proposal, TablePanel
from contracts.requirements import Barred, Requirement
from contracts.runs import Alarm, DropEffects, Review

DROPPED = "Dropped by a reviewer"


def without(proposal: Proposal, request: DropEffects, tools: Toolbox) -> tuple[Proposal, tuple[Alarm, ...] | None]:
    """The next revision, sealed with what the gate asks for what is left of it.

    The gate's rules are asked anew, about what the effects touch now. Whoever was kept apart stays so; by a rule that
    keeps editors apart, who dropped or changed something is, too. BadInput for a key that is none of the proposal's,
    for a change that can't be made, and where nothing would be left.
    """
    kept = _kept(proposal, request.drop)
    effects, panels = changed(kept, proposal.panels, request.change, proposal.revision + 1)
    now = datetime.now(UTC)
    # A proposal that ends before its gate does has a reason to, such as a bank's cut-off: an edit does not put it off.
    cut_short = proposal.expires_at < proposal.created_at + request.gate.expire_after
    changes = {
        "revision": proposal.revision + 1,
        "edited_by": request.person,
        "effects": effects,
        "panels": (*_said(proposal, request), *panels),
        "created_at": now,
        "expires_at": proposal.expires_at if cut_short else now + request.gate.expire_after,
        "needs": (),
        "escalations": (),
        "digest": "",
    }
    review = Review(gate=request.gate, team=proposal.team, started_by=proposal.started_by)
    made, alarms = reviewed(proposal.model_copy(update=changes), review, tools)
    edited = [*_editors(proposal, tools), request.person]
    apart = {rule.name for rule in request.gate.rules if "editor" in rule.separate_from}
    needs = tuple(_kept_apart(each, proposal.needs, edited if each.rule in apart else ()) for each in made.needs)
    return made.model_copy(update={"needs": needs}).seal(), alarms


def _kept(proposal: Proposal, drop: Sequence[str]) -> tuple[Effect, ...]:
    known = {effect.key for effect in proposal.effects}
    if strange := next((key for key in drop if key not in known), None):
        raise BadInput(
            f"Proposal {proposal.id} has no effect {strange!r} to drop.",
            subject=strange,
            way_out="Reload the proposal, and choose among what it shows.",
        )
    kept = tuple(effect for effect in proposal.effects if effect.key not in drop)
    if not kept:
        raise BadInput(
            "Nothing would be left to do.", subject=proposal.id, way_out="Reject the proposal if nothing should happen."
        )
    return kept


def _editors(proposal: Proposal, tools: Toolbox) -> list[str]:
    """Who edited this revision and those right before it that people made: a rule may keep them apart only now."""
    found, at = list[str](), proposal
    earlier = sorted(tools.ledger.proposals(state="", run=proposal.run), key=lambda each: -each.revision)
    digests = iter([each.digest for each in earlier if each.revision < proposal.revision])
    while at.edited_by:
        found.append(at.edited_by)
        before = next(digests, None)
        if before is None:
            break
        at = tools.ledger.proposal(before)
    return found


def _said(proposal: Proposal, request: DropEffects) -> list[TablePanel]:
    panels = [_told(proposal, request)] if request.drop else []
    return [*panels, told(proposal.effects, request.change, request.person)] if request.change else panels


def _told(proposal: Proposal, request: DropEffects) -> TablePanel:
    rows = tuple((Cell(text=each.says, tone="bad"),) for each in proposal.effects if each.key in request.drop)
    note = f"{request.person} dropped them. What is said of them below was written before, and does not happen."
    return TablePanel(title=DROPPED, columns=("does not happen",), rows=rows, note=note)


def _kept_apart(requirement: Requirement, before: Sequence[Requirement], editors: Sequence[str]) -> Requirement:
    """With those who were barred before by the same rule: this seal may know less of whose credentials were used."""
    barred: dict[Barred, None] = dict.fromkeys(requirement.barred)
    barred |= dict.fromkeys(Barred(person=name, why=EDITED) for name in editors)
    for each in before:
        if each.rule == requirement.rule:
            barred |= dict.fromkeys(each.barred)
    return requirement.model_copy(update={"barred": tuple(barred)})
