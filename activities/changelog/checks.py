"""The checks of a changelog draft: deterministic, and closed where in doubt. Each says what is wrong with what.

Pure. A model's draft has to pass all of them. The baseline's words are the commits' own, so they may look
like anything, and rendering makes them harmless; a person may say more than the commits do.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from activities.changelog.grounding import evidence, invented
from activities.changelog.markup import foreign
from contracts.changelog import SECTIONS, Change, ChangelogDraft, History, Line
from contracts.proposal import Check

MAX_LINE = 400
MAX_LINES = 500
MAX_CHARS = 200_000
SHORTEST_SHA = 7
LONGEST_QUOTE = 90
MOST_NAMED = 5

Citations = dict[str, Line]  # each cited commit of the range, by full SHA, and the line that cites it

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_MARKUP = re.compile(
    r"<[/!?]?[a-zA-Z][^>]*>?|!\[|\]\s*[(\[]|```|~~~|<<<|>>>|&#?\w+;|^\s*(?:#{1,6}\s|[-*+>]\s|={3,}|-{3,})"
)
_INSTRUCTION = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,30}\b(?:instruction|prompt|rule|above)s?\b|\bas an? (?:ai|language model)\b"
    r"|\b(?:untrusted|fenced?) (?:data|text|block|commits?)\b|\bhere (?:is|are) the (?:rewritten|changelog|entries)\b"
    r"|\bi (?:cannot|can't|am unable|am sorry)\b|\b(?:begin|end) commits\b",
    re.IGNORECASE,
)
_SHA = re.compile(r"(?<![\w./#@:-])[0-9a-f]{7,40}(?![\w-])")
_SCRIPT = re.compile(
    r"<\s*/?\s*(?:script|iframe|object|embed|style|svg|form|meta|link)\b|\b(?:javascript|data|vbscript):", re.I
)


def check_draft(draft: ChangelogDraft, history: History) -> tuple[Check, ...]:
    """All checks of a draft by itself. What a person edited is checked as `check_text` does."""
    return _checks(draft, history, Known(history))


def _checks(draft: ChangelogDraft, history: History, known: "Known") -> tuple[Check, ...]:
    if draft.drafted_by == "person":
        return (_exist(draft.lines, known), *_of_text(draft.markdown, known))
    common = (
        _cite(draft.lines),
        _exist(draft.lines, known),
        _once(draft.lines, known),
        _length(draft),
        _harmless(draft, history),
        _sections(draft),
    )
    if draft.drafted_by == "baseline":
        return common
    return (*common, _grounded(draft.lines, known), _plain(draft.lines))


def check_rewrite(draft: ChangelogDraft, baseline: ChangelogDraft, history: History) -> tuple[Check, ...]:
    """The checks of a model's draft, with those against the baseline whose words it may change."""
    known = Known(history)
    before, after = cited(baseline, known), cited(draft, known)
    return (
        *_checks(draft, history, known),
        _nothing_lost(before, after),
        _nothing_added(before, after),
        _breaking_kept(before, after),
    )


def check_text(text: str, history: History) -> tuple[Check, ...]:
    """The checks of a person's text: the commits it names exist, and nothing in it runs."""
    return _of_text(text, Known(history))


def _of_text(text: str, known: "Known") -> tuple[Check, ...]:
    rows = [line for line in text.splitlines() if line.strip()]
    strangers = [(sha, row) for row in rows for sha in shas(row) if known.find(sha) is None]
    return (
        verdict(
            "commits exist",
            [f"{sha!r} is no commit of the range, in {quoted(row)}." for sha, row in strangers],
            "Each commit that is named is in the range.",
        ),
        verdict(
            "nothing runs",
            [f"There is markup that a page could run, in {quoted(row)}." for row in rows if _SCRIPT.search(row)],
            "There is no markup that a page could run.",
        ),
        _bounded(text, len(rows)),
    )


class Known:
    """The commits of the range by any unambiguous beginning of their SHA."""

    def __init__(self, history: History) -> None:
        self.by_sha: dict[str, Change] = {}
        for change in history.changes:
            self.by_sha |= dict.fromkeys(change.merged_shas, change)
        self.by_sha |= {change.sha: change for change in history.changes}
        self.short = Counter(sha[:SHORTEST_SHA] for sha in self.by_sha)
        self.by_short = {sha[:SHORTEST_SHA]: sha for sha in self.by_sha}

    def find(self, sha: str) -> Change | None:
        """None: no commit begins so, or more than one does."""
        if sha in self.by_sha:
            return self.by_sha[sha]
        short = sha[:SHORTEST_SHA]
        if len(sha) < SHORTEST_SHA or short not in self.by_short:
            return None
        if self.short[short] == 1:
            full = self.by_short[short]
            return self.by_sha[full] if full.startswith(sha) else None
        matches = [full for full in self.by_sha if full.startswith(sha)]
        return self.by_sha[matches[0]] if len(matches) == 1 else None


def shas(text: str) -> Iterator[str]:
    """What looks like an abbreviated SHA: hexadecimal, with both a letter and a digit."""
    return (sha for sha in _SHA.findall(text) if re.search(r"\d", sha) and re.search(r"[a-f]", sha))


def _cite(lines: Iterable[Line]) -> Check:
    problems = [f"{quoted(line.text)} cites no commit." for line in lines if not line.changes]
    return verdict("every line cites", problems, "Every line cites a commit.")


