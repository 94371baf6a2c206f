"""What reviewers taught: their corrections, and which issues they have seen already."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from activities.bug_triage.sources.decided import decided, kind_of
from activities.bug_triage.states import is_new
from activities.effects.issue_params import ISSUE, IssueParams
from contracts.bugs import Issue
from contracts.errors import CountersignError
from contracts.proposal import Proposal
from ledger import Ledger

MOST = 2_000  # proposals that are looked at, newest first
TARGETS = ("kind", "priority", "component")


@dataclass
class Learned:
    """`truths`: what people signed of an issue, by its key. `corrected`: those of them that a person had changed.
    `seen`: issues that a person has decided about or has before them now: they are not proposed again."""

    truths: dict[str, dict[str, str]] = field(default_factory=dict)
    corrected: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)


def learned(ledger: Ledger, workflow: str, source: str, run: str) -> Learned:
    """All that was decided about issues of this source. Proposals that can't be read any more teach nothing."""
    found = Learned()
    by_run: dict[str, list[tuple[int, str, str]]] = {}
    for state in ("open", "approved", "rejected", "superseded"):
        for record in ledger.proposals(state=state, limit=MOST):
            if record.workflow == workflow and record.run != run:
                by_run.setdefault(record.run, []).append((record.revision, state, record.digest))
    for revisions in by_run.values():
        revisions.sort()
        state = revisions[-1][1]
        first, last = (_params(ledger, revisions[at][2], source) for at in (0, -1))
        if state in ("open", "approved", "rejected"):
            found.seen |= {*first, *last}
        if state == "approved":
            _take(found, first, last)
    return found


def _take(found: Learned, first: dict[str, IssueParams], last: dict[str, IssueParams]) -> None:
    for key, signed in last.items():
        said = decisions(signed)
        found.truths.setdefault(key, {}).update(said)
        if key in first and decisions(first[key]) != said:
            found.corrected.add(key)


def decisions(params: IssueParams) -> dict[str, str]:
    """Kind, priority and component as an effect has them, whether as fields or by labels."""
    fields = {name: getattr(params, name) for name in TARGETS if getattr(params, name)}
    if "kind" in fields:
        fields["kind"] = kind_of(fields["kind"]) or fields["kind"]
    return {**decided(params.labels), **fields}


def _params(ledger: Ledger, digest: str, source: str) -> dict[str, IssueParams]:
    try:
        proposal: Proposal = ledger.proposal(digest)
        made = [IssueParams.model_validate(each.params) for each in proposal.effects if each.kind == ISSUE]
    except (CountersignError, ValueError):
        return {}
    return {each.issue: each for each in made if each.source == source}


def taught(issues: Iterable[Issue], what: Learned) -> list[Issue]:
    """The issues with what people signed of them, which counts more than what the source says by now."""
    return [each.model_copy(update=what.truths[each.key]) if each.key in what.truths else each for each in issues]


def chosen(issues: Sequence[Issue], what: Learned, *, tracker: str) -> list[Issue]:
    """The new ones: open, not triaged by anybody, and not before a person already. Newest first."""
    new = [each for each in issues if is_new(each, tracker) and each.key not in what.seen]
    return sorted(new, key=lambda each: (str(each.created or ""), each.key), reverse=True)
