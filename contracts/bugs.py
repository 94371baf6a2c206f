"""Bug triage: what goes from step to step. Bodies lie in the artifact store under references.

This file has what the model takes and gives. All texts of an issue are untrusted.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from contracts.base import Contract

Target = Literal["kind", "priority", "component"]
TARGETS: tuple[Target, ...] = ("kind", "priority", "component")


class Issue(Contract):
    """An issue as its source tells it, all of it untrusted. `key` is the same for the same issue, and unique.

    What people have decided is in `kind`, `priority`, `component` and `duplicates`; empty: nobody has, or the source
    cannot say. `project` is the repository or the tracker's project: what its teams have in common is learnt over all,
    what is theirs alone by project.
    """

    key: str
    project: str = ""
    title: str = ""
    body: str = ""
    created: datetime | None = None
    author: str = ""
    versions: tuple[str, ...] = Field(default=(), description="that it is said to affect")
    labels: tuple[str, ...] = ()
    state: str = ""
    url: str = ""
    assignee: str = ""
    kind: str = Field(default="", description="bug, feature, question, or what the team calls it")
    priority: str = Field(default="", description="Blocker, Critical, Major, ..., or what the team calls it")
    component: str = ""
    duplicates: tuple[str, ...] = Field(default=(), description="keys of issues that people have called the same")


class Chance(Contract):
    """One label and how probable it is, 0 to 1, calibrated."""

    label: str
    probability: float


class Guess(Contract):
    """What the model says of one issue and one target.

    `label` is empty where it abstains, and `why_not` says why: the target is not served, or nothing is likely enough.
    `chances` are the likeliest labels, likeliest first, at most three, even then; none where the target isn't served.
    """

    target: Target
    label: str = ""
    probability: float = 0.0
    chances: tuple[Chance, ...] = ()
    reasons: tuple[str, ...] = Field(default=(), description="words of the issue that spoke most for the likeliest")
    why_not: str = ""


class Alike(Contract):
    """An earlier issue that may be the same, and what the two have in common."""

    key: str
    title: str = ""
    probability: float = Field(description="that a person would call them the same, 0 to 1, calibrated")
    words: tuple[str, ...] = Field(default=(), description="rare words and identifiers that both have, rarest first")
    frames: tuple[str, ...] = Field(default=(), description="stack frames and exceptions that both have")
    days: int | None = Field(default=None, description="days between the two")
    same_component: bool = False


class Judgement(Contract):
    """All that the model says of one issue. `urgent`: the probability that it gets one of the top priorities."""

    key: str
    kind: Guess
    priority: Guess
    component: Guess
    urgent: float | None = Field(default=None, description="None: priorities are not served")
    alike: tuple[Alike, ...] = ()


class Standing(Contract):
    """Whether a target is served, by what was measured on later issues than those it was fitted on."""

    target: Literal["kind", "priority", "component", "duplicates"]
    serves: bool
    says: str = Field(description="for a person: what was measured, and why it is refused where it is")
    metric: str = ""
    score: float | None = None
    base: float | None = Field(default=None, description="the same metric of always guessing the base rate")
    rows: int = 0
    labels: tuple[str, ...] = ()
