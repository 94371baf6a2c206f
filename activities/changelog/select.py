"""The baseline's judgment: which changes a reader of the changelog would want, and why the others are left out.

A change is scored by the shipped prior together with what the repository's own earlier releases teach; topics whose
score is above the prior's threshold are told. A reviewer's plain requests are done last and win.
Deterministic: the same history and words give the same lines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.changelog.features import Facts, facts
from activities.changelog.group import Wish, lines_of
from activities.changelog.group_text import says_nothing
from activities.changelog.group_words import changes_meant, understood
from activities.changelog.prior import Prior, shipped
from activities.changelog.select_history import in_order
from activities.changelog.select_rules import cancelled, must_be_told, reason
from activities.changelog.select_score import Scored, score
from contracts.changelog import Change, History, LeftOut, Line

ASKED_OUT = "a reviewer asked to leave it out"


def select_lines(
    history: History, *, words: Sequence[str] = (), prior: Prior | None = None
) -> tuple[tuple[Line, ...], tuple[LeftOut, ...]]:
    """The lines of the entry, and every other change with the reason why it is not in one.

    Each change of the history is in exactly one line or in `LeftOut`, once. `words` are a reviewer's requests,
    oldest first; what is not understood is ignored here (`group_words.understood` says what was). `prior` is another
    one than the shipped, for measuring.
    """
    changes = in_order(history.changes)
    seen = [facts(change) for change in changes]
    scored = score(history, seen, prior or shipped())
    wanted, out = _judge(seen, changes, scored)
    asked = _asked(words, changes)
    chosen = [c for c in changes if c.sha in wanted or c.sha in asked.added]
    known = {fact.sha: fact for fact in seen}
    lines = lines_of(chosen, scores=scored.by_sha, wishes=asked.wishes, seen=known)
    lines, out = _worth_reading(lines, asked, out, known)
    lines, out = _without(lines, asked, out)
    listed = {sha for line in lines for sha in line.changes}
    left = [_left(c, out, scored) for c in changes if c.sha not in listed]
    return lines, tuple(left)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reviewer's requests by SHA; the latest one about a change wins."""

    added: frozenset[str]
    dropped: frozenset[str]
    wishes: Mapping[str, Wish]


def _judge(seen: Sequence[Facts], changes: Sequence[Change], scored: Scored) -> tuple[set[str], dict[str, str]]:
    """The SHAs that deserve a line, and why each of the others does not."""
    out = cancelled(seen)
    wanted = {
        fact.sha
        for fact, change in zip(seen, changes, strict=True)
        if fact.sha not in out
        and (scored.by_sha[fact.sha] >= scored.threshold or must_be_told(fact, change, cites=scored.cites))
    }
    for fact in seen:
        if fact.sha not in wanted and fact.sha not in out:
            out[fact.sha] = reason(fact, scored.by_sha[fact.sha], cites=scored.cites, learnt=scored.learnt)
    return wanted, out


def _asked(words: Sequence[str], changes: Sequence[Change]) -> _Asked:
    kept: dict[str, bool] = {}
    wishes: dict[str, Wish] = {}
    for directive in understood(words)[0]:
        for sha in changes_meant(directive.target, changes):
            old = wishes.get(sha, Wish())
            wishes[sha] = Wish(directive.section or old.section, directive.text or old.text)
            kept[sha] = directive.verb != "drop"
    return _Asked(
        added=frozenset(sha for sha, keep in kept.items() if keep),
        dropped=frozenset(sha for sha, keep in kept.items() if not keep),
        wishes={sha: wish for sha, wish in wishes.items() if wish != Wish()},
    )


def _worth_reading(
    lines: Sequence[Line], asked: _Asked, out: Mapping[str, str], known: Mapping[str, Facts]
) -> tuple[tuple[Line, ...], dict[str, str]]:
    """Drop lines that tell a reader nothing, unless a reviewer asked for them."""
    gone = [(line, _idle(line, known)) for line in lines if not asked.added.intersection(line.changes)]
    why = {sha: idle for line, idle in gone if idle for sha in line.changes}
    return tuple(line for line in lines if line.changes[0] not in why), {**out, **why}


def _idle(line: Line, known: Mapping[str, Facts]) -> str:
    """Why a line tells nothing: its words, or that all of it corrects spelling. Empty where it tells something."""
    spelling = all("typo" in known[sha].flags for sha in line.changes)
    return says_nothing(line.text) or ("corrects spelling" if spelling else "")


def _without(lines: Sequence[Line], asked: _Asked, out: Mapping[str, str]) -> tuple[tuple[Line, ...], dict[str, str]]:
    """Drop whole lines: a reader who asks to leave out one commit of a topic means its line."""
    gone = [line for line in lines if asked.dropped.intersection(line.changes)]
    why = dict(out)
    why.update((sha, ASKED_OUT) for line in gone for sha in line.changes)
    why.update((sha, ASKED_OUT) for sha in asked.dropped)
    return tuple(line for line in lines if line not in gone), why


def _left(change: Change, out: Mapping[str, str], scored: Scored) -> LeftOut:
    return LeftOut(
        sha=change.sha,
        subject=change.subject,
        why=out.get(change.sha, ASKED_OUT),
        score=round(scored.by_sha[change.sha], 4),
    )
