"""What a reviewer asked for in words, as far as it can be acted on without a model. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from activities.bug_triage.drafting import Draft, short
from activities.effects.issue_params import IssueParams

ISSUE = r"#?([A-Za-z][A-Za-z0-9_]*-\d+|\d+|row-\w+|[\w.:/-]+#\d+)"
OUT = re.compile(rf"^(?:leave out|drop|skip|not)\s+{ISSUE}$", re.I)
IS = re.compile(rf"^{ISSUE}\s+is\s+(?:an?\s+)?(bug|feature|question)$", re.I)
ASSIGN = re.compile(rf"^assign\s+{ISSUE}\s+to\s+@?([\w.@-]{{1,100}})$", re.I)


@dataclass
class Asked:
    """What was understood, by the short name of an issue, and what was not."""

    out: set[str] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def understood(words: Sequence[str]) -> Asked:
    """Requests, oldest first; parts are separated by full stops, commas, semicolons or lines."""
    asked = Asked()
    for part in (each.strip() for text in words for each in re.split(r"[;\n,]|\.(?:\s|$)", text)):
        if found := OUT.match(part):
            asked.out.add(found[1].lower())
        elif found := IS.match(part):
            asked.kinds[found[1].lower()] = found[2].lower()
        elif found := ASSIGN.match(part):
            asked.people[found[1].lower()] = found[2]
        elif part:
            asked.unread.append(part[:200])
    return asked


def names(draft: Draft) -> set[str]:
    """All that a reviewer may call an issue."""
    called = short(draft.issue.key)
    return {draft.issue.key.lower(), called.lower(), called.lstrip("#").lower()}


def person(asked: Asked, draft: Draft, params: IssueParams, called: Mapping[str, str]) -> IssueParams:
    """The parameters with whoever a reviewer named. `called`: what people are called, where the source has ids."""
    who = next((asked.people[name] for name in names(draft) if name in asked.people), "")
    asked_for = who.casefold()
    ids = [key for key, name in called.items() if asked_for in (name.casefold(), *name.casefold().split()[:1])]
    if len(ids) == 1:
        return params.with_assignee(ids[0]).model_copy(update={"assignee_name": called[ids[0]]})
    return params.with_assignee(who) if who else params
