"""What every run shares: the sealed proposal by reference, what the gate decided, and how it ended."""

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from contracts.base import Contract
from contracts.decision import ParamChange, SignedDecision
from contracts.gate import Gate
from contracts.proposal import Cost, Proposal
from contracts.requirements import StartedBy

STARTED_BY = "started_by"  # the memo of a run that says who started it
SCHEDULES = "countersign-"  # how the ids of our schedules begin
PAUSED, RESUMED, CHANGED = "schedule.paused", "schedule.resumed", "schedule.changed"  # names of entries


def run_of(workflow_id: str) -> str:
    """The run that a workflow's work belongs to. A child's id is its parent's, a slash, and a name: what it does is
    part of the run that started it."""
    return workflow_id.split("/", 1)[0]


class Review(Contract):
    """What sealing has to know to put the gate into a proposal: its policy, whose it is, and who started the run."""

    gate: Gate
    team: str = ""
    effects: tuple[str, ...] | None = Field(default=None, description="kinds that the policy lists; None: not told")
    started_by: StartedBy | None = None
    credentials: tuple[str, ...] = Field(default=(), description="names of those that the policy gives to the run")


class Alarm(Contract):
    """Something to say at a time, if nobody has decided by then: a reminder, an escalation."""

    at: AwareDatetime
    name: str
    says: str


class Sealed(Contract):
    """A proposal as the workflow knows it: the body is in the artifact store under `digest`.

    `expires_at` is None from releases that told no times: the gate's policy says them then.
    """

    digest: str
    title: str
    revision: int
    effects: tuple[str, ...]
    says: str
    cost: Cost = Cost()
    alarms: tuple[Alarm, ...] = ()
    expires_at: AwareDatetime | None = None

    @classmethod
    def of(cls, proposal: Proposal, alarms: tuple[Alarm, ...] | None = None) -> "Sealed":
        """`alarms` None: nothing is said of times."""
        return cls(
            digest=proposal.digest,
            title=proposal.title,
            revision=proposal.revision,
            effects=tuple(effect.key for effect in proposal.effects),
            says=proposal.button(),
            cost=proposal.cost,
            alarms=alarms or (),
            expires_at=None if alarms is None else proposal.expires_at,
        )


class DropEffects(Contract):
    """Seal a revision of proposal `digest` without the effects of these keys, and with these parameters of the others,
    as `person` wants it."""

    run: str
    digest: str
    drop: tuple[str, ...]
    person: str
    gate: Gate
    change: tuple[ParamChange, ...] = ()


class Judge(Contract):
    """Ask the server-side rule about one decision. `digest` is what the run waits for now."""

    decision: SignedDecision
    run: str
    digest: str


class AskStanding(Contract):
    """Ask whether a standing approval covers proposal `digest`."""

    run: str
    digest: str


class StandingAnswer(Contract):
    """The decision that a standing approval makes of it; None, and why, where a person has to decide."""

    decision: SignedDecision | None = None
    why: str = ""


class CarryOut(Contract):
    """Carry out one effect of a signed proposal. The activity verifies everything itself.

    `decision` is the last approval, and `others` the rest of those that the proposal asks for.
    """

    run: str
    digest: str
    effect: str
    decision: SignedDecision
    others: tuple[SignedDecision, ...] = ()

    @property
    def decisions(self) -> tuple[SignedDecision, ...]:
        """All approvals, the last one first."""
        return (self.decision, *self.others)


class Done(Contract):
    """What became of an effect: what it made (a commit, a ticket) in words and in facts."""

    effect: str
    says: str
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    repeated: bool = False
    waits: bool = Field(default=False, description="not done: its standing approval does not cover it, or not any more")


class Close(Contract):
    """Write down how a run ended, and learn from it."""

    run: str
    state: Literal["done", "nothing to do", "rejected", "expired"]
    says: str
    digest: str | None = None


class Outcome(Contract):
    """The result of a run, as the Temporal UI shows it."""

    state: Literal["done", "nothing to do", "rejected", "expired"]
    says: str
    digest: str | None = None
    signed_by: str | None = None
    effects: tuple[Done, ...] = ()
    cost: Cost = Cost()


class GateView(Contract):
    """The query `gate`: what the run waits for."""

    digest: str | None
    revision: int
    waiting: bool
    rulings: tuple[str, ...] = ()


class Note(Contract):
    """Something a run wants in the ledger that is no activity of its own: a reminder, an expiry."""

    run: str
    name: str
    says: str
    outcome: Literal["ok", "failed", "refused"] = "ok"
