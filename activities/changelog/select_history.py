"""Which changes of earlier releases their changelog told of, read from its text."""

import re
from collections.abc import Sequence

from activities.changelog.features import CONVENTIONAL, Facts, facts
from activities.changelog.select_own import MOST, Taught, taught
from contracts.changelog import Change, Release

_CITED = re.compile(
    r"(?:#|\b(?:pull|issues?|merge_requests|pulls)/|[:{](?:issue|pr|pull|gh|user-issue|ghpull|ghissue)[:}]`|\b(?:pr|issue):|\bgh-)(\d{1,9})",
    re.I,
)
_WORDS = re.compile(r"[a-z0-9_]{3,}")
_STOP = frozenset(
    ["and", "are", "for", "from", "has", "have", "into", "not", "that", "the", "this", "use", "was", "when", "with"]
)
LIKE = 0.6  # share of a subject's words that a changelog line must have to be about it
TEXT_LIMIT = 100_000


def cited(changelog: str) -> frozenset[str]:
    """The issue and pull request numbers that a changelog's text cites, in whatever form."""
    return frozenset(_CITED.findall(changelog[:TEXT_LIMIT]))


def cites_numbers(releases: Sequence[Release]) -> bool | None:
    """True where this changelog cites numbers for what it tells; None where there is no changelog to go by."""
    told = [release for release in releases if release.changelog.strip() and release.changes]
    if not told:
        return None
    return sum(bool(cited(release.changelog)) for release in told) * 2 >= len(told)


def lessons(releases: Sequence[Release], *, cites: bool) -> list[Taught]:
    """What the newest earlier releases teach, oldest first.

    A release whose changelog told of none of its changes teaches nothing.
    """
    found: list[Taught] = []
    total = 0
    for release in reversed(releases):
        if total >= MOST:
            break
        lesson = lesson_of(release, cites=cites)
        if any(lesson.told):
            found.append(lesson)
            total += len(lesson.seen)
    return found[::-1]


def lesson_of(release: Release, *, cites: bool) -> Taught:
    """The changes of a release and whether its changelog told of them; where it cites numbers, those that have one."""
    seen = [facts(change) for change in in_order(release.changes)]
    told = _by_number(seen, release.changelog) if cites else _by_words(seen, release.changelog)
    return taught(seen, told, [bool(fact.refs) or not cites for fact in seen])


def in_order(changes: Sequence[Change]) -> list[Change]:
    """The changes, oldest first, each SHA once, whichever way round they came."""
    once = list({change.sha: change for change in changes}.values())
    return once[::-1] if once and once[0].time > once[-1].time else once


def _by_number(seen: Sequence[Facts], changelog: str) -> list[bool]:
    numbers = cited(changelog)
    return [bool(fact.refs & numbers) for fact in seen]


def _by_words(seen: Sequence[Facts], changelog: str) -> list[bool]:
    lines = [set(stems(line)) for line in items(changelog[:TEXT_LIMIT])]
    holds: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        for word in line:
            holds.setdefault(word, []).append(place)
    return [_alike(stems(CONVENTIONAL.sub("", fact.subject)), holds) for fact in seen]


def items(changelog: str) -> list[str]:
    """The items of its lists, and what stands between blank lines."""
    return re.split(r"\n\s*(?=[-*•]|\d+\.|\n)", changelog)


def stems(text: str) -> list[str]:
    """The words that carry meaning. Five letters stand for one, so that "adds", "added" and "adding" meet."""
    return [word[:5] for word in _WORDS.findall(text.lower()) if word not in _STOP]


def _alike(words: Sequence[str], holds: dict[str, list[int]]) -> bool:
    distinct = set(words)
    if len(distinct) < 2:
        return False
    hits: dict[int, int] = {}
    for word in distinct:
        for place in holds.get(word, ()):
            hits[place] = hits.get(place, 0) + 1
    return max(hits.values(), default=0) >= LIKE * len(distinct)
