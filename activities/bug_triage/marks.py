"""What the form of an issue tells, apart from its words: answers in a template, the shape of the title, what is in it.

Pure. Templates are among the best signals of what an issue is, and each team has its own: so their headings and short
answers become marks by themselves, and nothing is said here of any one template.
"""

import math
import re

from activities.bug_triage.texts import Text, without_comments
from contracts.bugs import Issue

MAX_MARKS = 120

_ANSWER = re.compile(
    r"^\s{0,3}(?:#{1,6}[ \t]+([^\n]{1,80}?)[ \t]*#*|\*\*([^\n]{1,80}?)\*\*:?)[ \t]*\n+"
    r"[ \t]*(?:```\w*\n)?[ \t]*([^\n#]{1,40})$",
    re.MULTILINE,
)
_FIELD = re.compile(
    r"^[-*\s]{0,6}(?:\*\*)?([A-Z][\w /()'.?-]{1,60}?)(?:\*\*)?[ \t]*:[ \t]*(?:<b>|\*\*)?[ \t]*([^\n<*]{1,30}?)[ \t]*"
    r"(?:</b>|\*\*)?[ \t]*$",
    re.MULTILINE,
)
_ASKS = re.compile(r"^\W*(how|why|what|is|are|can|could|does|do|where|when|which|should|would|will|any|has)\b", re.I)
_TAG = re.compile(r"^\s*\[([^\]\n]{1,30})\]")
_BEFORE_COLON = re.compile(r"^\s*([\w .\-/]{1,30}):")


def marks(issue: Issue, text: Text) -> list[str]:
    """Marks of the form, each a word; the same one may come twice."""
    return [*_of_template(issue, text), *_of_title(text.title), *_of_size(issue, text)]


def _of_template(issue: Issue, text: Text) -> list[str]:
    body, found = without_comments(issue), list[str]()
    for heading, bold, answer in _ANSWER.findall(body)[:MAX_MARKS]:
        found += [f"h:{_word(heading or bold)}={_word(answer)}", f"h:{_word(heading or bold)}"]
    for name, answer in _FIELD.findall(body)[:MAX_MARKS]:
        found += [f"k:{_word(name)}={_word(answer)}", f"k:{_word(name)}"]
    found += [f"head:{_word(each)}" for each in text.headings[:MAX_MARKS]]
    return [*found, *(f"hint:{_word(each)}" for each in text.hints[:MAX_MARKS])]


def _of_title(title: str) -> list[str]:
    asks, tag, before = _ASKS.match(title), _TAG.match(title), _BEFORE_COLON.match(title)
    first = title.split()[:1]
    return [
        f"asks:{asks.group(1).lower() if asks else 'not'}",
        f"tag:{_word(tag.group(1)) if tag else 'none'}",
        f"before:{_word(before.group(1)) if before else 'none'}",
        f"first:{first[0].lower()[:30] if first else ''}",
        f"question:{'?' in title}:{title.rstrip().endswith('?')}",
        f"title:{len(title) // 15}",
    ]


def _of_size(issue: Issue, text: Text) -> list[str]:
    body = issue.body[:20_000]
    counts = {
        "asked": min(4, text.prose.count("?")),
        "code": min(3, len(text.code) // 300),
        "words": _size(len(text.prose)),
        "body": _size(len(body)),
        "frames": min(3, len(text.frames)),
        "exceptions": min(2, len(text.exceptions)),
        "pictures": min(2, body.count("![")),
        "boxes": min(3, body.count("- [")),
        "steps": min(3, len(re.findall(r"^\s{0,6}\d+[.)]\s", body, re.MULTILINE))),
        "unanswered": min(3, body.count("_No response_")),
        "hints": _size(sum(map(len, text.hints))),
        "headings": min(6, len(text.headings)),
    }
    return [f"{name}:{count}" for name, count in counts.items()]


def _size(length: int) -> int:
    return int(math.log2(1 + length))


def _word(text: str) -> str:
    return re.sub(r"\W+", "_", text.lower()).strip("_")[:60]
