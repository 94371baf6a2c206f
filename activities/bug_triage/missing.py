"""Which of version, steps, expected and actual, environment and log a report lacks, and the question that asks. Pure.

What a project asks for is learnt: from its templates for reports where it has some, else from its past, where a part
counts that most of its reports have. What is only hinted at in a template (its comments) is not an answer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from activities.bug_triage import texts
from contracts.bug_triage import PARTS, Part
from contracts.bugs import Issue

ASKED: dict[Part, str] = {
    "version": "The version that you use.",
    "steps": "The steps that lead to it, from a fresh start, or a snippet that shows it.",
    "expected": "What you expected, and what happened instead.",
    "environment": "Your environment: operating system, and versions of what it runs on.",
    "log": "The full error message or log, as text.",
}
# Words of a heading, in a template or a report, that name the part.
HEADINGS: dict[Part, re.Pattern[str]] = {
    "version": re.compile(r"\bversions?\b|\brelease\b|\bcommit\b", re.I),
    "steps": re.compile(
        r"\bsteps?\b|\brepro|\bminimal\b|\bexample\b|\bcode sample\b|\bsnippet\b|how to reproduce", re.I
    ),
    "expected": re.compile(r"\bexpect|\bactual\b|\bcurrent behavio|\bwhat happen|\bdesired\b", re.I),
    "environment": re.compile(
        r"\benvironment\b|\bplatform\b|\boperating system\b|\bos\b|\bsystem info|\bbrowser\b|"
        r"\bhardware\b|\binstalled\b",
        re.I,
    ),
    "log": re.compile(r"\blogs?\b|\btraceback\b|\bstack ?trace\b|\berror (?:message|output)\b|\boutput\b", re.I),
}
# What shows that a report has it, whatever its headings are.
SHOWS: dict[Part, re.Pattern[str]] = {
    "version": re.compile(
        r"\bv?\d+\.\d+(?:\.\d+)*(?:[-+.]?[a-z]\w*)?\b|\bversion\W{1,3}\d|\b[0-9a-f]{7,40}\b(?=.{0,20}commit)", re.I
    ),
    "steps": re.compile(
        r"^\s{0,4}(?:[-*]\s+)?(?:1[.)]|step 1)\s|\bto reproduce\b|\bsteps?\b.{0,20}\breproduc|```|\{code|"
        r"\bwhen i (?:run|click|call|open|try)\b|\$ \w",
        re.I | re.M,
    ),
    "expected": re.compile(
        r"\bexpect(?:ed|ing)?\b|\bshould (?:have|be|not|return|work)\b|\binstead of\b|\bbut (?:it|got|get)\b", re.I
    ),
    "environment": re.compile(
        r"\b(?:ubuntu|debian|fedora|centos|rhel|arch linux|linux|mac ?os|os x|darwin|windows|win10|"
        r"win11|android|ios|freebsd|docker|kubernetes|chrome|firefox|safari|python|node(?:\.?js)?|"
        r"jdk|java|gcc|clang|x86_64|arm64|aarch64)\b",
        re.I,
    ),
    "log": re.compile(
        r"^Traceback |^[^\S\n]+at [\w$.]+\(|\b\w+(?:Error|Exception)\b.*:|^\S*\s?(?:ERROR|FATAL|WARN)\b|panicked at|"
        r"segmentation fault|core dumped|exit (?:code|status) \d",
        re.I | re.M,
    ),
}
EMPTY = re.compile(r"^(?:_?no response_?|n/?a|none|-+|\.+|todo|\?)?$", re.I)
SHARE = 0.6  # of a project's past bugs have a part that it is taken to ask for
LEAST_PAST = 20
BY_DEFAULT: tuple[Part, ...] = ("version", "steps", "expected")
_SECTION = re.compile(r"^\s{0,3}(?:#{1,6}\s+(.{1,120}?)\s*#*|\*\*(.{1,120}?)\*\*:?)\s*$", re.M)


def has(issue: Issue) -> set[Part]:
    """The parts that a report has. A heading with nothing beneath it is none."""
    body = texts.bounded(issue.body).replace("\r\n", "\n")
    body = re.sub(r"<!--.*?(?:-->|\Z)", "", body, flags=re.S)
    whole = f"{issue.title}\n{_filled(body)}"
    found: set[Part] = {part for part, shows in SHOWS.items() if shows.search(whole)}
    found |= {part for heading, text in _sections(body) if text for part in parts_of(heading)}
    if issue.versions:
        found.add("version")
    return found


def lacks(issue: Issue, asks: Sequence[Part]) -> tuple[Part, ...]:
    """What the project asks for and the report has not, in the order of `PARTS`. A report in a language whose words
    are none of ours is told by its headings, versions, code and logs alone: so it is asked for those only."""
    there, ours = has(issue), _is_ours(issue)
    wanted = [part for part in PARTS if part in asks and part not in there]
    return tuple(part for part in wanted if ours or part in ("version", "log"))


def parts_of(heading: str) -> tuple[Part, ...]:
    """The parts that a heading names."""
    return tuple(part for part, words in HEADINGS.items() if words.search(heading))


def asked_by_templates(files: Mapping[str, str]) -> tuple[tuple[Part, ...], str]:
    """What a project's templates for bug reports ask for, and which file says so; `()` where none says anything."""
    for path in sorted(files, key=lambda each: ("bug" not in each.lower(), each)):
        text = files[path]
        if re.search(r"feature|config\.ya?ml$|question|pull_request", path, re.I):
            continue
        labels = re.findall(r"^\s*(?:label|description):\s*[\"']?(.{1,160}?)[\"']?\s*$", text, re.M)
        headings = labels if path.endswith((".yml", ".yaml")) else ["".join(each) for each in _SECTION.findall(text)]
        found = {part for heading in headings for part in parts_of(heading)}
        if found:
            return tuple(part for part in PARTS if part in found), path
    return (), ""


def asked_by_past(issues: Iterable[Issue]) -> tuple[tuple[Part, ...], str]:
    """What most bug reports of the past have; the usual three where there are too few of them."""
    past = [has(each) for each in issues if each.kind == "bug"][-500:]
    if len(past) < LEAST_PAST:
        return BY_DEFAULT, "what a bug report usually needs"
    asks = tuple(part for part in PARTS if sum(part in each for each in past) >= SHARE * len(past))
    return asks, f"what most of the last {len(past):,} bug reports have"


def question(parts: Sequence[Part], author: str) -> str:
    """The comment that asks, in words of ours alone: nothing of the report is repeated in it."""
    to = f"@{author}, thank" if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}", author) else "Thank"
    lines = "\n".join(f"- {ASKED[part]}" for part in parts)
    return f"{to} you for the report. To look into it we need:\n\n{lines}\n"


def _sections(body: str) -> list[tuple[str, str]]:
    """Headings and what stands beneath each, empty where that says nothing."""
    found = list(_SECTION.finditer(body))
    if not found:
        return []
    ends = [each.start() for each in found[1:]] + [len(body)]
    beneath = [body[each.end() : end].strip() for each, end in zip(found, ends, strict=True)]
    return [
        ("".join(filter(None, each.groups())), "" if EMPTY.match(text) else text)
        for each, text in zip(found, beneath, strict=True)
    ]


def _filled(body: str) -> str:
    """The body without its headings: what a template says is nobody's answer."""
    return _SECTION.sub("", body)


def _is_ours(issue: Issue) -> bool:
    letters = [each for each in issue.title + issue.body[:2000] if each.isalpha()]
    return not letters or sum(each.isascii() for each in letters) >= 0.5 * len(letters)
