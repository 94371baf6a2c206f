"""From chosen changes to lines: one line a topic, in its section, in a reader's words, citing every commit of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from activities.changelog.features import Facts, facts
from activities.changelog.group_text import is_breaking, references_of, says_nothing, section_of, text_of
from contracts.changelog import SECTIONS, Change, Line, Section

MOST_NUMBERS = 3  # a change that carries more is about other things: a release commit, a list of what is done
MOST_REFERENCES = 12  # of a line


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reviewer asked of one change's line."""

    section: Section | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Said:
    """A chosen change, what it is called and the numbers it stands for, as #12."""

    change: Change
    text: str
    references: tuple[str, ...]


def lines_of(
    chosen: Sequence[Change],
    *,
    scores: Mapping[str, float] | None = None,
    wishes: Mapping[str, Wish] | None = None,
    seen: Mapping[str, Facts] | None = None,
) -> tuple[Line, ...]:
    """Lines for the chosen changes (oldest first, each SHA once), in the order of SECTIONS, then of time.

    Every chosen change is in exactly one line. `scores`, `wishes` and `seen`, facts that are known, are by SHA.
    """
    said = [_Said(change, text_of(change), references_of(change)) for change in chosen]
    known = {m.change.sha: facts(m.change) for m in said} if seen is None else seen
    made = [_line(_lead(topic, scores or {}, known), topic, wishes or {}) for topic in _topics(said)]
    return tuple(sorted(made, key=lambda line: SECTIONS.index(line.section)))


def _topics(said: Sequence[_Said]) -> list[list[_Said]]:
    """Changes that share a number or say the same words, together; in the order in which each topic began."""
    leader = list(range(len(said)))

    def find(item: int) -> int:
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    first: dict[str, int] = {}
    about = [m for m in said if len(m.references) <= MOST_NUMBERS and not says_nothing(m.text)]
    topical = {ref for member in about for ref in member.references}
    for index, member in enumerate(said):
        for key in _keys(member, topical):
            other = find(first.setdefault(key, index))
            mine = find(index)
            leader[max(other, mine)] = min(other, mine)
    topics: dict[int, list[_Said]] = {}
    for index, member in enumerate(said):
        topics.setdefault(find(index), []).append(member)
    return list(topics.values())


def _keys(member: _Said, topical: set[str]) -> list[str]:
    linked = list(member.references)
    if len(linked) > MOST_NUMBERS:
        # A list of many topics belongs to one of them only, or it would glue all of them together: to the first that
        # another change is about, else to the first.
        linked = [next((ref for ref in linked if ref in topical), linked[0])]
    words = " ".join(member.text.lower().split())
    return [*linked, *([f"= {words}"] if words.count(" ") > 1 else [])]


def _lead(members: Sequence[_Said], scores: Mapping[str, float], seen: Mapping[str, Facts]) -> _Said:
    """The one that speaks for its topic."""
    if len(members) == 1:
        return members[0]
    return max(members, key=lambda m: _weight(seen[m.change.sha], scores.get(m.change.sha, 0.0)))


def _line(lead: _Said, members: Sequence[_Said], wishes: Mapping[str, Wish]) -> Line:
    breaks = any(is_breaking(member.change) for member in members)
    section: Section = "Breaking" if breaks else section_of(lead.change)
    text = lead.text
    for member in members if wishes else ():
        wish = wishes.get(member.change.sha, Wish())
        section, text = wish.section or section, wish.text or text
    return Line(
        section=section,
        text=text,
        changes=tuple(member.change.sha for member in members),
        references=_references(lead, members),
    )


def _weight(fact: Facts, score: float) -> tuple[float, float, float]:
    """How well a change speaks for its topic: code over tests and paperwork, then score, then size."""
    return (_standing(fact), round(score, 1), min(float(fact.sizes.get("code", 0)), 500.0))


def _standing(fact: Facts) -> float:
    if fact.flags & {"release", "bump", "typo", "revert"}:
        return 0.0
    if fact.roles and not fact.roles.keys() & {"code", "version"}:
        return 1.0
    return 2.0 + (fact.kind in ("feat", "fix", "perf")) - 0.5 * ("test_word" in fact.flags or "doc_word" in fact.flags)


def _references(lead: _Said, members: Sequence[_Said]) -> tuple[str, ...]:
    few = (member.references for member in members if len(member.references) <= MOST_NUMBERS)
    return tuple(dict.fromkeys(chain(lead.references, *few)))[:MOST_REFERENCES]
