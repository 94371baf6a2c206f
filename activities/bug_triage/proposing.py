"""Seals what is to be done about issues: many where the model is sure, those in doubt with their choices, or one."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import activity

from activities.bug_triage import backlogs
from activities.bug_triage.assessing import is_measured
from activities.bug_triage.drafting import Draft, drafts, params_of, short, tracker_of
from activities.bug_triage.panels import panels
from activities.bug_triage.words import Asked, names, person, understood
from activities.changelog.render import plain
from activities.effects import issue_effect, start_effect
from activities.progress import progress
from activities.reviewing import kept_for_review
from activities.toolbox import Toolbox
from contracts.bug_triage import Assessment, Backlog, Code, ProposeTriage
from contracts.changelog import counted
from contracts.proposal import Effect, Proposal
from contracts.runs import Sealed
from contracts.steps import BUGS_PROPOSE


class BugProposing:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox

    @activity.defn(name=BUGS_PROPOSE.name)
    async def propose(self, request: ProposeTriage) -> Sealed:
        """Seal one revision and store it. The same request gives the same digest, at every attempt."""
        async with progress(f"sealing revision {request.revision}"):
            return await asyncio.to_thread(self._propose, request, activity.info().scheduled_time)

    def _propose(self, request: ProposeTriage, now: datetime) -> Sealed:
        draft = self.unsealed(request, now)
        told = {"subject": subject(request), "says": draft.summary}
        return kept_for_review(draft, request.review, self._tools, told)

    def unsealed(self, request: ProposeTriage, now: datetime) -> Proposal:
        """The proposal of a request, made at `now`."""
        get = self._tools.artifacts.get_model
        backlog = backlogs.read(self._tools.artifacts, request.backlog)
        assessment = get(Assessment, request.assessment)
        code = get(Code, request.code) if request.code else Code(note=request.note)
        made, asked = drafted(request, backlog, assessment, code)
        notes = told(request, backlog, assessment, asked)
        return Proposal(
            realm=self._tools.ledger.realm,
            workflow=request.workflow,
            version=request.version,
            run=request.run,
            revision=request.revision,
            title=title(request, backlog, made),
            summary=summary(made, assessment, notes),
            drafted_by="baseline",
            effects=(*effects(request, made), *fixes(request, backlog, made)),
            panels=panels(backlog, assessment, code, made, request.which, offers(request, backlog, made)),
            cost=request.cost,
            role=request.role,
            created_at=now,
            expires_at=now + timedelta(seconds=request.expire_seconds),
        )


def drafted(request: ProposeTriage, backlog: Backlog, assessment: Assessment, code: Code) -> tuple[list[Draft], Asked]:
    """The drafts, as the reviewers' words want them."""
    found = assessment.doubtful if request.which == "doubtful" else assessment.confident
    asked, sure = understood(request.words), request.which != "doubtful"
    made = drafts(backlog, found, code, request.reproductions, sure=sure, measured=is_measured(assessment.standing))
    made.sort(key=lambda each: each.blocker.blocks is not True)  # what holds a release up is read first
    return [_as_asked(each, asked, backlog) for each in made if not names(each) & asked.out], asked


def _as_asked(draft: Draft, asked: Asked, backlog: Backlog) -> Draft:
    kind = next((asked.kinds[name] for name in names(draft) if name in asked.kinds), "")
    if kind:
        draft = replace(draft, kind=kind)
        draft = replace(draft, params=params_of(draft, backlog))
    return replace(draft, params=person(asked, draft, draft.params, backlog.names)) if draft.params else draft


def effects(request: ProposeTriage, made: Sequence[Draft]) -> tuple[Effect, ...]:
    """One for each issue of which something is to be done: each can be dropped, or changed, by itself."""
    return tuple(issue_effect(request.run, request.revision, each.params) for each in made if each.params)


