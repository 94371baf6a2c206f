"""Bug triage: what new issues are, whose they are, what they lack, what they repeat; a person signs what is done."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from workflows.ending import carry_out, close, rejection
from workflows.gate import ReviewGate, no_text, review
from workflows.machine import Machine
from workflows.measuring import again
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.bug_triage import (
        DOUBTFUL,
        AssessBugs,
        BugsAssessed,
        BugsGathered,
        BugTriageRequest,
        Doubtful,
        GatherBugs,
        LocateBugs,
        ProposeTriage,
        Reproduce,
        Reproduction,
    )
    from contracts.machine import MachineSpec
    from contracts.policy import Gate, Policy, SandboxPolicy, Schedule
    from contracts.runs import STARTED_BY, Outcome, Sealed
    from contracts.steps import BUGS_ASSESS, BUGS_GATHER, BUGS_LOCATE, BUGS_PROPOSE, BUGS_REPRODUCE

# What a report says is tried in a machine of its own, with little of everything.
TRIAL = SandboxPolicy(wall_seconds=60, memory_bytes=512 << 20, processes=64, output_bytes=4 << 20)

# A compiler takes more, and Java as much.
COMPILES = ("go", "java")
LARGE_TRIAL = TRIAL.model_copy(update={"wall_seconds": 150.0, "memory_bytes": 1 << 30, "processes": 256})

NO_TEXT = "There is no text to edit here. Drop single issues, change what happens to them, or ask in words."


@workflow.defn(name="bug_triage", failure_exception_types=[ValueError, TypeError, LookupError])
class BugTriage:
    """Context in, background execution, reviewable output, human approval."""

    policy = Policy(
        summary="Says what new bug reports are, whose, what they lack and what they repeat",
        schedule=Schedule(cron="0 3 * * *"),
        gate=Gate(role="reviewer", remind_after=timedelta(days=1), expire_after=timedelta(days=7), rounds=4),
        effects=("issue.update", "run.start"),
        sandbox=SandboxPolicy(wall_seconds=120),
    )

    @workflow.init
    def __init__(self, request: BugTriageRequest) -> None:
        self.request = request
        self.gate = ReviewGate(self.policy.gate)
        self.revision = 0
        self.words: tuple[str, ...] = ()

    @workflow.run
    async def run(self, request: BugTriageRequest) -> Outcome:
        found, which = request.doubtful, "doubtful"
        if found is None:
            context = await self.gather()
            assessed = await self.assess(context)
            if not assessed.confident and not assessed.doubtful:
                return await self.close("nothing to do", f"{assessed.says}: nothing to propose.")
            found = await self.look(context, assessed)
            which = "one" if context.key else "confident" if assessed.confident else "doubtful"
            if which == "confident" and assessed.doubtful:
                await self.hand_over(found)
        return await self.decided(found, which)

    async def gather(self) -> BugsGathered:
        request = self.request
        show(self.policy, state="gathering", says=f"Reading the issues of {request.source}")
        asked = GatherBugs(source=request.source, issue=request.issue, repository=request.repository)
        found = await step(BUGS_GATHER, asked, summary=f"Read the issues of {request.source}")
        show(self.policy, state="gathering", subject=f"{found.subject} {request.issue}".strip(), says=found.says)
        return found

    async def assess(self, context: BugsGathered) -> BugsAssessed:
        show(self.policy, state="working", says=f"Learning from {context.issues:,} issues, judging the new ones")
        asked = AssessBugs(
            backlog=context.backlog,
            key=context.key,
            most=self.request.most,
            most_doubtful=self.request.most_doubtful,
            workflow=workflow.info().workflow_type,
        )
        return await step(BUGS_ASSESS, asked, summary=f"Judge the new ones of {context.issues:,} issues")

    async def look(self, context: BugsGathered, assessed: BugsAssessed) -> Doubtful:
        """What the code says of them. A repository that can't be read costs files and owners, and not the run."""
        found = Doubtful(backlog=context.backlog, assessment=assessed.assessment)
        if not self.request.repository:
            return found
        try:
            code = await self.locate(found)
            tried = await self.reproduce(assessed)
        except (ActivityError, ApplicationError) as error:
            if is_cancelled_exception(error):
                raise
            return found.model_copy(update={"note": f"The code was not read: {cause_of(error)}"[:500]})
        return found.model_copy(update={"code": code, "reproductions": tried})

    async def locate(self, found: Doubtful) -> str:
        show(self.policy, state="working", says="Searching the repository for what they speak of")
        async with Machine(MachineSpec(repository=self.request.repository, sandbox=self.policy.sandbox)) as machine:
            located = await machine.look(
                BUGS_LOCATE,
                lambda lease: LocateBugs(lease=lease, assessment=found.assessment, backlog=found.backlog),
                "Search the repository for what they speak of, and who knows it",
            )
            return located.code

    async def reproduce(self, assessed: BugsAssessed) -> tuple[Reproduction, ...]:
        """One after the other, each in a machine that is thrown away."""
        made = []
        for number, key in enumerate(assessed.runnable[: self.request.reproductions], 1):
            show(self.policy, state="working", says=f"Trying what {key} says")
            made.append(await self.tried(assessed, key, f"trial-{number}"))
        return tuple(made)

    async def tried(self, assessed: BugsAssessed, key: str, name: str) -> Reproduction:
        """What came of it. A machine that can't be had costs this trial and nothing else."""
        what, language = f"Try what {key} says", assessed.languages.get(key, "")
        sandbox = trial(language, self.request.images.get(language, ""))
        try:
            async with Machine(MachineSpec(repository=self.request.repository, sandbox=sandbox), name=name) as machine:
                return await again(
                    lambda: machine.change(
                        BUGS_REPRODUCE,
                        lambda lease: Reproduce(lease=lease, assessment=assessed.assessment, key=key),
                        what,
                    ),
                    what,
                )
        except (ActivityError, ApplicationError) as error:
            if is_cancelled_exception(error):
                raise
            return Reproduction(key=key, says=f"{key}: {cause_of(error)}"[:300])

    async def hand_over(self, found: Doubtful) -> None:
        """Those in doubt get a run of their own, so that nobody waits for the other half."""
        started_by = workflow.memo_value(STARTED_BY, None)
        await workflow.start_child_workflow(
            workflow.info().workflow_type,
            self.request.model_copy(update={"doubtful": found}),
            id=f"{workflow.info().workflow_id}{DOUBTFUL}",
            parent_close_policy=ParentClosePolicy.ABANDON,
            memo={STARTED_BY: started_by} if started_by else None,
            static_summary="Those in doubt, with their choices",
        )

    async def decided(self, found: Doubtful, which: str) -> Outcome:
        for _ in range(self.policy.gate.rounds):
            sealed = await self.propose(found, which)
            decided = await self.gate.decision(sealed, reseal=no_text(NO_TEXT))
            if decided is None:
                return await self.close("expired", "Nobody decided in time. Nothing was done.", sealed)
            sealed, decision = decided
            if decision.statement.verdict == "approve":
                return await carry_out(self.policy, self.gate, sealed, decision)
            if decision.statement.verdict == "reject":
                return await self.close("rejected", rejection(decision), sealed)
            self.words += (decision.statement.words,)
        return await self.close("rejected", f"Changes were asked for {self.policy.gate.rounds} times.", sealed)

    async def propose(self, found: Doubtful, which: str) -> Sealed:
        self.revision += 1
        number = self.gate.numbered(self.revision)
        request = ProposeTriage.model_validate(
            {
                **found.model_dump(),
                "run": workflow.info().workflow_id,
                "workflow": workflow.info().workflow_type,
                "version": self.policy.version,
                "revision": number,
                "request": self.request.model_copy(update={"doubtful": None}),
                "which": which,
                "words": self.words,
                "role": self.policy.gate.role,
                "expire_seconds": self.policy.gate.expire_after.total_seconds(),
                "review": review(self.policy),
            }
        )
        sealed = await step(BUGS_PROPOSE, request, summary=f"Seal revision {number}")
        show(self.policy, state="waiting for review", says=f"Waiting for review: {sealed.title}")
        return sealed

    async def close(self, state: str, says: str, sealed: Sealed | None = None) -> Outcome:
        return await close(self.policy, self.gate, state, says, sealed)


def trial(language: str, image: str) -> SandboxPolicy:
    """The machine for a snippet in a language; `image`: of a container that has it, where the settings name one."""
    policy = LARGE_TRIAL if language in COMPILES else TRIAL
    return policy.model_copy(update={"image": image}) if image else policy


def cause_of(error: ActivityError | ApplicationError) -> str:
    """What went wrong, in the words of whatever failed."""
    return str(error.cause) if isinstance(error, ActivityError) and error.cause else str(error)
