"""The baseline's draft: which changes belong, in which words. Deterministic, without a key or a network."""

import asyncio
import re
from collections.abc import Sequence

from temporalio import activity

from activities.changelog.changes import thinned
from activities.changelog.checks import check_draft
from activities.changelog.file import unreleased
from activities.changelog.render import make_draft
from activities.changelog.select import select_lines
from activities.changelog.structure import parse
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.changelog import ChangelogDraft, ComposeRequest, Drafted, History, LeftOut, Line
from contracts.steps import CHANGELOG_COMPOSE

ALREADY = "the changelog's unreleased section has it already"


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
            checks=check_draft(draft, history),
        )


def draft_of(history: History, heading: str, words: Sequence[str] = ()) -> ChangelogDraft:
    """The baseline's draft of a history. Pure: the same history and words give the same draft."""
    lines, left_out = select_lines(history, words=words)
    fresh, known = _not_yet(lines, history)
    return make_draft(history, heading, fresh, (*left_out, *known))


def _not_yet(lines: Sequence[Line], history: History) -> tuple[list[Line], list[LeftOut]]:
    """The lines that the file's unreleased section doesn't have yet, and the changes of those it has."""
    written = unreleased(parse(history.changelog_path, history.changelog_text or ""))
    if not written.strip():
        return list(lines), []
    shas = set(re.findall(r"\b[0-9a-f]{7,64}\b", written))
    cited = {sha[:7] for sha in shas}
    references = set(re.findall(r"#\d+\b", written))
    there = [line for line in lines if _is_there(line, cited, references)]
    subjects = {change.sha: change.subject for change in history.changes}
    known = [LeftOut(sha=sha, subject=subjects.get(sha, ""), why=ALREADY) for line in there for sha in line.changes]
    return [line for line in lines if line not in there], known


def _is_there(line: Line, cited: set[str], references: set[str]) -> bool:
    return any(sha[:7] in cited for sha in line.changes) or (
        bool(line.references) and references.issuperset(line.references)
    )
