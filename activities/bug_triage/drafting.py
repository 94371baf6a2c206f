"""What is to be done about one issue, of all that was found out about it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from activities.bug_triage.assessing import is_bug, is_same
from activities.bug_triage.assigning import by_part, loads, suggested
from activities.bug_triage.blocking import blocker, milestone_of, newest_of
from activities.bug_triage.missing import asked_by_past, lacks, question
from activities.bug_triage.snippets import not_run, runnable
from activities.bug_triage.sources.decided import BLOCKER
from activities.effects.issue_linear import PRIORITIES
from activities.effects.issue_params import IssueParams
from contracts.bug_triage import Assessed, Assignee, Backlog, Blocker, Code, Located, Part, Reproduction
from contracts.bugs import Alike, Guess, Issue
from contracts.shown import spelt


@dataclass(frozen=True)
class Draft:
    """One issue: what it is, what speaks for it, and what would be done. What people decided already is left alone."""

    found: Assessed
    kind: str = ""
    priority: str = ""
    component: str = ""
    same: Alike | None = None
    lacks: tuple[Part, ...] = ()
    located: Located | None = None
    assignee: Assignee = field(default_factory=Assignee)
    blocker: Blocker = field(default_factory=lambda: Blocker(blocks=False, why=""))
    milestone: str = ""
    tried: Reproduction | None = None
    params: IssueParams | None = None

    @property
    def issue(self) -> Issue:
        return self.found.issue

    @property
    def is_small(self) -> bool:
        """Whether a fix is likely small: the place is known to a line or by a reproduction, in few files."""
        files = self.located.files if self.located else ()
        known = any(each.line for each in files[:2]) or (self.tried is not None and self.tried.state == "reproduced")
        strong = [each for each in files if each.score >= files[0].score / 2] if files else []
        return self.same is None and known and 0 < len(strong) <= 2 and is_bug(self.found)


def drafts(
    backlog: Backlog,
    found: Sequence[Assessed],
    code: Code,
    tried: Sequence[Reproduction],
    *,
    sure: bool = True,
    measured: bool = False,
) -> list[Draft]:
    """A draft for each, in order. Not `sure`: of what is in doubt the likelier choice, for a person to change."""
    asks, load, parts = asks_of(backlog, code), loads(backlog.issues), by_part(backlog.issues)
    given, newest = Counter[str](), code.newest or newest_of(backlog.issues)
    located = {each.key: each for each in code.located}
    results = {each.key: each for each in tried}
    made = []
    for each in found:
        draft = _judged(each, asks, sure=sure, measured=measured)
        where = located.get(each.issue.key)
        result = results.get(each.issue.key) or (_untried(each) if code.commit else None)
        draft = replace(draft, located=where, tried=result)
        if is_bug(each):
            judged = blocker(each.issue, each.judgement.urgent, newest)
            draft = replace(draft, blocker=judged)
            if not draft.same and (judged.blocks or not _asks(draft)) and not each.issue.assignee:
                who = suggested(where, draft.component or each.issue.component, load, parts, given, backlog.names)
                given[who.who] += bool(who.who)
                draft = replace(draft, assignee=who)
            if judged.blocks:
                draft = replace(draft, milestone=milestone_of(backlog.milestones, newest))
        made.append(replace(draft, params=params_of(draft, backlog)))
    return made


def _untried(each: Assessed) -> Reproduction | None:
    """What is known of a report that is not tried, for a snippet in a language that is not run."""
    key, language = each.issue.key, not_run(each.issue) if is_bug(each) and not runnable(each.issue) else ""
    says = f"{key}: a snippet in {language}, which is not run here"
    return Reproduction(key=key, command=f"a snippet in {language}", says=says) if language else None


def asks_of(backlog: Backlog, code: Code) -> tuple[Part, ...]:
    """What the project asks of a report: by its templates, else by its past."""
    return code.asks or asked_by_past(backlog.issues)[0]


def _judged(each: Assessed, asks: Sequence[Part], *, sure: bool, measured: bool) -> Draft:
    issue, said = each.issue, each.judgement
    alike = () if issue.duplicates else said.alike
    same = next((one for one in alike if is_same(one, measured=measured)), None)
    return Draft(
        found=each,
        kind=_label(said.kind, issue.kind, sure=sure),
        priority=_label(said.priority, issue.priority, sure=True),
        component=_label(said.component, issue.component, sure=True),
        same=same,
        lacks=lacks(issue, asks) if is_bug(each) and not same else (),
    )


def _label(guess: Guess, decided: str, *, sure: bool) -> str:
    """What is guessed, where people have not decided."""
    if decided:
        return ""
    return guess.label or ("" if sure or not guess.chances else guess.chances[0].label)


def _asks(draft: Draft) -> bool:
    """Whether the reporter is asked. One that was reproduced lacks nothing that matters."""
    return bool(draft.lacks) and not (draft.tried is not None and draft.tried.state == "reproduced")


def params_of(draft: Draft, backlog: Backlog) -> IssueParams | None:
    """The effect's parameters; None where nothing is to be done."""
    issue = draft.issue
    tracker = tracker_of(backlog.source)
    asks = _asks(draft)
    comment = question(draft.lacks, issue.author if tracker in ("github", "gitlab") else "") if asks else ""
    if draft.same:
        comment = f"This may be the same as {short(draft.same.key)}. If it is not, please say what differs.\n"
    made = IssueParams(
        source=backlog.source,
        issue=issue.key,
        title=" ".join(spelt(issue.title, frozenset()).split())[:300],
        assignee=draft.assignee.who,
        assignee_name=draft.assignee.name if draft.assignee.name != draft.assignee.who else "",
        milestone=draft.milestone,
        comment=comment,
        question=asks and not draft.same,
        duplicate_of=draft.same.key if draft.same else "",
        **_decisions(draft, backlog.label_of, tracker),
    )
    return made if made.parts else None


def _decisions(draft: Draft, label_of: Mapping[str, str], tracker: str) -> dict[str, str | tuple[str, ...]]:
    """Kind, priority and component as fields or as the team's own labels, whatever the tracker has."""
    said = {"kind": draft.kind, "priority": draft.priority, "component": draft.component}
    fields = [name for name in said if tracker == "file" or (tracker == "jira" and name != "kind")]
    if tracker == "linear" and draft.priority.lower() in PRIORITIES:
        fields = ["priority"]
    labels = [label_of.get(f"{name}:{value}", value) for name, value in said.items() if value and name not in fields]
    if tracker == "jira":
        labels = []  # its issues have a type from the first
    if draft.blocker.blocks and (marks := label_of.get(BLOCKER)) and marks not in draft.issue.labels:
        labels.append(marks)
    return {**{name: said[name] for name in fields}, "labels": tuple(labels)}


def tracker_of(source: str) -> str:
    """`github`, `gitlab`, `jira`, `linear`, or `file`."""
    kind = source.partition(":")[0]
    return kind if kind in ("github", "gitlab", "jira", "linear") else "file"


def short(key: str) -> str:
    """The issue as people call it: `#12`, `ABC-12`."""
    number = key.rpartition("#")[2]
    return f"#{number}" if "#" in key else key.rpartition("/")[2].rpartition(":")[2]
