"""Whether an issue is open, and whether people have triaged it. Pure."""

from contracts.bugs import Issue

CLOSED = (
    "closed",
    "resolved",
    "done",
    "fixed",
    "completed",
    "canceled",
    "cancelled",
    "duplicate",
    "won't fix",
    "wontfix",
    "invalid",
    "merged",
    "rejected",
    "not planned",
)


def is_open(issue: Issue) -> bool:
    """Whether something may have to be done about it. A state that nobody knows is open: it is looked at."""
    return issue.state.strip().lower() not in CLOSED


def is_new(issue: Issue, tracker: str = "") -> bool:
    """Open, and nobody has said what it is, nor taken it, nor called it the same as another. Jira gives every issue a
    type and a priority, which are nobody's decision."""
    told = issue.component if tracker == "jira" else issue.kind or issue.priority
    return is_open(issue) and not (told or issue.assignee or issue.duplicates)
