"""The reviewable output: the entry, its exact diff, the evidence, and the one effect, sealed by a digest."""

import asyncio
from datetime import datetime, timedelta

from temporalio import activity

from activities.changelog import edit
from activities.changelog.checks import check_draft
from activities.changelog.file import insert
from activities.changelog.gather import subject
from activities.changelog.group_words import understood
from activities.changelog.panels import panels
from activities.changelog.render import plain
from activities.effects import git_commit_effect
from activities.progress import progress
from activities.reviewing import kept_for_review, paid
from activities.toolbox import Toolbox
from contracts.changelog import ChangelogDraft, History, ProposeRequest
from contracts.errors import BadInput
from contracts.proposal import Check, Editable, Effect, Proposal, blocking
from contracts.runs import Sealed
from contracts.steps import CHANGELOG_PROPOSE


class ChangelogProposing:
    """Seals revisions of a changelog entry."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    @activity.defn(name=CHANGELOG_PROPOSE.name)
    async def propose(self, request: ProposeRequest) -> Sealed:
        """Seal one revision and store it. The same request gives the same digest, at every attempt."""
        async with progress(f"sealing revision {request.revision}"):
            return await asyncio.to_thread(self._propose, request, activity.info().scheduled_time)

    def _propose(self, request: ProposeRequest, now: datetime) -> Sealed:
        history = self._toolbox.artifacts.get_model(History, request.history)
        draft = self.unsealed(request, history, now)
        told = {"subject": subject(history), "says": draft.summary, "cost_usd": paid(draft.cost)}
        return kept_for_review(draft, request.review, self._toolbox, told)

    def unsealed(self, request: ProposeRequest, history: History, now: datetime) -> Proposal:
        """The proposal of a request, made at `now`. BadInput for an edit that can't be used."""
        artifacts = self._toolbox.artifacts
        made = artifacts.get_model(ChangelogDraft, request.draft)
        draft, checks = made, request.checks
        before = artifacts.get_model(ChangelogDraft, request.baseline) if made.drafted_by == "model" else None
        if request.text is not None:
            draft = edit.from_text(request.text, history, made)
            checks, before = checked(draft, history), made
        text = insert(history.changelog_path, history.changelog_text, draft.markdown)
        _changes_something(history, text)
        return Proposal(
            realm=self._toolbox.ledger.realm,
            workflow=request.workflow,
            version=request.version,
            run=request.run,
            revision=request.revision,
            title=title(history, draft),
            summary=summary(history, draft, request),
            drafted_by=draft.drafted_by,
            fallback="" if draft.drafted_by == "person" else request.fallback or draft.fallback,
            edited_by=request.edited_by,
            effects=(self._effect(request, history, draft, text),),
            panels=panels(history, draft, before, text),
            checks=checks,
            cost=request.cost,
            editable=Editable(label="The entry", text=draft.markdown, max_chars=edit.MAX_CHARS),
            role=request.role,
            created_at=now,
            expires_at=now + timedelta(seconds=request.expire_seconds),
        )

    def _effect(self, request: ProposeRequest, history: History, draft: ChangelogDraft, text: str) -> Effect:
        data = text.encode()
        grown = data.count(b"\n") - (history.changelog_text or "").count("\n")
        return git_commit_effect(
            run=request.run,
            revision=request.revision,
            repository=history.repository,
            base=history.head,
            path=history.changelog_path,
            text=data,
            text_ref=self._toolbox.artifacts.put(data),
            lines=max(grown, 1),
            identity=self._toolbox.identity,
            subject=plain(f"Write the changelog {history.base_says}", 100),
            body="\n".join(f"- {plain(line.text)}" for line in draft.lines[:50]),
            since=history.base,
            until=history.head,
        )


def checked(draft: ChangelogDraft, history: History) -> tuple[Check, ...]:
    """The checks of a person's edit. BadInput with what they say when one fails: nobody signs that."""
    checks = check_draft(draft, history)
    failed = blocking(checks)
    if failed:
        raise BadInput(
            f"The edited entry does not pass its checks: {' '.join(check.says for check in failed)}",
            subject="text",
            way_out="Correct it and save again. The proposal is as it was before.",
        )
    return checks


def _changes_something(history: History, text: str) -> None:
    if text == history.changelog_text:
        raise BadInput(
            f"{history.changelog_path!r} has all of these lines already.",
            subject=history.changelog_path,
            way_out="Nothing has to be done.",
        )


def title(history: History, draft: ChangelogDraft) -> str:
    """`Changelog of owner/name: 9 lines since tag v1.2.0`."""
    count = len(draft.lines)
    lines = "1 line" if count == 1 else f"{count:,} lines"
    return plain(f"Changelog of {subject(history)}: {lines} {history.base_says}", 200)


def not_understood(draft: ChangelogDraft, request: ProposeRequest) -> str:
    """What of the reviewer's words the baseline could not act on, and what helps. A model reads all of them."""
    unread = understood(request.words)[1] if draft.drafted_by == "baseline" else []
    if not unread:
        return ""
    quoted = "; ".join(f"“{words}”" for words in unread)
    return f"The baseline can't act on {quoted}: edit the text in place, or ask like “leave out #12”."


def summary(history: History, draft: ChangelogDraft, request: ProposeRequest) -> str:
    """What was made from what, in words."""
    used = len({sha for line in draft.lines for sha in line.changes})
    breaking = sum(1 for line in draft.lines if line.section == "Breaking")
    told = [
        f"{used:,} of {len(history.changes):,} changes {history.base_says} are for readers;"
        f" {len(draft.left_out):,} were left out.",
        f"{breaking} of the lines {'is' if breaking == 1 else 'are'} breaking." if breaking else "",
        f"Edited by {request.edited_by}." if request.edited_by else "",
        history.truncated,
        f"A reviewer asked: {'; '.join(request.words)}" if request.words else "",
        not_understood(draft, request),
    ]
    return plain(" ".join(part for part in told if part), 2_000)
