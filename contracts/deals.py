"""Types of deal scoring: what is read of a company's sales, and what is made of it.

Rows are dataclasses with slots: a company's history has hundreds of thousands, and a model of each would not fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.proposal import Cost
from contracts.runs import Review

METHODOLOGIES = ("meddicc", "spiced", "bant")  # those that come with the platform


@dataclass(frozen=True, slots=True)
class Opportunity:
    """One deal as its source has it. `value` is its amount in the methodology's currency; None: not known.

    `won` None: it is open. `closes` is the day on which it is expected to close, `closed` the one on which it did.
    `fields` holds all other columns as text, cut to a bounded length: written by people, never obeyed.
    """

    id: str
    name: str
    owner: str
    stage: str
    amount: Decimal | None = None
    currency: str = ""
    value: Decimal | None = None
    created: date | None = None
    closes: date | None = None
    closed: date | None = None
    won: bool | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happened with a deal: a call, a meeting, a mail. `kind` is in lower case."""

    deal: str
    at: date
    kind: str
    who: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class StageChange:
    """A deal came to `stage`, from `before` where that is known."""

    deal: str
    at: date
    stage: str
    before: str = ""


class Flaw(Contract):
    """Something in the source that could not be used as it is: where, what, and how many rows have it."""

    where: str
    says: str
    rows: int = 1
    examples: tuple[str, ...] = ()


class Book(Contract):
    """All that was read of a company's deals. Kept in the artifact store; only its reference travels.

    `target` is where effects go: a folder, `salesforce://HOST` or `hubspot://HOST`.
    """

    source: str
    target: str
    today: date
    currency: str
    opportunities: tuple[Opportunity, ...]
    activities: tuple[Activity, ...] = ()
    changes: tuple[StageChange, ...] = ()
    flaws: tuple[Flaw, ...] = ()

    @property
    def open(self) -> tuple[Opportunity, ...]:
        return tuple(each for each in self.opportunities if each.won is None)

    @property
    def closed(self) -> tuple[Opportunity, ...]:
        return tuple(each for each in self.opportunities if each.won is not None)


class DealsRequest(Contract):
    """What to rank.

    `source`: a folder with opportunities.csv (or .jsonl), activities and stages beside it; or `salesforce://`,
    `hubspot://`, with the host where the settings name several. `methodology`: a file, or the name of one that comes
    with the platform. `today` as YYYY-MM-DD; empty: the day of the run.
    """

    source: str = Field(min_length=1, json_schema_extra={"is_path": True})
    methodology: str = Field(
        default="meddicc", min_length=1, json_schema_extra={"is_path": True, "names": list(METHODOLOGIES)}
    )
    today: str = ""
    team: str = "sales"


class GatherDeals(DealsRequest):
    """A request, with the moment of the run."""

    now: AwareDatetime


class DealsGathered(Contract):
    """The context of a run, by reference."""

    book: str = Field(description="artifact reference of a Book")
    methodology: str = Field(description="artifact reference of a Methodology")
    source: str
    open: int
    closed: int
    activities: int
    flaws: int = 0

    @property
    def says(self) -> str:
        """The ledger's sentence."""
        things = "1 thing" if self.flaws == 1 else f"{self.flaws:,} things"
        flawed = f" {things} could not be used as it was." if self.flaws else ""
        return (
            f"{self.open:,} open deals, {self.closed:,} closed ones and {self.activities:,} activities in "
            f"{self.source}.{flawed}"
        )


class TrainDeals(Contract):
    """Train the model of deals from the book's closed ones, or take the one that was trained from the same."""

    run: str
    book: str = Field(description="artifact reference of a Book")
    methodology: str = Field(description="artifact reference of a Methodology")
    source: str = ""


class DealsTrained(Contract):
    """A model by reference, or why there is none: then deals are ranked by methodology and value only.

    `model` is what `Scorer`s are made of; its version is the hash of the data that it was trained from.
    """

    model: str = Field(default="", description="reference of the model; empty: it refuses")
    refused: str = Field(default="", description="why it refuses, in words for people")
    version: str = ""
    deals: int = Field(default=0, description="closed deals that it was trained from")
    auc: float | None = Field(default=None, description="on later deals than those it was trained from")
    brier: float | None = None
    base_brier: float | None = Field(default=None, description="of always saying the base rate")
    report: str = Field(default="", description="artifact reference of what is known of it, for the proposal")
    backtest: str = Field(default="", description="artifact reference of a Backtest; made on Mondays")
    note: str = Field(default="", description="the ledger's sentence")

    @property
    def says(self) -> str:
        return self.note or self.refused or f"A model from {self.deals:,} closed deals, version {self.version[:12]}."


class Contribution(Contract):
    """What one fact adds to a deal's log odds, exactly: all of them and `base` sum up to the deal's.

    `says`: the fact in plain words, such as "last meeting 4 days ago".
    """

    feature: str
    says: str
    log_odds: float


