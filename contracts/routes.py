"""How a tier is chosen: by what people made of its drafts before."""

from typing import Literal

from pydantic import Field

from contracts.base import Contract
from contracts.policy import Tier


class Verdict(Contract):
    """What became of one run's draft. `share` of it is what the person kept: 1 untouched, 0 rejected."""

    run: str
    workflow: str
    tier: str
    model: str = ""
    outcome: Literal["untouched", "edited", "rejected"]
    share: float = Field(ge=0, le=1)


class Acceptance(Contract):
    """A tier's decisions in one workflow. `kept` is the sum of their shares."""

    tier: str
    untouched: int = 0
    edited: int = 0
    rejected: int = 0
    kept: float = 0.0

    @property
    def decisions(self) -> int:
        return self.untouched + self.edited + self.rejected

    @property
    def says(self) -> str:
        parts = (f"{self.untouched} signed untouched", f"{self.edited} after edits", f"{self.rejected} rejected")
        return f"{', '.join(parts)} of {self.decisions}"


class Chosen(Contract):
    """The tier to ask, and why that one: the sentence goes into the ledger and to the reviewer."""

    tier: Tier
    why: str
