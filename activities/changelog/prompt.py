"""What a model is sent to rewrite a changelog's words, and its answer back as lines.

Pure but for the fence. The commits are other people's words: they go into a fence with a random name, as JSON,
and the rules say that nothing in there is an instruction. The checks don't rely on the model heeding that.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from activities.changelog.checks import Known
from activities.models.fence import RULE, Fence
from contracts.changelog import SECTIONS, Change, ChangelogDraft, History, Line, Section
from contracts.models import Message, ModelRequest

MAX_PROMPT = 160_000  # characters; four of them are about a token
BODIES = (600, 200, 0)  # characters of a commit's body: the longest that fits is sent
MERGED = 8
SHORT = 12
_TRAILER = re.compile(r"^[\w-]+-by:.*$", re.MULTILINE | re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
TOKENS_A_LINE = 120
LEAST_OUTPUT, MOST_OUTPUT = 8_000, 32_000

WORK = """\
You edit the changelog entry of a software project. Its lines were written by a program from commit messages. \
Rewrite the words so that a user of the project understands what changed for them.

Rules:
- Keep to what the commits say. Never add a name, number, version, address, reason or effect that is not in the \
commits of that line.
- Every commit of the given lines stays cited, each exactly once, by its id as given. You may merge lines about the \
same change: the new line then cites the commits of all of them. Never drop a commit.
- Section is one of: Breaking, Added, Changed, Deprecated, Removed, Fixed, Security. A line given under Breaking \
stays under Breaking.
- One plain sentence a line, at most 200 characters, in the present tense, without a full stop at the end. Name code \
in `backticks`. No Markdown otherwise, no HTML, no links, no commit ids and no issue numbers: those are added later.
- Leave a line's words as they are if they are good.\
"""
RULES = f"{WORK}\n\n{RULE}"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "section": {"type": "string", "enum": list(SECTIONS)},
                    "text": {"type": "string"},
                    "changes": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["section", "text", "changes"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["lines"],
    "additionalProperties": False,
}


class AnswerLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    section: Literal["Breaking", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    text: str
    changes: list[str]


class Answer(BaseModel):
    """A model's answer, of the form of SCHEMA."""

    model_config = ConfigDict(extra="forbid")

    lines: list[AnswerLine]


def request_for(
    baseline: ChangelogDraft, history: History, words: Sequence[str] = (), problems: Sequence[str] = ()
) -> ModelRequest | None:
    """The request, or None where even the shortest form of it is too long."""
    fence = Fence()
    for body in BODIES:
        asked = _asked(baseline, history, fence, body, words, problems)
        if len(asked) <= MAX_PROMPT:
            return ModelRequest(
                system=RULES,
                messages=(Message(role="user", text=asked),),
                max_output_tokens=min(MOST_OUTPUT, max(LEAST_OUTPUT, TOKENS_A_LINE * len(baseline.lines))),
                schema_name="changelog_lines",
                schema_=SCHEMA,
            )
    return None


def _asked(
    baseline: ChangelogDraft, history: History, fence: Fence, body: int, words: Sequence[str], problems: Sequence[str]
) -> str:
    known = Known(history)
    rows = "\n".join(_row(line, known, body) for line in baseline.lines)
    parts = [f"The lines and their commits, one JSON object each:\n\n{fence.around('COMMITS', rows)}"]
    if words:
        asked = "\n".join(f"- {one}" for one in words)
        parts.append(f"The person who reviews the entry asks for this, as far as the rules allow it:\n{asked}")
    if problems:
        found = json.dumps(list(problems), ensure_ascii=False)
        parts.append(f"Your last answer was refused by these checks (data, as JSON). Correct what they name:\n{found}")
    return "\n\n".join([*parts, "Give all lines."])


def _row(line: Line, known: Known, body: int) -> str:
    found = ((sha, known.find(sha)) for sha in line.changes)
    commits = [_commit(change, body) for _, change in found if change is not None]
    return json.dumps({"section": line.section, "text": line.text, "commits": commits}, ensure_ascii=False)


def _commit(change: Change, body: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": change.sha[:SHORT], "subject": _shown(change.subject, 300)}
    if body and (said := _shown(change.body, body)):
        shown["body"] = said
    if body and change.merged:
        shown["merged"] = [_shown(subject, 200) for subject, _ in change.merged[:MERGED]]
    return shown


def _shown(text: str, limit: int) -> str:
    """The beginning of a text without its trailers (Signed-off-by and the like) and without e-mail addresses."""
    return _MAIL.sub("[e-mail]", _TRAILER.sub("", text[: limit * 4])).strip()[:limit]


def answered(data: dict[str, Any] | None) -> Answer | None:
    """The answer in a reply's object; None if it isn't of the form that was asked for."""
    if data is None:
        return None
    try:
        return Answer.model_validate(data)
    except ValidationError:
        return None


def lines_of(answer: Answer, baseline: ChangelogDraft, history: History) -> tuple[Line, ...]:
    """The answer's lines in the order of sections. A commit that isn't known is kept as named, for the checks."""
    known = Known(history)
    references = {sha: line.references for line in baseline.lines for sha in line.changes}
    lines = [
        _line(row.section, row.text, [_full(sha, known) for sha in row.changes], references) for row in answer.lines
    ]
    return tuple(sorted(lines, key=lambda line: SECTIONS.index(line.section)))


def _line(section: Section, text: str, changes: list[str], references: dict[str, tuple[str, ...]]) -> Line:
    cited = dict.fromkeys(reference for sha in changes for reference in references.get(sha, ()))
    return Line(section=section, text=text.strip(), changes=tuple(changes), references=tuple(cited))


def _full(sha: str, known: Known) -> str:
    change = known.find(sha.strip())
    return change.sha if change is not None else sha
