"""The sources that are services, by what kind of service they are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from activities.bug_triage.sources import github, gitlab, jira, linear
from activities.bug_triage.sources.pages import Page, Read
from activities.bug_triage.sources.place import Place
from contracts.bug_triage import Milestone


@dataclass(frozen=True)
class Reader:
    """`read`: all issues, or what changed since; `one`: a single one, NotFound where there is none; `milestones`: that
    are open."""

    read: Callable[..., Awaitable[Read]]
    one: Callable[[Place, Path | None, str], Awaitable[Page]]
    milestones: Callable[[Place, Path | None], Awaitable[list[Milestone]]]


READERS = {
    "github": Reader(github.read, github.one, github.milestones),
    "gitlab": Reader(gitlab.read, gitlab.one, gitlab.milestones),
    "jira": Reader(jira.read, jira.one, jira.milestones),
    "linear": Reader(linear.read, linear.one, linear.milestones),
}
