"""The proposal: draft, evidence and effects, sealed by a digest.

What is shown is what is signed is what is done.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue, field_validator

from contracts.base import Contract
from contracts.digests import canonical_json, sealed_json, short, tagged_digest
from contracts.plots import PlotPanel as PlotPanel
from contracts.requirements import Escalated, Requirement, StartedBy

PROPOSAL_TAG = "countersign/proposal/v1"
MOST_ON_A_BUTTON, NAMED_ON_A_BUTTON = 6, 2
LONGEST_BUTTON = 100  # characters, where many effects would be named


class Effect(Contract):
    """One change to the outside world.

    `kind` names the code that carries it out, and `params` is that code's own pydantic model as JSON.
    `says` is the sentence on the signing button. `key` is the idempotency key: unique to this effect of
    this run, and never made of names only. `editable`: the parameters that a reviewer may change before signing.
    """

    kind: str
    key: str
    says: str
    params: dict[str, JsonValue]
    editable: tuple[str, ...] = ()


class Check(Contract):
    """A deterministic guardrail's finding on a draft. A failed one that blocks makes no proposal."""

    name: str
    passed: bool
    says: str


PASSED = "It passed its checks."


class Tried(Contract):
    """One draft that was tried: at which tier and why there, what it cost and what became of it."""

    tier: str
    why: str
    model: str = ""
    usd: Decimal | None = Decimal("0")
    outcome: str = Field(default="", description="in words: passed its checks, what failed, why it was not asked")

    @property
    def says(self) -> str:
        """For people: which tier, why that one, what became of it, what it cost."""
        whom = f"The {self.tier} tier" + (f" ({self.model})" if self.model else "")
        paid = "" if self.usd == 0 else "At an unknown price." if self.usd is None else f"For ${self.usd:.4f}."
        return " ".join(filter(None, (f"{whom}.", self.why, self.outcome, paid)))


class Cost(Contract):
    """What the run has cost so far. `usd` is None where a price is unknown: unknown is never zero."""

    usd: Decimal | None = Decimal("0")
    input_tokens: int = 0
    output_tokens: int = 0
    model_calls: int = 0
    model: str | None = None
    tried: tuple[Tried, ...] = ()

    def __add__(self, other: "Cost") -> "Cost":
        """Both together. A price that is unknown makes the sum unknown; the model is the last that was asked."""
        return Cost(
            usd=None if self.usd is None or other.usd is None else self.usd + other.usd,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            model_calls=self.model_calls + other.model_calls,
            model=other.model or self.model,
            tried=(*self.tried, *other.tried),
        )


class Cell(Contract):
    """A table cell. The text is untrusted and gets escaped; a link must be http(s). `tone`: how it is coloured."""

    text: str
    href: str | None = None
    tone: Literal["", "good", "bad"] = ""

    @field_validator("href")
    @classmethod
    def only_web_links(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            return None
        return value


class MarkdownPanel(Contract):
    """Text to be read as rendered Markdown (raw HTML in it stays text)."""

    kind: Literal["markdown"] = "markdown"
    title: str
    text: str
    folded: bool = False


class DiffPanel(Contract):
    """A unified diff of one file."""

    kind: Literal["diff"] = "diff"
    title: str
    path: str
    diff: str


class TablePanel(Contract):
    """Rows of evidence. `note` says what was left out of the table, if anything was."""

    kind: Literal["table"] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: bool = False


class Claim(Contract):
    """One line of the draft and the sources that stand behind it."""

    text: str
    group: str = ""
    sources: tuple[Cell, ...]


class ClaimsPanel(Contract):
    """Each line of the draft with its sources."""

    kind: Literal["claims"] = "claims"
    title: str
    claims: tuple[Claim, ...]


class ComparePanel(Contract):
    """Two versions of the same text, side by side."""

    kind: Literal["compare"] = "compare"
    title: str
    left_title: str
    left: str
    right_title: str
    right: str


Panel = Annotated[
    MarkdownPanel | DiffPanel | TablePanel | ClaimsPanel | ComparePanel | PlotPanel, Field(discriminator="kind")
]


class Editable(Contract):
    """The text that a reviewer may change in place before signing."""

    label: str
    text: str
    max_chars: int = 200_000


class Proposal(Contract):
    """The reviewable output of a run: one revision of it.

    `seal` computes `digest` over all other fields, so the digest covers the effects, everything shown, the
    workflow's version, the run, the installation (`realm`) it belongs to, and who has to approve it: those who have
    `role` (in `team`, whose workflow it is, or everywhere), or all that `needs` lists.
    """

    realm: str
    workflow: str
    version: str
    run: str
    revision: int
    title: str
    summary: str
    drafted_by: Literal["baseline", "model", "person"]
    fallback: str = ""
    edited_by: str | None = None
    effects: tuple[Effect, ...]
    panels: tuple[Panel, ...]
    checks: tuple[Check, ...] = ()
    cost: Cost = Cost()
    editable: Editable | None = None
    role: str
    team: str = ""
    needs: tuple[Requirement, ...] = ()
    escalations: tuple[Escalated, ...] = ()
    started_by: StartedBy | None = None
    created_at: AwareDatetime
    expires_at: AwareDatetime
    digest: str = ""

    def computed_digest(self) -> str:
        unsealed = self.model_copy(update={"digest": ""})
        return tagged_digest(PROPOSAL_TAG, canonical_json(sealed_json(unsealed)))

    def seal(self) -> "Proposal":
        return self.model_copy(update={"digest": self.computed_digest()})

    @property
    def is_intact(self) -> bool:
        """Whether the digest is the digest of these very fields."""
        return self.digest == self.computed_digest()

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """What has to be approved by whom. A gate of one role is one requirement."""
        keys = tuple(effect.key for effect in self.effects)
        return self.needs or (Requirement(team=self.team, roles=(self.role,), effects=keys),)

    @property
    def id(self) -> str:
        """What a person types: `countersign approve 3f9a1c02b7de`. Another revision has another id."""
        return short(self.digest)

    @property
    def effects_text(self) -> str:
        """All that would happen, a line for each effect and each of its parameters: what revisions are compared by."""
        lines = [line for effect in self.effects for line in _effect_lines(effect)]
        return "".join(f"{line}\n" for line in lines)

    def button(self) -> str:
        """What the signing button says: what will happen, never just OK. Of many effects the first, where that is
        short enough to be read; all are listed beside it."""
        said = [effect.says for effect in self.effects]
        if len(said) > MOST_ON_A_BUTTON:
            more = len(said) - NAMED_ON_A_BUTTON
            named = f"Do all {len(said)}: {' and '.join(said[:NAMED_ON_A_BUTTON])} and {more} more, as listed"
            return named if len(named) <= LONGEST_BUTTON else f"Do all {len(said)}, as listed"
        return " and ".join(said) or "Record this and change nothing"


def _effect_lines(effect: Effect) -> list[str]:
    params = [line for name, value in sorted(effect.params.items()) for line in _param_lines(name, value)]
    return [effect.says, f"  kind: {effect.kind}", *params]


def _param_lines(name: str, value: JsonValue) -> list[str]:
    """A text of several lines is indented below its name, so that none of them looks like a parameter."""
    if isinstance(value, str) and "\n" in value:
        return [f"  {name}:", *(f"    {line}" for line in value.split("\n"))]
    return [f"  {name}: {canonical_json(value).decode()}"]


def blocking(checks: Sequence[Check]) -> list[Check]:
    """The checks that failed."""
    return [check for check in checks if not check.passed]
