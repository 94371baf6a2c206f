"""What is signed of a change of an issue: its labels, who has it, what is said, what it is the same as."""

import hashlib
import re
from collections.abc import Mapping

from pydantic import Field, JsonValue, field_validator

from activities.effects.git_params import one_line
from contracts.base import Contract
from contracts.digests import canonical_json
from contracts.errors import BadInput
from contracts.proposal import Cell, Effect, Panel, TablePanel

ISSUE = "issue.update"
PLAN = "What would be done"
FIELDS = ("kind", "priority", "component", "assignee", "milestone")
EDITABLE = ("labels", *FIELDS, "comment")
COLUMNS = ("issue", "title", "labels and fields", "assign", "says", "same as")
MARK = "Countersign-Effect: "
ASKS = "Countersign-Question: asked once"


class IssueParams(Contract):
    """One issue of one source, and what is to become of it. What is empty stays as it is.

    `labels` are added. `kind`, `priority`, `component` are fields, where the source has them. A `question` is a comment
    that asks the reporter, and is made at most once for an issue, whoever asked. `title` is for people, and
    `assignee_name`, where `assignee` is an id.
    """

    source: str = Field(min_length=1)
    issue: str = Field(min_length=1, max_length=300)
    title: str = Field(default="", max_length=300)
    labels: tuple[str, ...] = Field(default=(), max_length=20)
    kind: str = Field(default="", max_length=100)
    priority: str = Field(default="", max_length=100)
    component: str = Field(default="", max_length=100)
    assignee: str = Field(default="", max_length=200)
    assignee_name: str = Field(default="", max_length=200)
    milestone: str = Field(default="", max_length=200)
    comment: str = Field(default="", max_length=30_000)
    question: bool = False
    duplicate_of: str = Field(default="", max_length=300)

    @field_validator("labels", mode="before")
    @classmethod
    def by_commas(cls, value: object) -> object:
        """A reviewer writes them as a text, separated by commas."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("labels")
    @classmethod
    def plain_labels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for label in value:
            if not 0 < len(label) <= 100 or one_line(label) != label:
                raise ValueError(f"{label!r} is no label")
        return tuple(dict.fromkeys(value))

    @field_validator(*FIELDS, "assignee_name", "issue", "duplicate_of")
    @classmethod
    def plain_words(cls, value: str) -> str:
        if value and one_line(value) != value:
            raise ValueError(f"{value!r} is more than one line")
        return value

    @field_validator("comment")
    @classmethod
    def without_our_marks(cls, value: str) -> str:
        if re.search(r"^Countersign-", value, re.M):
            raise ValueError("a comment can't have a line that begins with Countersign-")
        return value

    @property
    def short(self) -> str:
        """The issue as people call it: `#12`, `ABC-12`."""
        number = self.issue.rpartition("#")[2]
        return f"#{number}" if "#" in self.issue else self.issue.rpartition("/")[2].rpartition(":")[2]

    @property
    def who(self) -> str:
        """The assignee as people call them."""
        return self.assignee_name or self.assignee

    def with_assignee(self, who: str) -> "IssueParams":
        """With somebody else: the name of whoever it was is not theirs."""
        return self.model_copy(update={"assignee": who, "assignee_name": ""})

    @property
    def parts(self) -> tuple[str, ...]:
        """What would be done, in words."""
        fields = [f"{name} {getattr(self, name)}" for name in FIELDS if name != "assignee" and getattr(self, name)]
        return tuple(
            filter(
                None,
                (
                    f"label {', '.join(self.labels)}" if self.labels else "",
                    f"set {', '.join(fields)}" if fields else "",
                    f"assign {self.who}" if self.assignee else "",
                    f"link it as the same as {self.duplicate_of}" if self.duplicate_of else "",
                    ("ask the reporter" if self.question else "comment") if self.comment else "",
                ),
            )
        )


def issue_effect(run: str, revision: int, params: IssueParams) -> Effect:
    """The effect. Its key depends on run, revision and all that is changed. BadInput where nothing would be."""
    if not params.parts:
        raise BadInput(f"Nothing would be done about {params.issue}.", subject=params.issue)
    seed = [run, revision, params.model_dump(mode="json")]
    unique = hashlib.sha256(canonical_json(seed)).hexdigest()
    return Effect(
        kind=ISSUE, key=f"{ISSUE}/{unique[:40]}", says=sentence(params), params=params.model_dump(mode="json")
    )


def sentence(params: IssueParams) -> str:
    """For the signing button."""
    return one_line(f"{params.short}: {'; '.join(params.parts)}")[:400]


def issue_params(params: Mapping[str, JsonValue]) -> IssueParams:
    """The parameters, checked. BadInput, naming the field that is wrong."""
    try:
        return IssueParams.model_validate(params)
    except ValueError as error:
        first = error.errors()[0] if hasattr(error, "errors") else {"loc": ("params",), "msg": str(error)}
        where = str(first["loc"][0]) if first["loc"] else "params"
        raise BadInput(f"{where!r} of an issue: {first['msg']}.", subject=where, way_out="Correct it.") from error


def row(params: IssueParams, href: str | None = None) -> tuple[Cell, ...]:
    """What a reviewer reads of it in the table of all."""
    fields = [getattr(params, name) for name in FIELDS if name != "assignee"]
    return (
        Cell(text=params.short, href=href),
        Cell(text=params.title[:120]),
        Cell(text=", ".join(filter(None, (*params.labels, *fields)))),
        Cell(text=params.who),
        Cell(text=f"{'asks: ' if params.question else ''}{' '.join(params.comment.split())[:300]}"),
        Cell(text=params.duplicate_of),
    )


def plan(rows: list[tuple[Cell, ...]], note: str = "") -> TablePanel:
    """The table of all that would be done."""
    return TablePanel(title=PLAN, columns=COLUMNS, rows=tuple(rows), note=note)


def retold(panels: tuple[Panel, ...], before: IssueParams, after: IssueParams) -> tuple[Panel, ...]:
    """The panels with the row of this issue made anew."""
    old = tuple(cell.text for cell in row(before))
    return tuple(
        panel.model_copy(
            update={
                "rows": tuple(
                    row(after, each[0].href) if tuple(cell.text for cell in each) == old else each
                    for each in panel.rows
                )
            }
        )
        if isinstance(panel, TablePanel) and panel.title == PLAN
        else panel
        for panel in panels
    )
