"""The names of all activities, their types, and their timeouts, retries and queues, in one place.

A workflow knows an activity by its `Step` only, and an activity is defined under its `Step`'s name. Timeouts
are per attempt. Every step has a heartbeat, sent by the worker, so that a dead worker is noticed in seconds.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from contracts import (
    agent,
    answers,
    bug_triage,
    changelog,
    deals,
    install,
    machine,
    mcp,
    paying,
    runs,
    support,
    text,
    ticket,
)
from contracts.decision import Ruling

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel | None)

Queue = Literal["countersign-agents", "countersign-effects", "countersign-machines", "the lease's"]
AGENTS: Queue = "countersign-agents"
EFFECTS: Queue = "countersign-effects"
MACHINES: Queue = "countersign-machines"  # polled by workers that have room for one more machine
LEASES: Queue = "the lease's"  # no queue's name: a call goes to the process that holds the machine

# Of calls of a machine. A process that is dead beats no more and takes no calls; one that is merely busy does both,
# since its heart beats five times meanwhile and it takes more calls at once than it has leases.
NOTICED = timedelta(seconds=3)


@dataclass(frozen=True)
class Step(Generic[In, Out]):
    """An activity as workflows see it. `attempts` 0 means: until it works or turns out unretryable.

    `start_within`: a worker has to take it in that time, or it never starts.
    """

    name: str
    takes: type[In]
    gives: type[Out]
    timeout: timedelta = timedelta(seconds=30)
    heartbeat: timedelta = timedelta(seconds=5)
    attempts: int = 5
    queue: Queue = AGENTS
    start_within: timedelta | None = None


# The gate and the effects, shared by all workflows.
JUDGE = Step("gate.judge", runs.Judge, Ruling, attempts=0)
NOTE = Step("run.note", runs.Note, type(None), attempts=0)
CLOSE = Step("run.close", runs.Close, type(None), attempts=0)
STANDING = Step("gate.standing", runs.AskStanding, runs.StandingAnswer)
DROP = Step("gate.drop", runs.DropEffects, runs.Sealed)
CARRY_OUT = Step(
    "effect.carry_out",
    runs.CarryOut,
    runs.Done,
    timeout=timedelta(minutes=10),
    attempts=0,
    queue=EFFECTS,
)

# A text for review, for any workflow whose draft is one.
PROPOSE_TEXT = Step("text.propose", text.TextProposal, runs.Sealed)

# The changelog.
CHANGELOG_GATHER = Step(
    "changelog.gather",
    changelog.GatherRequest,
    changelog.Gathered,
    timeout=timedelta(minutes=15),
    attempts=3,
)
CHANGELOG_COMPOSE = Step(
    "changelog.compose",
    changelog.ComposeRequest,
    changelog.Drafted,
    timeout=timedelta(minutes=5),
    attempts=3,
)
CHANGELOG_REWRITE = Step(
    "changelog.rewrite",
    changelog.RewriteRequest,
    changelog.Drafted,
    timeout=timedelta(minutes=5),
    heartbeat=timedelta(seconds=10),
    attempts=4,
)
CHANGELOG_PROPOSE = Step(
    "changelog.propose",
    changelog.ProposeRequest,
    runs.Sealed,
    timeout=timedelta(minutes=2),
)


def of_a_machine(name: str, takes: type[In], gives: type[Out], timeout: timedelta) -> Step[In, Out]:
    """A call of a machine. Temporal never repeats one: `workflows/machine.py` knows what may be repeated, and where."""
    return Step(name, takes, gives, timeout, heartbeat=NOTICED, attempts=1, queue=LEASES, start_within=NOTICED)


# Machines (docs/machines.md). `RECALL` asks what became of a call whose worker died.
MACHINE_OPEN = Step(
    "machine.open",
    machine.OpenRequest,
    machine.Lease,
    timeout=timedelta(minutes=30),
    attempts=0,
    queue=MACHINES,
)
MACHINE_RUN = of_a_machine("machine.run", machine.RunRequest, machine.RunResult, timedelta(hours=2))
MACHINE_WRITE = of_a_machine("machine.write", machine.WriteRequest, machine.WriteResult, timedelta(minutes=5))
MACHINE_CHECKPOINT = of_a_machine(
    "machine.checkpoint", machine.CheckpointRequest, machine.CheckpointResult, timedelta(minutes=5)
)
MACHINE_READ = of_a_machine("machine.read", machine.ReadRequest, machine.ReadResult, timedelta(minutes=2))
MACHINE_LIST = of_a_machine("machine.list", machine.ListRequest, machine.ListResult, timedelta(minutes=2))
MACHINE_SEARCH = of_a_machine("machine.search", machine.SearchRequest, machine.SearchResult, timedelta(minutes=15))
MACHINE_DIFF = of_a_machine("machine.diff", machine.DiffRequest, machine.DiffResult, timedelta(minutes=15))
MACHINE_CLOSE = of_a_machine("machine.close", machine.CloseRequest, machine.Closed, timedelta(minutes=1))
RECALL = Step("run.recall", machine.Recall, machine.Recalled, attempts=0)

# The agent loop (docs/agents.md). A tool that changes nothing may be used again on the next machine.
AGENT_THINK = Step(
    "agent.think",
    agent.ThinkRequest,
    agent.Thinking,
    timeout=timedelta(minutes=10),
    heartbeat=timedelta(seconds=10),
    attempts=6,
)
TOOL_LOOK = of_a_machine("machine.tool.look", agent.ToolUse, agent.ToolDone, timedelta(hours=1))
TOOL_CHANGE = of_a_machine("machine.tool.change", agent.ToolUse, agent.ToolDone, timedelta(hours=2))
# Of MCP servers. They are read-only, so a call whose worker died is made again.
MCP_OFFER = Step("mcp.offer", mcp.AskForTools, agent.McpOffer, timeout=timedelta(minutes=5), attempts=3)
MCP_CALL = Step("mcp.call", mcp.McpUse, mcp.McpDone, timeout=timedelta(minutes=15), attempts=3)

# Ticket to pull request (docs/workflows/ticket_to_pr.md).
TICKET_READ = Step("ticket.read", ticket.ReadTicket, ticket.TicketRead, timeout=timedelta(minutes=2))
TICKET_BRIEF = Step("ticket.brief", ticket.WriteBrief, ticket.BriefWritten)
TICKET_PROPOSE = Step("ticket.propose", ticket.ProposeFix, runs.Sealed, timeout=timedelta(minutes=2))
TICKET_PROJECT = of_a_machine("machine.project", ticket.LookAtProject, ticket.ProjectSeen, timedelta(minutes=5))
TICKET_INSTALL = of_a_machine("machine.install", install.Install, install.Installed, timedelta(minutes=30))
TICKET_TESTS = of_a_machine("machine.tests", ticket.RunTests, ticket.TestsRan, timedelta(hours=1))
TICKET_REPAIR = of_a_machine("machine.repair", ticket.SearchRepair, ticket.RepairSearched, timedelta(hours=1))
TICKET_PROVE = of_a_machine("machine.prove", ticket.Prove, ticket.Proved, timedelta(hours=2))

# Bug triage (docs/workflows/bug_triage.md). The two long ones go on where a dead attempt was.
BUGS_GATHER = Step(
    "bugs.gather", bug_triage.GatherBugs, bug_triage.BugsGathered, timeout=timedelta(minutes=30), attempts=8
)
BUGS_ASSESS = Step(
    "bugs.assess",
    bug_triage.AssessBugs,
    bug_triage.BugsAssessed,
    timeout=timedelta(minutes=30),
    attempts=4,
)
BUGS_LOCATE = of_a_machine("machine.locate", bug_triage.LocateBugs, bug_triage.BugsLocated, timedelta(minutes=15))
BUGS_REPRODUCE = of_a_machine("machine.reproduce", bug_triage.Reproduce, bug_triage.Reproduction, timedelta(minutes=5))
BUGS_PROPOSE = Step("bugs.propose", bug_triage.ProposeTriage, runs.Sealed, timeout=timedelta(minutes=2))

# Payables (docs/workflows/payables.md).
PAYABLES_GATHER = Step(
    "payables.gather",
    paying.GatherBooks,
    paying.BooksGathered,
    timeout=timedelta(minutes=30),
    attempts=4,
)
PAYABLES_PLAN = Step(
    "payables.plan",
    paying.MakePlan,
    paying.Planned,
    timeout=timedelta(minutes=30),
    attempts=4,
)
PAYABLES_PROPOSE = Step("payables.propose", paying.ProposePayments, runs.Sealed, timeout=timedelta(minutes=5))
# Support triage (docs/workflows/support_triage.md). To learn may take hours; each part is kept once it was read.
SUPPORT_LEARN = Step(
    "support.learn",
    support.LearnRequest,
    support.Learnt,
    timeout=timedelta(hours=2),
)
SUPPORT_BACKFILL = Step(
    "support.backfill",
    support.LearnRequest,
    support.Backfilled,
    timeout=timedelta(hours=12),
    heartbeat=timedelta(seconds=10),
)
SUPPORT_LOOK = Step("support.look", support.LookRequest, support.Looked, timeout=timedelta(minutes=30))
SUPPORT_WORD = Step("support.word", answers.WordAnswers, answers.Worded, timeout=timedelta(minutes=15))
SUPPORT_PROPOSE = Step("support.propose", support.ProposeTriage, runs.Sealed, timeout=timedelta(minutes=2))
SUPPORT_REPORT = Step("support.report", support.ProposeTriage, runs.Sealed, timeout=timedelta(minutes=2))
SUPPORT_CORRECT = Step("support.correct", support.CorrectRequest, support.Corrected)

# Deals (docs/workflows/deal_scoring.md). Reading hundreds of thousands of rows keeps a process from beating.
DEALS_GATHER = Step(
    "deals.gather",
    deals.GatherDeals,
    deals.DealsGathered,
    timeout=timedelta(minutes=30),
    heartbeat=timedelta(seconds=8),
    attempts=4,
)
DEALS_TRAIN = Step(
    "deals.train",
    deals.TrainDeals,
    deals.DealsTrained,
    timeout=timedelta(minutes=30),
    heartbeat=timedelta(seconds=10),
    attempts=3,
)
DEALS_RANK = Step(
    "deals.rank",
    deals.RankDeals,
    deals.DealsRanked,
    timeout=timedelta(minutes=15),
    heartbeat=timedelta(seconds=10),
    attempts=4,
)
DEALS_PROPOSE = Step(
    "deals.propose",
    deals.ProposeDeals,
    runs.Sealed,
    timeout=timedelta(minutes=5),
    heartbeat=timedelta(seconds=10),
)
