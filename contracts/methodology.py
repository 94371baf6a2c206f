"""How a company sells: a file under version control, as a model. docs/workflows/deal_scoring.md tells of each part."""

from datetime import date
from decimal import Decimal
from typing import Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from contracts.base import Contract

NAME = r"^[a-z][a-z0-9_]{0,59}$"
CURRENCY = r"^[A-Z]{3}$"
OPERATORS = ("missing", "present", "at_least", "at_most", "equals", "any_of")


class Part(Contract):
    """A part of the file. A word that it doesn't know is a mistake there, not something newer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(Part):
    """True of a deal where its fact is so. Exactly one comparison.

    `fact`: a column of the deal; or one of `stage`, `value`, `days_open`, `days_in_stage`, `days_to_close`,
    `days_overdue`, `activities`, `days_since_activity`; or `activities_KIND` and `days_since_KIND` of one kind of
    activity, such as `days_since_meeting`. A fact that isn't known is no number: only `missing` is true of it.
    """

    fact: str = Field(min_length=1, max_length=100)
    missing: bool | None = None
    present: bool | None = None
    at_least: float | None = None
    at_most: float | None = None
    equals: str | None = None
    any_of: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def compares_once(self) -> Self:
        given = [name for name in OPERATORS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(OPERATORS)}; it has {', '.join(given) or 'none'}")
        if False in (self.missing, self.present):
            raise ValueError("missing and present are true, or left out")
        return self


class Criterion(Part):
    """What has to be so before a deal leaves its stage."""

    says: str = Field(min_length=1, max_length=200)
    when: Condition


class Stage(Part):
    """One stage, in order of the way. `chance`: what the company itself believes, used where no model serves."""

    name: str = Field(min_length=1, max_length=100)
    chance: float | None = Field(default=None, ge=0, le=1)
    days: int | None = Field(default=None, ge=1, description="a deal that is longer in it is slow")
    required: tuple[str, ...] = Field(default=(), description="columns that have to be filled in")
    exit: tuple[Criterion, ...] = ()


class Signal(Part):
    """Something to notice about a deal, and what it speaks for."""

    name: str = Field(pattern=NAME)
    says: str = Field(min_length=1, max_length=200)
    good: bool
    when: tuple[Condition, ...] = Field(min_length=1)


class Play(Part):
    """What to do about a deal where all of `when` is so, and one of `stages` (all, if it names none) is its.

    `says` may have {deal}, {stage}, {missing}, {owner}. `strength`: what it may do for the deal, 0 to 1. The first that
    fits is the next action.
    """

    name: str = Field(pattern=NAME)
    says: str = Field(min_length=1, max_length=300)
    why: str = Field(default="", max_length=300)
    stages: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    owner: str = Field(default="owner", min_length=1, max_length=60, description="owner, or a role of `people`")
    hours: float = Field(gt=0, le=40)
    due_days: int = Field(default=0, ge=0, le=365, description="working days from today")
    strength: float = Field(default=0.5, ge=0, le=1)

    @field_validator("says")
    @classmethod
    def can_be_filled_in(cls, value: str) -> str:
        try:
            value.format(deal="", stage="", missing="", owner="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("only {deal}, {stage}, {missing} and {owner} are filled in") from error
        return value


class Member(Part):
    """Somebody who sells. `name` is what the source calls the deal's owner."""

    name: str = Field(min_length=1, max_length=100)
    role: str = Field(default="rep", max_length=60)
    hours: float = Field(default=4.0, ge=0, le=24, description="for deals, on a day")
    slack: str = Field(default="", max_length=80, pattern=r"^([A-Z0-9]+|#?[a-z0-9._-]+)?$")
    crm: str = Field(default="", max_length=80, description="id of the user in the CRM, for tasks")


class LetGo(Part):
    """When a deal is one to let go: any of `when`, and its chance (where there is one) below `below`."""

    when: tuple[Condition, ...] = ()
    below: float = Field(default=0.1, ge=0, le=1)


class Columns(Part):
    """What the source calls things. Of a file the heading, of Salesforce and HubSpot the field's API name."""

    opportunities: dict[str, str] = Field(default_factory=dict)
    activities: dict[str, str] = Field(default_factory=dict)
    stages: dict[str, str] = Field(default_factory=dict)
    won: tuple[str, ...] = ("closed won", "won", "closedwon")
    lost: tuple[str, ...] = ("closed lost", "lost", "closedlost")
    dates: Literal["", "day first", "month first"] = Field(
        default="", description="how to read 03/04/2026; empty: only dates that can be read one way are taken"
    )


class Methodology(Part):
    """The whole file. Names that one part uses of another are checked."""

    name: str = Field(min_length=1, max_length=100)
    currency: str = Field(default="USD", pattern=CURRENCY)
    rates: dict[str, Decimal] = Field(default_factory=dict, description="what one of another currency is worth")
    rates_of: date | None = Field(default=None, description="the day of the rates, to be shown")
    stages: tuple[Stage, ...] = Field(min_length=1)
    signals: tuple[Signal, ...] = ()
    plays: tuple[Play, ...] = Field(min_length=1)
    people: tuple[Member, ...] = ()
    hours: float = Field(default=4.0, ge=0, le=24, description="of whoever is not among `people`")
    most_a_day: int = Field(default=8, ge=1, le=50, description="actions for one person")
    let_go: LetGo = LetGo()
    rest_days: int = Field(default=14, ge=1, le=365, description="how long a deal rests that a person took out")
    columns: Columns = Columns()

    @field_validator("rates")
    @classmethod
    def are_rates(cls, value: dict[str, Decimal]) -> dict[str, Decimal]:
        for code, rate in value.items():
            if len(code) != 3 or not code.isalpha() or not code.isupper():
                raise ValueError(f"{code!r} is no currency such as EUR")
            if not rate.is_finite() or rate <= 0:
                raise ValueError(f"the rate of {code} is not above 0")
        return value

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.stages)

    @property
    def chances(self) -> dict[str, float]:
        """What the company believes of each stage, by its name in lower case."""
        return {each.name.casefold(): each.chance for each in self.stages if each.chance is not None}

    def stage(self, name: str) -> Stage | None:
        """By name, whatever case it is written in."""
        wanted = name.strip().casefold()
        return next((each for each in self.stages if each.name.casefold() == wanted), None)

    def member(self, name: str) -> Member | None:
        return next((each for each in self.people if each.name.casefold() == name.strip().casefold()), None)
