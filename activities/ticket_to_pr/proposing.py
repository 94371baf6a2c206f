"""Seals a fix for review, or a note of what was found where there is no fix."""

import asyncio
from datetime import datetime, timedelta

from temporalio import activity

from activities.changelog.render import plain
from activities.effects import FileChange, git_change_effect, pull_effect, pull_panel
from activities.progress import progress
from activities.reviewing import kept_for_review, paid
from activities.services.repository import github_repository
from activities.ticket_to_pr import pull
from activities.ticket_to_pr.panels import panels
from activities.ticket_to_pr.reading import claim
from activities.ticket_to_pr.rounds import since
from activities.ticket_to_pr.target import merge_target
from activities.tickets.named import is_elsewhere, named
from activities.toolbox import Toolbox
from contracts.install import Packages
from contracts.proposal import Check, Effect, Panel, Proposal
from contracts.repair import RepairResult
from contracts.runs import Sealed
from contracts.steps import TICKET_PROPOSE
from contracts.ticket import Flag, Proof, ProposeFix, Ticket


class TicketProposing:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    @activity.defn(name=TICKET_PROPOSE.name)
    async def propose(self, request: ProposeFix) -> Sealed:
        """Seal one revision and store it. The same request gives the same digest, at every attempt."""
        async with progress(f"sealing revision {request.revision}"):
            into = await self._into(request)
            return await asyncio.to_thread(self._propose, request, activity.info().scheduled_time, into)

    async def _into(self, request: ProposeFix) -> str:
        """The branch that a pull request is for; empty where the repository is at no GitHub, or nothing is proposed."""
        asked = request.request
        if not request.proof or github_repository(asked.repository, self._toolbox.services) is None:
            return ""
        return asked.branch or await self._toolbox.repositories.default_branch(asked.repository, owner=request.run)

    def _propose(self, request: ProposeFix, now: datetime, into: str) -> Sealed:
        self._still_claimed(request)
        draft = self.unsealed(request, now, into)
        told = {"subject": draft.title, "says": draft.summary, "cost_usd": paid(draft.cost)}
        return kept_for_review(draft, request.review, self._toolbox, told, self._credentials(request))

    def _credentials(self, request: ProposeFix) -> tuple[str, ...]:
        """The one that the ticket was read with, by its name."""
        ticket = request.request.ticket
        credential = named(ticket, self._toolbox.services).service.credential if is_elsewhere(ticket) else None
        return (credential.name,) if credential else ()

    def _still_claimed(self, request: ProposeFix) -> None:
        """A run that was ended and reset since may have lost its ticket to another."""
        ticket = self._toolbox.artifacts.get_model(Ticket, request.ticket)
        claim(self._toolbox.ledger, ticket.key, request.request.repository, request.run)

    def unsealed(self, request: ProposeFix, now: datetime, into: str = "") -> Proposal:
        """The proposal of a request, made at `now`. `into`: the branch of a pull request, where there will be one."""
        get = self._toolbox.artifacts.get_model
        ticket = get(Ticket, request.ticket)
        proof = get(Proof, request.proof) if request.proof else None
        found = get(RepairResult, request.repair) if request.repair else None
        packages = get(Packages, request.installed) if request.installed else None
        earlier = get(Proof, request.before) if request.before else None
        if proof and found and request.drafted_by == "baseline":
            proof = proof.model_copy(update={"flags": (*proof.flags, *ambiguous(found))})
        news = since(self._toolbox.artifacts, request.revision, earlier, proof)
        effects, shown = self._effects(request, ticket, proof, into) if proof else ((), ())
        return Proposal(
            realm=self._toolbox.ledger.realm,
            workflow=request.workflow,
            version=request.version,
            run=request.run,
            revision=request.revision,
            title=plain(f"{'Fix' if proof else 'Could not fix'} {ticket.key}: {ticket.title}", 200),
            summary=summary(request, ticket, proof, found),
            drafted_by=request.drafted_by,
            fallback=request.fallback,
            effects=effects,
            panels=(*panels(request, ticket, proof, found, approach(request, proof, found), packages, news), *shown),
            checks=(*request.checks, *checks(proof)),
            cost=request.cost,
            role=request.role,
            created_at=now,
            expires_at=now + timedelta(seconds=request.expire_seconds),
        )

    def _effects(
        self, request: ProposeFix, ticket: Ticket, proof: Proof, into: str
    ) -> tuple[tuple[Effect, ...], tuple[Panel, ...]]:
        """What happens on a signature, and what is shown of it beside the proof."""
        if not into:
            return (self._merged(request, ticket, proof),), ()
        known = github_repository(request.request.repository, self._toolbox.services)
        effect, params = pull_effect(
            run=request.run,
            revision=request.revision,
            repository=request.request.repository,
            base=request.base,
            into=into,
            files=changes(proof),
            identity=self._toolbox.identity,
            subject=plain(f"Fix {ticket.title}", 100),
            body=words(ticket, proof),
            title=pull.title(ticket),
            text=pull.text(request, ticket, proof),
            ticket=ticket.key,
            place=str(known),
        )
        return (effect,), (pull_panel(params),)

    def _merged(self, request: ProposeFix, ticket: Ticket, proof: Proof) -> Effect:
        return git_change_effect(
            run=request.run,
            revision=request.revision,
            repository=request.request.repository,
            base=request.base,
            files=changes(proof),
            identity=self._toolbox.identity,
            subject=plain(f"Fix {ticket.title}", 100),
            body=words(ticket, proof),
            merge_into=merge_target(request.request),
            ticket=ticket.key,
            branch_stem="fix",
        )


