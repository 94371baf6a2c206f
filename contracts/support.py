"""Support triage: what goes from step to step. Bodies lie in the artifact store under references.

A ticket's own words are untrusted wherever they stand: bounded as they are read, masked before they are kept.
"""

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from contracts.answers import Worded
from contracts.base import Contract
from contracts.runs import Review

Status = Literal["new", "open", "pending", "solved", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")
CaseKind = Literal["batch", "doubtful", "incident"]

MOST_WORDS = 20_000  # characters of a ticket that are read; what is beyond is counted and left out
MOST_AT_ONCE = 500  # tickets of one look, and effects of one proposal


class SupportRequest(Contract):
    """Triage the new tickets of `source`, or the one named `ticket`, or learn from all of them.

    `source`: a file of JSON Lines or CSV, a folder of such files, `zendesk://host`, `intercom://host` or
    `imap://host/folder`. `history`: where solved tickets are, by the same forms; empty: in the source itself.
    `backfill`: read the whole history, learn from it, and triage what has no label in it; one report is all that is
    proposed. `since` and `until`: only tickets that came on these days, in UTC, are triaged.
    """

    source: str = Field(json_schema_extra={"is_path": True})
    history: str = Field(default="", json_schema_extra={"is_path": True})
    ticket: str = Field(default="", description="the id of one; empty: all that are new")
    backfill: bool = False
    most: int = Field(default=200, ge=1, le=MOST_AT_ONCE, description="tickets of one look; the rest is for the next")
    case: str = Field(default="", description="artifact of the case that this run is for; set by the run that found it")
    since: date | None = Field(default=None, description="of a backfill: the first day")
    until: date | None = Field(default=None, description="of a backfill: the last day")


class SupportTicket(Contract):
    """A ticket as its source tells it. `stamp`: changes whenever the ticket does. `solution`: what the last answer of
    a person said, where it is solved. `left_out`: characters that were not read."""

    source: str
    id: str
    subject: str = ""
    text: str = ""
    status: Status = "new"
    created_at: AwareDatetime | None = None
    stamp: str = ""
    intent: str = ""
    queue: str = ""
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    solution: str = ""
    url: str = ""
    left_out: int = 0
    automatic: str = Field(default="", description="why it is a machine's mail, which nobody answers; empty: it isn't")
    people: tuple[str, ...] = Field(default=(), description="who its source says wrote it; masked, and not kept")

    @property
    def key(self) -> str:
        """The same for the same ticket."""
        return f"{self.source}#{self.id}"

    @property
    def words(self) -> str:
        """All that the customer said."""
        return "\n\n".join(filter(None, (self.subject, self.text)))


class Guess(Contract):
    """A label and how probable it is, 0 to 1, calibrated."""

    label: str
    probability: float = Field(ge=0, le=1)


class Certified(Contract):
    """What a model that guesses intents was made of, how well it did on tickets it had not seen, and if it may serve.

    `data`: sha256 of what it was fitted on. `later`: how many tickets it was judged on that came after all it had then
    learnt from; 0: on held-out ones of the same time. `base`: how often the commonest intent alone is right.
    `answered`: the share with a probability of at least `threshold`, from where on `precision` was kept.
    """

    data: str = ""
    code: str
    encoder: str = ""
    rows: int = 0
    used: int
    intents: int
    later: int = 0
    accuracy: float
    base: float
    precision: float
    threshold: float
    near: float = Field(default=-1, description="cosine to the nearest example below which nothing is answered")
    answered: float
    why_not: str = Field(default="", description="a sentence for people; empty: it serves")

    @property
    def serves(self) -> bool:
        return not self.why_not

    @property
    def says(self) -> str:
        """The ledger's sentence."""
        told = f"Learnt {self.intents:,} intents from {self.used:,} of {self.rows:,} tickets."
        if self.why_not:
            return f"{told} {self.why_not}"
        on = f"{self.later:,} later tickets" if self.later else "held-out tickets"
        return (
            f"{told} Right for {self.accuracy:.1%} of {on}; "
            f"answers {self.answered:.0%} of them at {self.precision:.0%} precision."
        )


class SimilarTicket(Contract):
    """A solved ticket that is like this one, masked. `score`: 0 to 1. `taught`: a reviewer wrote its solution."""

    key: str
    id: str
    subject: str = ""
    solution: str = ""
    url: str = ""
    score: float
    taught: bool = False


class Triaged(Contract):
    """What was found out about one ticket. `intents` and `queues`: likeliest first; empty: nothing was learnt yet."""

    intents: tuple[Guess, ...] = ()
    queues: tuple[Guess, ...] = ()
    confident: bool = False
    unlike: bool = Field(default=False, description="like no ticket that was learnt from: probabilities say nothing")
    why: str = Field(default="", description="why it is handed over, or what speaks for the guess")
    priority: Priority = "normal"
    priority_why: str = ""
    language: str = ""
    sentiment: Literal["", "negative", "neutral", "positive"] = ""
    similar: tuple[SimilarTicket, ...] = ()
    duplicate_of: str = Field(default="", description="id of an open ticket that says the same")
    personal: tuple[str, ...] = Field(default=(), description="kinds of personal data that were masked")


class Example(Contract):
    """One thing to learn from, masked: a ticket and what it was. `corrected`: a reviewer said so."""

    key: str
    id: str = ""
    text: str
    subject: str = ""
    intent: str = ""
    queue: str = ""
    priority: str = ""
    solution: str = ""
    url: str = ""
    corrected: bool = False
    taught: bool = Field(default=False, description="the solution is what a reviewer made of a drafted answer")
    at: float = Field(default=0, description="when it came, seconds since 1970; 0: nobody knows")


class Item(Contract):
    """A ticket of a case: masked, with what was found out about it and the answer that was drafted.

    `cites`: the ids of the solved tickets that the answer stands on.
    """

    ticket: SupportTicket
    triaged: Triaged
    answer: str = ""
    cites: tuple[str, ...] = ()


class Case(Contract):
    """What one proposal is about: confident tickets, a doubtful one, or a burst. `title`: what a burst is about."""

    kind: CaseKind
    items: tuple[Item, ...]
    title: str = ""
    known: str = Field(default="", description="id of the incident that the tickets belong to, where there is one")
    notes: tuple[str, ...] = ()


class Material(Contract):
    """What a model is made of: artifacts of masked examples. `fitted`: those that it is fitted on; `later`: what has
    been read since, and `lessons`: what people made of tickets; both are taken in one by one."""

    fitted: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()


class Examples(Contract):
    """A part of a history."""

    examples: tuple[Example, ...]


class Sorted(Contract):
    """A part of a backfill: what was guessed of each ticket that had no label, by its key."""

    tickets: tuple[tuple[str, Triaged], ...]


class BackfillPlan(Contract):
    """What a backfill goes through: laid down once, so that an attempt after a death goes through the same.

    `parts`: artifacts of the history. `says`: what was learnt of it.
    """

    material: Material
    parts: tuple[str, ...] = ()
    read: int = 0
    notes: tuple[str, ...] = ()
    says: str = ""


class Tally(Contract):
    """How many tickets came to one label, and how many of them are sure. `examples`: ids of some."""

    name: str
    tickets: int
    sure: int = 0
    examples: tuple[str, ...] = ()


class BackfillReport(Contract):
    """What a backfill found, counted: nobody reads it ticket by ticket. `file`: where each ticket is a line.

    `between`: pairs of queues that doubtful tickets are torn between. `unlike`: like nothing that was learnt.
    """

    source: str
    read: int
    triaged: int
    confident: int
    queues: tuple[Tally, ...] = ()
    intents: tuple[Tally, ...] = ()
    between: tuple[Tally, ...] = ()
    unlike: int = 0
    urgent: int = 0
    duplicates: int = 0
    days: str = Field(default="", description="which days were asked for; empty: all")
    file: str = ""
    says: str = Field(default="", description="what was learnt")
    notes: tuple[str, ...] = ()


class Backfilled(Contract):
    """What a backfill made of a history. `parts`: artifacts of what was guessed. `report`: the artifact of its
    BackfillReport; empty: nothing was triaged."""

    read: int = 0
    triaged: int = 0
    confident: int = 0
    parts: tuple[str, ...] = ()
    report: str = ""
    notes: tuple[str, ...] = ()
    says: str = ""


class LearnRequest(Contract):
    """Bring the model up to date with its history and with what reviewers corrected. `backfill`: triage it, too."""

    run: str
    source: str
    history: str = ""
    backfill: bool = False
    since: date | None = None
    until: date | None = None


class Learnt(Contract):
    """`model` is the artifact of its Material; empty: nothing could be learnt, and `says` tells why."""

    model: str = ""
    serves: bool = False
    examples: int = 0
    says: str = ""
    notes: tuple[str, ...] = ()


class LookRequest(Contract):
    """Read what is new, triage it with `model`, and sort it into cases."""

    run: str
    source: str
    ticket: str = ""
    model: str = ""
    most: int = 200


class Found(Contract):
    """A case as the workflow knows it. `run`: who is to propose it."""

    case: str
    kind: CaseKind
    tickets: int
    run: str
    says: str


class Looked(Contract):
    """What a look has found. `more`: there is more than was read."""

    tickets: int
    cases: tuple[Found, ...] = ()
    more: bool = False
    says: str = ""
    notes: tuple[str, ...] = ()


class ProposeTriage(Contract):
    """Seal a revision of a case."""

    run: str
    workflow: str
    version: str
    revision: int
    case: str
    worded: Worded = Worded()
    words: tuple[str, ...] = Field(default=(), description="what reviewers asked for, oldest first")
    role: str
    expire_seconds: float
    review: Review


class CorrectRequest(Contract):
    """Keep what people made of a case: `digest` is the revision that was decided on, `worded` what a model made."""

    digest: str
    case: str
    worded: str = ""


class Corrected(Contract):
    """How many examples that gave, and how many of them differ from what was proposed."""

    examples: int = 0
    corrections: int = 0
    says: str = ""