def _exist(lines: Iterable[Line], known: Known) -> Check:
    problems = [
        f"{quoted(line.text)} cites {sha[:12]!r}, which is no commit of the range, or more than one."
        for line in lines
        for sha in line.changes
        if known.find(sha) is None
    ]
    return verdict("commits exist", problems, "Each cited commit is in the range.")


def _once(lines: Iterable[Line], known: Known) -> Check:
    first, problems = dict[str, str](), list[str]()
    for line in lines:
        for sha in line.changes:
            change = known.find(sha)
            full = change.sha if change else sha
            if full in first:
                problems.append(f"{quoted(line.text)} cites {full[:9]}, and so does {quoted(first[full])}.")
            first[full] = line.text
    return verdict("nothing twice", problems, "No commit is cited twice.")


def _length(draft: ChangelogDraft) -> Check:
    problems = [
        f"{quoted(line.text)} has {len(line.text)} characters; the limit is {MAX_LINE}."
        for line in draft.lines
        if len(line.text) > MAX_LINE
    ]
    problems += [
        f"Line {number} of {line.section} is empty." for number, line in numbered(draft) if not line.text.strip()
    ]
    whole = _bounded(draft.markdown, len(draft.lines))
    return verdict("length", problems if whole.passed else [*problems, whole.says], whole.says)


def _bounded(text: str, lines: int) -> Check:
    problems = [f"The entry has {len(text):,} characters; the limit is {MAX_CHARS:,}."] if len(text) > MAX_CHARS else []
    if lines > MAX_LINES * 2:
        problems.append(f"The entry has {lines:,} lines; the limit is {MAX_LINES * 2:,}.")
    return verdict("length", problems, f"{lines:,} lines, {len(text):,} characters: within the limits.")


def _harmless(draft: ChangelogDraft, history: History) -> Check:
    """On the rendered entry, since what counts is what a reader's browser makes of it."""
    problems = [f"The entry would show {what}." for what in foreign(draft, history)]
    return verdict("harmless", problems, "No HTML, no images, no links to other places.")


def _sections(draft: ChangelogDraft) -> Check:
    problems = [] if draft.lines else ["The entry has no lines."]
    problems += [f"{line.section!r} is no section." for line in draft.lines if line.section not in SECTIONS]
    return verdict("sections", problems, "No section is empty.")


def _grounded(lines: Iterable[Line], known: Known) -> Check:
    problems = list[str]()
    for line in lines:
        changes = [change for sha in line.changes if (change := known.find(sha))]
        missing = invented(line.text, evidence(changes), line.references)
        problems += [f"{quoted(line.text)} says {fact!r}, and none of its commits does." for fact in missing]
    return verdict("nothing invented", problems, "Each name, number and address is in the cited commits.")


def _plain(lines: Iterable[Line]) -> Check:
    problems = []
    for line in lines:
        outside = re.sub(r"`[^`]*`", "", line.text)
        if _CONTROL.search(line.text) or _MARKUP.search(outside) or _loose(line.text):
            problems.append(f"{quoted(line.text)} has markup or invisible characters in it.")
        elif _INSTRUCTION.search(line.text):
            problems.append(f"{quoted(line.text)} talks to somebody instead of telling what changed.")
    return verdict("plain words", problems, "Each line is plain words.")


def _loose(text: str) -> bool:
    """Backticks that don't come in pairs, or come in a row: a fence, or code that swallows what follows."""
    return text.count("`") % 2 == 1 or "``" in text


def _nothing_lost(before: Citations, after: Citations) -> Check:
    lost = [(sha, line) for sha, line in before.items() if sha not in after]
    problems = [f"Commit {sha[:9]} ({quoted(line.text)}) was dropped." for sha, line in lost]
    return verdict("nothing lost", problems, "Each commit of the baseline's draft is still cited.")


def _nothing_added(before: Citations, after: Citations) -> Check:
    added = [(sha, line) for sha, line in after.items() if sha not in before]
    problems = [f"{quoted(line.text)} cites {sha[:9]}, which was left out." for sha, line in added]
    return verdict("nothing added", problems, "No commit is cited that the baseline left out.")


def _breaking_kept(before: Citations, after: Citations) -> Check:
    problems = [
        f"Commit {sha[:9]} ({quoted(line.text)}) breaks users and is no longer under Breaking."
        for sha, line in before.items()
        if line.section == "Breaking" and sha in after and after[sha].section != "Breaking"
    ]
    return verdict("breaking kept", problems, "What breaks users is still under Breaking.")


def cited(draft: ChangelogDraft, known: Known) -> Citations:
    pairs = ((known.find(sha), line) for line in draft.lines for sha in line.changes)
    return {change.sha: line for change, line in pairs if change is not None}


def numbered(draft: ChangelogDraft) -> Iterator[tuple[int, Line]]:
    count = Counter[str]()
    for line in draft.lines:
        count[line.section] += 1
        yield count[line.section], line


def quoted(text: str) -> str:
    """The beginning of a line in quotes: its words are data, and stay on one line."""
    shown = " ".join(_CONTROL.sub(" ", text).split())
    return f"“{shown}”" if len(shown) <= LONGEST_QUOTE else f"“{shown[: LONGEST_QUOTE - 1]}…”"


def verdict(name: str, problems: list[str], otherwise: str) -> Check:
    """Passed with `otherwise`, or failed with the first few problems."""
    if not problems:
        return Check(name=name, passed=True, says=otherwise)
    more = len(problems) - MOST_NAMED
    says = " ".join(problems[:MOST_NAMED]) + (f" And {more} more." if more > 0 else "")
    return Check(name=name, passed=False, says=says)