def changes(proof: Proof) -> list[FileChange]:
    """The files of the commit."""
    return [FileChange(path=each.path, ref=each.ref, mode=each.mode) for each in proof.files]


def words(ticket: Ticket, proof: Proof) -> str:
    """The body of the commit's message."""
    return f"Ticket: {plain(ticket.key, 200)}\nTests: {proof.after.says}"


def ambiguous(found: RepairResult) -> tuple[Flag, ...]:
    """Other edits pass as well and do something else: the tests don't settle which is right."""
    agreement = found.candidates[0].agreement if found.candidates else 1.0
    if agreement >= 1:
        return ()
    says = (
        f"The tests do not settle the fix: {1 - agreement:.0%} of the weight of all edits that pass is on some that "
        "behave otherwise."
    )
    return (Flag(says=says, red=False),)


def summary(request: ProposeFix, ticket: Ticket, proof: Proof | None, found: RepairResult | None) -> str:
    """One sentence for the inbox: what it is worth a look for."""
    if proof is None:
        where = f" Likely at {found.suspects[0].file}:{found.suspects[0].line}." if found and found.suspects else ""
        return plain(f"No fix was found for “{ticket.title}”. What was tried and where to look is inside.{where}", 500)
    files = f"{len(proof.files)} file{'s' * (len(proof.files) != 1)}"
    fixed = len(proof.fixed) + len(proof.added_fail_before)
    passes = "test failed before and passes" if fixed == 1 else "tests failed before and pass"
    tests = f"{fixed} {passes} now" if fixed else red_first(proof)
    red = sum(flag.red for flag in proof.flags)
    warn = f" {red} thing{'s' * (red != 1)} to look at first." if red else ""
    asked = f" A reviewer asked: {'; '.join(request.words)}." if request.words else ""
    return plain(f"Changes {files}; {tests}, {broke(proof)}.{warn}{asked}", 500)


def red_first(proof: Proof) -> str:
    """Of a change for which no single test speaks: whether the tests as a whole do."""
    if not proof.command_fixed:
        return "no test failed before and passes now"
    return f"the tests failed {'on the old code' if proof.old_fails else 'before'} and pass now"


def broke(proof: Proof) -> str:
    """ "no test broke", "1 test broke", and what else can be said where no test has a name."""
    if proof.command_broken and not proof.broken:
        return "the tests as a whole broke"
    return f"{_count(len(proof.broken))} broke"


def _count(tests: int) -> str:
    """ "no test", "1 test", "3 tests"."""
    return f"{tests or 'no'} test{'s' * (tests > 1)}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def approach(request: ProposeFix, proof: Proof | None, found: RepairResult | None) -> str:
    """What was done, in the words of whoever did it, quoted where that is a model."""
    if request.drafted_by == "model" and request.said:
        quoted = "\n".join(f"> {line}" for line in request.said.splitlines())
        return f"In the model's own words, which nobody checked:\n\n{quoted}"
    if proof is not None and found is not None and found.candidates:
        chosen = found.candidates[0]
        others = f" {len(found.candidates) - 1} other edits pass as well." if len(found.candidates) > 1 else ""
        return f"One small edit was searched for until the tests passed: {plain(chosen.says, 400)}.{others}"
    return plain(found.note, 3_000) if found else "Nothing was tried."


def checks(proof: Proof | None) -> tuple[Check, ...]:
    """What the measurements say. A reviewer may sign against one that failed, and sees that it did."""
    if proof is None:
        return ()
    first = "a test failed before and passes now" if proof.fixed or proof.added_fail_before else red_first(proof)
    return (
        Check(name="failing test first", passed=proof.was_red, says=_sentence(first)),
        Check(
            name="nothing broken",
            passed=not proof.broken and not proof.command_broken,
            says=_sentence(broke(proof)),
        ),
        Check(name="nothing gone", passed=not proof.gone, says=_sentence(f"{_count(len(proof.gone))} went away")),
        Check(name="lint", passed=proof.lint_ok, says="Lint is content." if proof.lint_ok else "Lint finds something."),
    )