def title(request: ProposeTriage, backlog: Backlog, made: Sequence[Draft]) -> str:
    """`Triage of acme/app: 38 issues, 2 block the release`."""
    blocks = sum(each.blocker.blocks is True for each in made)
    if request.which == "one" and made:
        [draft] = made
        what = ", ".join(filter(None, (draft.kind, draft.component, draft.priority)))
        parts = [
            what,
            f"the same as {short(draft.same.key)}" if draft.same else "",
            "blocks the release" if blocks else "",
        ]
        return plain(f"{short(draft.issue.key)}: {', '.join(filter(None, parts)) or 'nothing to set'}", 200)
    holds = f", {blocks} block{'s' if blocks == 1 else ''} the release" if blocks else ""
    doubt = " in doubt" if request.which == "doubtful" else ""
    return plain(f"Triage of {backlog.says_where}: {counted(len(made), 'issue')}{doubt}{holds}", 200)


def summary(made: Sequence[Draft], assessment: Assessment, notes: Sequence[str]) -> str:
    """What would be done, counted."""
    params = [each.params for each in made if each.params]
    counts = {
        "labelled": sum(bool(each.labels or each.kind or each.priority or each.component) for each in params),
        "assigned": sum(bool(each.assignee) for each in params),
        "asked what is missing": sum(each.question for each in params),
        "linked as the same": sum(bool(each.duplicate_of) for each in params),
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing would be changed"
    reproduced = sum(each.tried is not None and each.tried.state == "reproduced" for each in made)
    parts = [
        f"{said[0].upper()}{said[1:]}.",
        f"{reproduced} reproduced in a sandbox." if reproduced else "",
        f"{assessment.waiting:,} new ones wait for the next run." if assessment.waiting else "",
        *notes,
    ]
    return plain(" ".join(filter(None, parts)), 2_000)


def told(request: ProposeTriage, backlog: Backlog, assessment: Assessment, asked: Asked) -> list[str]:
    """What a reviewer has to know beside: what was not read, and which words could not be acted on."""
    unread = "; ".join(f"“{each}”" for each in asked.unread)
    help_ = "ask like “leave out #12”, “#12 is a feature”, “assign #12 to ana”, or change it in place"
    return [
        *filter(None, (backlog.left_out, request.note)),
        *([f"The baseline can't act on {unread}: {help_}."] if unread else []),
    ]


def offers(request: ProposeTriage, backlog: Backlog, made: Sequence[Draft]) -> list[str]:
    """Commands that start a fix, for bugs whose fix is likely small. They change nothing by themselves."""
    where = request.request.repository
    found = [] if request.request.fixes else small(request, backlog, made)
    return [
        f"A fix of {short(each.issue.key)} is likely small: countersign fix {ticket(backlog, each)} --repo {where}"
        for each in found
    ]


def fixes(request: ProposeTriage, backlog: Backlog, made: Sequence[Draft]) -> list[Effect]:
    """Runs that would fix them, where those were asked for. Each proposes a change that waits for its own signature."""
    found = small(request, backlog, made) if request.request.fixes else []
    where = request.request.repository
    return [
        start_effect(
            request.run,
            request.revision,
            "ticket_to_pr",
            {"ticket": ticket(backlog, each), "repository": where},
            short(each.issue.key),
        )
        for each in found
    ]


def small(request: ProposeTriage, backlog: Backlog, made: Sequence[Draft]) -> list[Draft]:
    """Those whose fix is likely small, at most five."""
    return [each for each in made if each.is_small][:5] if request.request.repository else []


def ticket(backlog: Backlog, draft: Draft) -> str:
    """The issue as `countersign fix` is told it."""
    return draft.issue.key if tracker_of(backlog.source) != "file" else f"{backlog.source}#{draft.issue.key}"


def subject(request: ProposeTriage) -> str:
    """What the run is about, in a list of runs."""
    return f"{request.request.source.rpartition('/')[2]} {request.request.issue}".strip()[:120]
