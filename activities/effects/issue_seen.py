"""An issue as its tracker has it now, and what of an effect is still to be done. Pure."""

from dataclasses import dataclass, field

from activities.effects.issue_params import ASKS, MARK, IssueParams
from activities.effects.kinds import Facts


@dataclass(frozen=True)
class Seen:
    """What stands there. `fields` holds those that the tracker has: kind, priority, component, assignee, milestone;
    of an assignee all that there are, separated by commas. `comments` are the texts."""

    labels: frozenset[str] = frozenset()
    fields: dict[str, str] = field(default_factory=dict)
    duplicates: frozenset[str] = frozenset()
    comments: tuple[str, ...] = ()
    ids: dict[str, str] = field(default_factory=dict)  # what the tracker needs for a change and people never see
    links: bool = False  # whether the tracker has links between issues
    whole: bool | None = None  # of a place where an effect is one thing: whether it is there


def missing(wanted: IssueParams, seen: Seen, key: str) -> tuple[str, ...]:
    """The parts that are not done: `labels`, names of fields, `duplicate_of`, `comment`."""
    if seen.whole is not None:
        return () if seen.whole else ("all",)
    labels = {each.lower() for each in seen.labels}
    parts = ["labels"] if any(each.lower() not in labels for each in wanted.labels) else []
    for name, value in seen.fields.items():
        if getattr(wanted, name) and not value:
            parts.append(name)
    if wanted.duplicate_of and seen.links and wanted.duplicate_of not in seen.duplicates:
        parts.append("duplicate_of")
    if wanted.comment and not said(wanted, seen, key):
        parts.append("comment")
    return tuple(parts)


def said(wanted: IssueParams, seen: Seen, key: str) -> bool:
    """Whether the comment stands there; of a question: whether anybody has asked through us before."""
    marks = {f"{MARK}{key}", *((ASKS,) if wanted.question else ())}
    return any(marks & {line.strip() for line in comment.splitlines()} for comment in seen.comments)


def decided(wanted: IssueParams, seen: Seen) -> list[str]:
    """Fields in which people have decided otherwise meanwhile."""
    found = []
    for name, value in seen.fields.items():
        asked = getattr(wanted, name)
        if asked and value and asked.lower() not in {each.strip().lower() for each in value.split(",")}:
            found.append(f"{name} is {value}")
    return found


def comment_text(wanted: IssueParams, key: str, digest: str) -> str:
    """The comment as it is made: the signed words, and below them what it is known by."""
    asks = f"{ASKS}\n" if wanted.question else ""
    return f"{wanted.comment.rstrip()}\n\n---\n{asks}{MARK}{key}\nCountersign-Digest: {digest}\n"


def facts(wanted: IssueParams, seen: Seen) -> Facts:
    """The outcome."""
    left = decided(wanted, seen)
    kept = f". Left as people decided meanwhile: {'; '.join(left)}" if left else ""
    return {
        "says": f"{wanted.short}: {'; '.join(wanted.parts)}{kept}",
        "issue": wanted.issue,
        "source": wanted.source,
        **({"left": ", ".join(left)} if left else {}),
    }