class Scored(Contract):
    """A deal's chance to be won, by a model. `low` and `high` bound it in nine cases of ten."""

    deal: str
    chance: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    base: float = 0.0
    contributions: tuple[Contribution, ...] = ()


class Seen(Contract):
    """What a run saw of one deal: what the next one compares with."""

    name: str
    stage: str
    value: Decimal | None = None
    closes: date | None = None
    chance: float | None = None
    planned: bool = False


class Snapshot(Contract):
    """All open deals as a run saw them, by id."""

    today: date
    source: str
    deals: dict[str, Seen]


class Lesson(Contract):
    """What a person said when they took something out of a day's plan. `play` empty: of the deal as such."""

    deal: str
    name: str
    owner: str = ""
    play: str = ""
    person: str
    at: date
    words: str = ""
    stage: str = ""


class Moved(Contract):
    """What is different since the last run. `good`: it speaks for the deal; None: for neither."""

    says: str
    good: bool | None = None


class Action(Contract):
    """The next action for a deal, from a play of the methodology."""

    play: str
    says: str
    why: str
    owner: str
    due: date
    hours: float
    strength: float = Field(description="what it may do for the deal, as the methodology says: 0 to 1")


class RankedDeal(Contract):
    """One open deal in the list, best first. `expected` is value times chance, in the book's currency.

    `chance` None: no model serves; then `expected` is by the chance that the methodology gives to its stage, and by
    value alone where it gives none.
    """

    id: str
    name: str
    owner: str
    stage: str
    value: Decimal | None
    chance: float | None = None
    low: float | None = None
    high: float | None = None
    stage_chance: float | None = None
    expected: Decimal = Decimal(0)
    closes: date | None = None
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = Field(default=(), description="what its stage asks for and it doesn't have")
    moved: tuple[Moved, ...] = ()
    action: Action | None = None
    planned: bool = False
    drop: str = Field(default="", description="why it is one to let go, in words; empty: it isn't")
    rests: str = Field(default="", description="why nothing is proposed for it: what a person said; empty: nothing")

    @property
    def likely(self) -> float | None:
        """Its chance by the model, else by its stage; None: nobody knows one."""
        return self.stage_chance if self.chance is None else self.chance


class RepPlan(Contract):
    """What fits into a rep's hours today: deals by id, in order. `exact`: no better choice exists."""

    rep: str
    hours: float
    used: float
    deals: tuple[str, ...]
    worth: Decimal = Field(default=Decimal(0), description="the sum that the plan makes as large as it can be")
    waiting: tuple[str, ...] = Field(default=(), description="deals whose action does not fit today")
    exact: bool = True


class Ranking(Contract):
    """The typed output before review."""

    source: str
    target: str
    today: date
    currency: str
    deals: tuple[RankedDeal, ...]
    plans: tuple[RepPlan, ...]
    by_model: bool = False
    refused: str = ""
    not_understood: tuple[str, ...] = Field(default=(), description="requests of reviewers that name no deal")
    ended: tuple[Moved, ...] = Field(default=(), description="deals that were open the last time and aren't any more")
    compared_with: str = Field(default="", description="the day of the run that `moved` compares with")
    lessons: tuple[str, ...] = Field(default=(), description="what reviewers said before and is heeded now")
    flaws: tuple[Flaw, ...] = ()

    @property
    def planned(self) -> tuple[RankedDeal, ...]:
        return tuple(each for each in self.deals if each.planned)

    @property
    def drops(self) -> tuple[RankedDeal, ...]:
        return tuple(each for each in self.deals if each.drop)


class AskedFor(Contract):
    """What a reviewer asked for, in words."""

    person: str
    words: str


class RankDeals(Contract):
    """Rank the book's open deals, and plan the day. `asked`: what reviewers asked for in this run, oldest first."""

    run: str
    book: str
    methodology: str
    trained: DealsTrained = DealsTrained()
    asked: tuple[AskedFor, ...] = ()


class DealsRanked(Contract):
    """A ranking by reference."""

    ranking: str = Field(description="artifact reference of a Ranking")
    snapshot: str = Field(default="", description="artifact reference of what the next run compares with")
    deals: int
    planned: int
    drops: int
    source: str = ""
    note: str = ""

    @property
    def says(self) -> str:
        return (
            self.note or f"{self.planned:,} of {self.deals:,} open deals planned for today, {self.drops:,} to let go."
        )


class ProposeDeals(Contract):
    """Seal a revision of the day's plan."""

    run: str
    workflow: str
    version: str
    revision: int
    ranking: str
    book: str
    methodology: str
    trained: DealsTrained = DealsTrained()
    cost: Cost = Cost()
    words: tuple[str, ...] = ()
    role: str = "reviewer"
    expire_seconds: float = 86400.0
    review: Review | None = None
