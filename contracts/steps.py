"""The names of all activities, their types, and their timeouts, retries and queues, in one place.

A workflow knows an activity by its `Step` only, and an activity is defined under its `Step`'s name. Timeouts
are per attempt. Every step has a heartbeat, sent by the worker, so that a dead worker is noticed in seconds.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from contracts import changelog, runs, text
from contracts.decision import Ruling

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel | None)

Queue = Literal["countersign-agents", "countersign-effects"]
AGENTS: Queue = "countersign-agents"
EFFECTS: Queue = "countersign-effects"


@dataclass(frozen=True)
class Step(Generic[In, Out]):
    """An activity as workflows see it. `attempts` 0 means: until it works or turns out unretryable."""

    name: str
    takes: type[In]
    gives: type[Out]
    timeout: timedelta = timedelta(seconds=30)
    heartbeat: timedelta = timedelta(seconds=5)
    attempts: int = 5
    queue: Queue = AGENTS


# The gate and the effects, shared by all workflows.
JUDGE = Step("gate.judge", runs.Judge, Ruling, attempts=0)
NOTE = Step("run.note", runs.Note, type(None), attempts=0)
CLOSE = Step("run.close", runs.Close, type(None), attempts=0)
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
