"""The effect `issue.update`: an issue gets labels, an assignee, fields, a comment, a link, where bugs are tracked.

Every part of it is something that the destination can be asked about: labels and fields stand there, and a comment
carries the effect's key in its last lines. So an attempt does what is missing, and nothing twice. What people decided
meanwhile stays: a field that has another value by now is left as it is, and the outcome says so.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from activities.bug_triage.sources.place import Place, place_of
from activities.effects.issue_file import FileIssue
from activities.effects.issue_github import github_issue
from activities.effects.issue_gitlab import gitlab_issue
from activities.effects.issue_jira import jira_issue
from activities.effects.issue_linear import linear_issue
from activities.effects.issue_params import (
    EDITABLE,
    ISSUE,
    IssueParams,
    issue_params,
    retold,
    sentence,
)
from activities.effects.issue_seen import Seen, comment_text, facts, missing
from activities.effects.kinds import EffectContext, Facts
from activities.faults import fault
from contracts.errors import AccessRefused
from contracts.gate import Touches
from contracts.proposal import Effect, Panel


class Tracked(Protocol):
    """One issue where it is tracked."""

    async def look(self) -> Seen:
        """As it is now. NotFound where it is gone."""
        ...

    async def do(self, part: str, wanted: IssueParams, seen: Seen, text: str) -> None:
        """One part that is missing; `text` is the whole comment."""
        ...


TRACKERS: dict[str, Callable[[Place, IssueParams, Path | None], AbstractAsyncContextManager[Tracked]]] = {
    "github": github_issue,
    "gitlab": gitlab_issue,
    "jira": jira_issue,
    "linear": linear_issue,
}


class UpdateIssue:
    """The kind. See `activities.effects.kinds.EffectKind`."""

    kind = ISSUE
    askable = True
    cancellable = True
    editable = EDITABLE

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return issue_params(params).source

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        return Touches()

    def edited(
        self, effect: Effect, params: Mapping[str, JsonValue], panels: tuple[Panel, ...]
    ) -> tuple[Effect, tuple[Panel, ...]]:
        before, after = issue_params(effect.params), issue_params(params)
        if after.assignee != before.assignee:
            after = after.with_assignee(after.assignee)
        made = {"params": after.model_dump(mode="json"), "says": sentence(after)}
        return effect.model_copy(update=made), retold(panels, before, after)

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        wanted = issue_params(params)
        async with _tracked(wanted, context) as issue:
            seen = await issue.look()
            return None if missing(wanted, seen, context.key) else facts(wanted, seen)

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        wanted = issue_params(params)
        async with _tracked(wanted, context) as issue:
            seen = await issue.look()
            text = comment_text(wanted, context.key, context.digest)
            for part in missing(wanted, seen, context.key):
                await issue.do(part, wanted, seen, text)
                fault("issue.after_part")
            return facts(wanted, seen)


@asynccontextmanager
async def _tracked(wanted: IssueParams, context: EffectContext) -> AsyncIterator[Tracked]:
    """The issue, with this process's credential to write. AccessRefused without one, before anything is asked."""
    services = context.toolbox.services
    place = place_of(wanted.source, services)
    if place.service is None:
        yield FileIssue(place, wanted, context)
        return
    if place.service.credential is None:
        raise AccessRefused(
            f"Nothing lets this process change issues at {place.service.place}.",
            subject=wanted.issue,
            way_out=place.service.way_in,
        )
    async with TRACKERS[place.service.kind](place, wanted, services.authorities) as issue:
        yield issue
