"""Seals a text for review: shared by the workflows whose draft is one text."""

import asyncio
from datetime import timedelta

from temporalio import activity

from activities.reviewing import kept_for_review
from activities.toolbox import Toolbox
from contracts.proposal import Check, Claim, ClaimsPanel, Editable, MarkdownPanel, Panel, Proposal
from contracts.runs import Sealed
from contracts.steps import PROPOSE_TEXT
from contracts.text import TextProposal


class TextActivities:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox, self.ledger = toolbox, toolbox.ledger

    @activity.defn(name=PROPOSE_TEXT.name)
    async def propose(self, request: TextProposal) -> Sealed:
        """Seal and store one revision. The same request gives the same digest, at every attempt."""
        draft = unsealed(request, self.ledger.realm)
        told = {"says": draft.title, "subject": draft.title}
        return await asyncio.to_thread(kept_for_review, draft, request.review, self.toolbox, told)


def unsealed(request: TextProposal, realm: str) -> Proposal:
    """The proposal of a request. Its time is the activity's first scheduling, so that a retry changes nothing."""
    draft, created = request.draft, activity.info().scheduled_time
    text = draft.text if request.text is None else request.text
    panels: list[Panel] = [MarkdownPanel(title="The text", text=text)]
    if draft.evidence:
        panels.append(
            ClaimsPanel(title="What stands behind it", claims=(Claim(text="Sources", sources=draft.evidence),))
        )
    return Proposal(
        realm=realm,
        workflow=request.workflow,
        version=request.version,
        run=request.run,
        revision=request.revision,
        title=draft.title,
        summary=draft.summary,
        drafted_by="person" if request.edited_by else "baseline",
        edited_by=request.edited_by,
        effects=(),
        panels=tuple(panels),
        checks=(*draft.checks, Check(name="not empty", passed=bool(text.strip()), says="The text is not empty.")),
        cost=draft.cost,
        editable=Editable(label="The text", text=text),
        role=request.role,
        created_at=created,
        expires_at=created + timedelta(seconds=request.expire_seconds),
    )
