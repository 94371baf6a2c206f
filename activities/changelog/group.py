"""From chosen changes to lines: one line a topic, in its section, in a reader's words, citing every commit of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.changelog.features import Facts, facts
from activities.changelog.group_text import is_breaking, references_of, section_of, text_of
from contracts.changelog import SECTIONS, Change, Line, Section

MOST_NUMBERS = 3  # a change that carries more is about other things: a release commit, a list of what is done
MOST_REFERENCES = 12  # of a line


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reviewer asked of one change's line."""

    section: Section | None = None
    text: str = ""


def lines_of(
    chosen: Sequence[Change], *, scores: Mapping[str, float] | None = None, wishes: Mapping[str, Wish] | None = None
) -> tuple[Line, ...]:
    """Lines for the chosen changes (oldest first, each SHA once), in the order of SECTIONS, then of time.

    Every chosen change is in exactly one line. `scores` and `wishes` are by SHA.
    """
    topics = _topics(chosen)
    made = [_line(members, scores or {}, wishes or {}) for members in topics]
    return tuple(sorted(made, key=lambda line: SECTIONS.index(line.section)))


def _topics(chosen: Sequence[Change]) -> list[list[Change]]:
    """Changes that share a number or say the same words, together; in the order in which each topic began."""
    leader = list(range(len(chosen)))

    def find(item: int) -> int:
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    first: dict[str, int] = {}
    for index, change in enumerate(chosen):
        for key in _keys(change):
            other = find(first.setdefault(key, index))
            mine = find(index)
            leader[max(other, mine)] = min(other, mine)
    topics: dict[int, list[Change]] = {}
    for index, change in enumerate(chosen):
        topics.setdefault(find(index), []).append(change)
    return list(topics.values())


def _keys(change: Change) -> list[str]:
    references = references_of(change)
    # A list of many topics belongs to the first of them only, or it would glue all of them together.
    linked = references if len(references) <= MOST_NUMBERS else references[:1]
    words = " ".join(text_of(change).lower().split())
    return [*linked, *([f"= {words}"] if len(words.split()) > 2 else [])]


def _line(members: Sequence[Change], scores: Mapping[str, float], wishes: Mapping[str, Wish]) -> Line:
    lead = max(members, key=lambda change: _weight(change, scores.get(change.sha, 0.0)))
    section: Section = "Breaking" if any(is_breaking(change) for change in members) else section_of(lead)
    text = text_of(lead)
    for change in members:
        wish = wishes.get(change.sha, Wish())
        section, text = wish.section or section, wish.text or text
    return Line(
        section=section,
        text=text,
        changes=tuple(change.sha for change in members),
        references=_references(lead, members),
    )


def _weight(change: Change, score: float) -> tuple[float, float, float]:
    """How well a change speaks for its topic: code over tests and paperwork, then score, then size."""
    fact = facts(change)
    return (_standing(fact), round(score, 1), min(float(fact.sizes["code"]), 500.0))


def _standing(fact: Facts) -> float:
    if fact.flags & {"release", "bump", "typo", "revert"}:
        return 0.0
    if fact.roles and not fact.roles.keys() & {"code", "version"}:
        return 1.0
    return 2.0 + (fact.kind in ("feat", "fix", "perf")) - 0.5 * ("test_word" in fact.flags or "doc_word" in fact.flags)


def _references(lead: Change, members: Sequence[Change]) -> tuple[str, ...]:
    found = Counter(dict.fromkeys(references_of(lead), 1))
    for change in members:
        if len(references_of(change)) <= MOST_NUMBERS:
            found.update(references_of(change))
    return tuple(found)[:MOST_REFERENCES]
