"""Types for workflows whose draft is one text: what `countersign new` starts from."""

from pydantic import Field

from contracts.base import Contract
from contracts.proposal import Cell, Check, Cost
from contracts.runs import Review


class TextRequest(Contract):
    """What the text is to be about."""

    subject: str


class Source(Contract):
    """A piece of context: where it came from and what it says."""

    name: str
    text: str
    href: str | None = None


class TextContext(Contract):
    """What the run gathered."""

    subject: str
    sources: tuple[Source, ...]


class TextDraft(Contract):
    """The draft, and what stands behind it."""

    title: str
    summary: str
    text: str
    evidence: tuple[Cell, ...] = ()
    checks: tuple[Check, ...] = ()
    cost: Cost = Cost()


class TextProposal(Contract):
    """Seal a text for review. `text` and `edited_by` are a person's edit of it."""

    run: str
    workflow: str
    version: str
    revision: int
    role: str
    expire_seconds: float
    review: Review | None = Field(default=None, description="None: the role says it all")
    draft: TextDraft
    text: str | None = None
    edited_by: str | None = None
