"""The agent loop: what a run asks for, what goes from step to step, and how it ends.

Bodies (what was said, what tools gave) lie in the artifact store. Messages carry references and a few words, so that
a run of hundreds of steps keeps a small history.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.budgets import Spender
from contracts.machine import Call, Changed, MachineSpec, MachineState
from contracts.models import Usage
from contracts.policy import McpTools, SubAgents, Tier

# The tools of an agent that another one asks: those that change nothing.
LOOKING = ("find", "grep", "list", "read", "git_log", "git_blame", "git_show", "note")


class AgentLimits(Contract):
    """Where an agent stops by itself. Money is the budget's business (contracts/budgets.py).

    `talk_chars`: past it older turns are cut down (activities/agent/compaction.py).
    """

    steps: int = Field(default=80, ge=1, description="replies of the model")
    tokens: int = Field(default=5_000_000, ge=1, description="read and written, cached ones too")
    time: timedelta = timedelta(hours=2)
    tool_chars: int = Field(default=20_000, ge=500, description="that one tool may say")
    tool_seconds: float = Field(default=900, gt=0, description="that one command may take")
    talk_chars: int = Field(default=400_000, ge=10_000)
    reply_tokens: int = Field(default=8_000, ge=256)


class Brief(Contract):
    """What the agent is told first, kept as an artifact. It stays the same for all calls, so providers cache it."""

    system: str
    task: str


class AgentTask(Contract):
    """One agent's work. `brief` is the artifact with a `Brief`; `tools` are names (activities/agent/tools), empty: all.

    The tool list is part of what is recorded, so a later release with other tools replays what this one did.
    `mcp`: more tools, of servers outside; see contracts/mcp.py.
    """

    brief: str
    tools: tuple[str, ...] = ()
    mcp: tuple[McpTools, ...] = ()
    sub_agents: SubAgents | None = None
    tier: Tier = "small"
    limits: AgentLimits = AgentLimits()
    spender: Spender
    machine: MachineSpec
    test: tuple[str, ...] = Field(default=(), description="the project's own test command")
    environment: dict[str, str] = Field(default_factory=dict, description="what that command needs, such as PYTHONPATH")


class Spent(Contract):
    """What an agent has used so far, with the agents that it asked; `asked` counts the replies of those. `usd` None: a
    price is unknown, and so is the sum."""

    usage: Usage = Usage()
    usd: Decimal | None = Decimal(0)
    model: str = ""
    asked: int = 0

    def plus(self, usage: Usage, usd: Decimal | None, model: str) -> "Spent":
        known = self.usd is not None and usd is not None
        total = (self.usd or Decimal(0)) + (usd or Decimal(0)) if known else None
        return Spent(usage=self.usage + usage, usd=total, model=model or self.model, asked=self.asked)


class Given(Contract):
    """What the model is told of one of its calls: the artifact with the ToolResult, or `words` where there is none
    because the call was lost with its machine, or `answer` of an agent that it asked. `call` is the artifact with the
    ToolCall."""

    call: str
    result: str = ""
    words: str = ""
    answer: str = ""


class McpName(Contract):
    """A tool of a server, as history keeps it: what the model calls it, what the server does, and its description's
    digest."""

    name: str
    server: str
    tool: str
    digest: str


class McpOffer(Contract):
    """What servers offered when the agent started; `offer` is the artifact with descriptions and arguments.

    `missing`: what the policy wants and is not offered, each with the reason.
    """

    offer: str = ""
    tools: tuple[McpName, ...] = ()
    missing: tuple[str, ...] = ()
    says: str = ""


class AgentProgress(Contract):
    """All that goes over when the run continues as new."""

    started_at: AwareDatetime
    machine: MachineState | None = None
    mcp: McpOffer | None = Field(default=None, description="None: nobody was asked yet")
    talk: str = ""
    steps: int = 0
    spent: Spent = Spent()
    given: tuple[Given, ...] = Field(default=(), description="what the model has not been told yet")
    asked: int = Field(default=0, description="questions to agents of its own")
    cut: int = Field(default=0, description="replies in a row that were cut at their length")


class AgentInput(Contract):
    """What the workflow `agent` takes: the task, the work that it starts from, and how far it was when it continued
    as new."""

    task: AgentTask
    start: MachineState | None = Field(default=None, description="of the parent's machine, which is parked")
    progress: AgentProgress | None = None


class ThinkRequest(Contract):
    """One model call: the talk so far and what the tools gave since."""

    brief: str
    talk: str
    given: tuple[Given, ...]
    tools: tuple[str, ...]
    offer: str = ""
    ask: bool = Field(default=False, description="whether it may ask agents of its own")
    tier: Tier
    limits: AgentLimits
    spender: Spender
    step: int


class Wanted(Contract):
    """A tool call that the model wants. `call` is the artifact with the ToolCall.

    `answer` is set where there is nothing to carry out: an unknown tool, arguments that are none. It is the artifact
    with the result that the model is told. `brief` is set for a question to another agent: the artifact with its Brief.
    """

    name: str
    call: str
    says: str
    changes: bool = False
    mcp: bool = False
    answer: str = ""
    brief: str = ""


class Thinking(Contract):
    """A model's reply. `talk` is the talk with it; `said` the beginning of its words, whole in the talk."""

    talk: str
    wanted: tuple[Wanted, ...] = ()
    said: str = ""
    stop: str
    usage: Usage = Usage()
    usd: Decimal | None = Decimal(0)
    model: str = ""
    compacted: int = Field(default=0, description="turns that were cut down before the call")
    says: str = ""


class ToolUse(Call):
    """Carry out one tool call on the machine that is leased. `tool` and `about` are for people."""

    call: str
    tool: str
    about: str = ""
    limits: AgentLimits = AgentLimits()
    test: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)


class ToolDone(Changed):
    """What came of it: `result` is the artifact with the ToolResult."""

    result: str
    failed: bool = False


EndState = Literal["done", "refused", "limit", "budget", "stuck"]


class AgentEnd(Contract):
    """How an agent ended. `said` is its last words; whether it did what it says is for checks to find out."""

    state: EndState
    says: str
    said: str = ""
    talk: str = ""
    steps: int = 0
    spent: Spent = Spent()
    machine: MachineState | None = None
