"""Ticket to pull request: what a person first sees is a fix with its proof, and what comes of it is what they sign."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from temporalio import workflow

from workflows.agent import at_work
from workflows.ending import carry_out, close, rejection
from workflows.gate import ReviewGate, no_text, review
from workflows.installing import installed
from workflows.machine import In, Machine, Made
from workflows.measuring import again
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.agent import AgentEnd, AgentInput, AgentTask
    from contracts.budgets import Spender
    from contracts.machine import MachineSpec, MachineState
    from contracts.policy import Budget, Gate, Policy, SandboxPolicy
    from contracts.proposal import Cost
    from contracts.repair import RepairLimits
    from contracts.runs import Outcome, Sealed
    from contracts.steps import (
        TICKET_BRIEF,
        TICKET_PROJECT,
        TICKET_PROPOSE,
        TICKET_PROVE,
        TICKET_READ,
        TICKET_REPAIR,
        TICKET_TESTS,
        Step,
    )
    from contracts.ticket import (
        LookAtProject,
        ProjectSeen,
        ProposeFix,
        Prove,
        Proved,
        ReadTicket,
        RepairSearched,
        RunTests,
        SearchRepair,
        TestsRan,
        TicketRead,
        TicketRequest,
        Try,
        WriteBrief,
    )

AGENT_TRIES = 2

NO_TEXT = "A change of code can't be edited here. Ask for changes in words, and the run goes on with them."


@workflow.defn(name="ticket_to_pr", failure_exception_types=[ValueError, TypeError, LookupError])
class TicketToPr:
    """Context in, background execution, reviewable output, human approval."""

    policy = Policy(
        summary="Fixes what a ticket reports, and proves it",
        budget=Budget(usd=Decimal("5.00")),
        gate=Gate(role="reviewer", remind_after=timedelta(days=2), expire_after=timedelta(days=30), rounds=4),
        effects=("git.change", "git.pull_request"),
        sandbox=SandboxPolicy(wall_seconds=900, memory_bytes=2 << 30, processes=256),
    )

    @workflow.init
    def __init__(self, request: TicketRequest) -> None:
        self.request = request
        self.gate = ReviewGate(self.policy.gate)
        self.machine = Machine(
            MachineSpec(repository=request.repository, commit=request.branch or "HEAD", sandbox=self.policy.sandbox)
        )
        self.revision, self.agents = 0, 0
        self.words: tuple[str, ...] = ()
        self.tries: list[Try] = []
        self.repair, self.shown = "", ""
        self.said = ""

    @workflow.run
    async def run(self, request: TicketRequest) -> Outcome:
        self.ticket = await self.read()
        async with self.machine:
            await self.look()
            if not self.project.project.test:
                show(self.policy, state="working", says="Nothing says how this project is tested")
            for _ in range(self.policy.gate.rounds):
                proved = await self.fix()
                sealed = await self.propose(proved)
                await self.machine.park()  # it waits for days at no cost, and the work is kept
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

    async def read(self) -> TicketRead:
        show(self.policy, state="gathering", says=f"Reading the ticket {self.request.ticket}")
        asked = ReadTicket(
            ticket=self.request.ticket, repository=self.request.repository, run=workflow.info().workflow_id
        )
        ticket = await step(TICKET_READ, asked, summary=f"Read the ticket {self.request.ticket}, and claim it")
        show(self.policy, state="gathering", subject=ticket.key, says=ticket.says)
        return ticket

    async def look(self) -> None:
        """How the project is tested, and what its tests say before anything is changed."""
        self.project: ProjectSeen = await self.machine.look(
            TICKET_PROJECT,
            lambda lease: LookAtProject(lease=lease, test=self.request.test),
            "Find out how the project is tested",
        )
        self.installed = await installed(self.machine, self.project, asked=self.request.install)
        if self.installed is not None and self.installed.ok:
            using = self.project.project.using(self.installed.python)
            self.project = self.project.model_copy(update={"project": using})
        self.before: TestsRan = await self.measured(
            TICKET_TESTS,
            lambda lease: RunTests(lease=lease, project=self.project.project),
            "Run the tests before any change",
        )

    async def fix(self) -> Proved | None:
        """The baseline first; a model where that found nothing, or where a reviewer asked for more."""
        if not self.words and (proved := await self.fix_by_search()) is not None:
            return proved
        return await self.fix_by_model()

    async def fix_by_search(self) -> Proved | None:
        """Without a model: small edits, until the failing tests pass."""
        if not self.before.failing or not self.request.search_seconds:
            return None
        show(self.policy, state="working", says="Searching small edits that make the failing tests pass")
        began = workflow.now()
        searched: RepairSearched = await self.measured(
            TICKET_REPAIR,
            lambda lease: SearchRepair(
                lease=lease,
                ticket=self.ticket.ticket,
                project=self.project.project,
                before=self.before.run,
                limits=RepairLimits(seconds=self.request.search_seconds),
            ),
            "Search small edits, without a model",
        )
        self.repair = searched.result
        proved = await self.prove() if searched.fixed else None
        held = proved is not None and proved.holds
        self.tries.append(Try(tier="baseline", says=searched.says, held=held, seconds=since(began)))
        if not held:
            await self.start_over()
        return proved if held else None

    async def fix_by_model(self) -> Proved | None:
        """An agent with the same tools and the same proof. What it says of its work plays no part in the proof."""
        problems: tuple[str, ...] = ()
        for _ in range(AGENT_TRIES):
            asked = WriteBrief(
                ticket=self.ticket.ticket,
                project=self.project.project,
                before=self.before.run,
                repair=self.repair,
                words=self.words,
                problems=problems,
            )
            brief = await step(TICKET_BRIEF, asked, summary="Write the brief for a model")
            if not brief.models:
                return None
            began, end = workflow.now(), await self.agent(brief.brief)
            proved = await self.prove()
            self.tries.append(
                Try(tier="small", says=tried(end), held=proved.holds, cost=cost_of(end), seconds=since(began))
            )
            if proved.holds or end.state in ("budget", "refused"):
                return proved if proved.presentable else None
            problems = (proved.why,)
        return proved if proved.presentable else None

    async def agent(self, brief: str) -> AgentEnd:
        """A child run: its history is its own, and it works on from where this run's machine stands."""
        show(self.policy, state="working", says="A model works on it")
        await self.machine.park()
        self.agents += 1
        task = AgentTask(
            brief=brief,
            spender=Spender.of(self.policy, run=workflow.info().workflow_id, workflow=workflow.info().workflow_type),
            machine=self.machine.spec,
            test=self.project.project.test,
            environment=self.project.project.environment,
            mcp=self.policy.mcp,
            sub_agents=self.policy.sub_agents,
        )
        end = await at_work(
            AgentInput(task=task, start=self.machine.state), id=f"{workflow.info().workflow_id}/agent-{self.agents}"
        )
        self.machine.adopt(end.machine or MachineState(machine="agent", commit=self.machine.commit))
        self.said = end.said
        return end

    async def prove(self) -> Proved:
        """Measured anew, on the work tree as it is."""
        show(self.policy, state="working", says="Proving it: the tests before and after, new tests on the old code")
        return await self.measured(
            TICKET_PROVE,
            lambda lease: Prove(
                lease=lease,
                ticket=self.ticket.ticket,
                project=self.project.project,
                before=self.before.run,
                repair=self.repair,
            ),
            "Prove it: tests before and after, new tests on the old code, lint",
        )

    async def start_over(self) -> None:
        reset = ("git", "reset", "--quiet", "--hard", self.machine.commit)
        clean = ("git", "clean", "--quiet", "-fd", "-e", "node_modules")
        await again(lambda: self.machine.run(reset, summary="Take it back"), "take it back")
        await again(lambda: self.machine.run(clean, summary="Take new files back"), "take new files back")

    async def measured(self, what: Step[In, Made], request: Callable[[str], In], summary: str) -> Made:
        """A call of ours on the machine, made again where that dies. Not an agent's: those are told of it."""
        return await again(lambda: self.machine.change(what, request, summary), summary)

    async def propose(self, proved: Proved | None) -> Sealed:
        self.revision += 1
        by_model = bool(self.tries) and self.tries[-1].tier != "baseline"
        fallback = "" if proved is not None or not by_model else "The model's change does not hold, so it is not shown."
        sealed = await step(
            TICKET_PROPOSE,
            ProposeFix(
                run=workflow.info().workflow_id,
                workflow=workflow.info().workflow_type,
                version=self.policy.version,
                revision=self.gate.numbered(self.revision),
                request=self.request,
                ticket=self.ticket.ticket,
                base=self.machine.commit,
                proof=proved.proof if proved is not None else "",
                before=self.shown,
                repair=self.repair,
                installed=self.installed.packages if self.installed else "",
                not_installed=self.installed.says if self.installed and not self.installed.ok else "",
                tries=tuple(self.tries),
                drafted_by="model" if by_model else "baseline",
                fallback=fallback,
                said=self.said if by_model else "",
                words=self.words,
                cost=sum((each.cost for each in self.tries), Cost()),
                role=self.policy.gate.role,
                expire_seconds=self.policy.gate.expire_after.total_seconds(),
                review=review(self.policy),
            ),
            summary=f"Seal revision {self.gate.numbered(self.revision)}",
        )
        self.shown = proved.proof if proved is not None else ""
        show(self.policy, state="waiting for review", cost=sealed.cost, says=f"Waiting for review: {sealed.title}")
        return sealed

    async def close(self, state: str, says: str, sealed: Sealed | None = None) -> Outcome:
        return await close(self.policy, self.gate, state, says, sealed)


def since(began: datetime) -> float:
    return round((workflow.now() - began).total_seconds(), 1)


def tried(end: AgentEnd) -> str:
    """An agent's try in words."""
    how = {"done": "it says that it is done", "refused": "the model declined", "limit": "it reached its limit"}
    said = f": {end.said[:200]}" if end.said else f": {end.says[:200]}"
    return f"{end.steps} steps of {end.spent.model or 'a model'}, {how.get(end.state, end.state)}{said}"


def cost_of(end: AgentEnd) -> Cost:
    """What an agent cost."""
    spent = end.spent
    return Cost(
        usd=spent.usd,
        input_tokens=spent.usage.prompt,
        output_tokens=spent.usage.written,
        model_calls=end.steps + spent.asked,
        model=spent.model or None,
    )
