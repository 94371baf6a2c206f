"""The baseline's draft: which changes belong, in which words. Deterministic, without a key or a network."""

import asyncio
from collections.abc import Sequence

from temporalio import activity

from activities.changelog.already import ALREADY, not_yet
from activities.changelog.changes import thinned
from activities.changelog.checks import check_draft
from activities.changelog.render import make_draft
from activities.changelog.select import select_lines
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.changelog import ChangelogDraft, ComposeRequest, Drafted, History
from contracts.steps import CHANGELOG_COMPOSE


class ChangelogComposing:
    """Makes the baseline's draft."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._artifacts = toolbox.artifacts

    @activity.defn(name=CHANGELOG_COMPOSE.name)
    async def compose(self, request: ComposeRequest) -> Drafted:
        async with progress("choosing the changes for readers"):
            return await asyncio.to_thread(self._compose, request)

    def _compose(self, request: ComposeRequest) -> Drafted:
        history = thinned(self._artifacts.get_model(History, request.history))
        draft = draft_of(history, request.heading, request.words)
        return Drafted(
            draft=self._artifacts.put_model(draft),
            lines=len(draft.lines),
            left_out=len(draft.left_out),
            known=sum(each.why == ALREADY for each in draft.left_out),
            checks=check_draft(draft, history),
        )


def draft_of(history: History, heading: str, words: Sequence[str] = ()) -> ChangelogDraft:
    """The baseline's draft of a history. Pure: the same history and words give the same draft."""
    lines, left_out = select_lines(history, words=words)
    fresh, known = not_yet(lines, history)
    return make_draft(history, heading, fresh, (*left_out, *known))
