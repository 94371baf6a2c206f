"""What a reviewer sees of a triage, in the order in which it is decided. What reports say is quoted and short. Pure."""

from collections.abc import Sequence

from activities.bug_triage.assessing import is_bug
from activities.bug_triage.drafting import Draft, short
from activities.bug_triage.snippets import runnable
from activities.changelog.render import plain
from activities.effects.issue_params import plan, row
from contracts.bug_triage import Assessment, Backlog, Code, Reproduction
from contracts.bugs import Alike, Guess
from contracts.proposal import Cell, MarkdownPanel, Panel, TablePanel
from contracts.shown import spelt

MOST_QUOTED = 3_000
MOST_PRINTED = 1_000  # characters of the end of each
BLOCKS = {True: "blocks", None: "perhaps", False: "no"}
STATES = {
    "reproduced": "reproduced",
    "other": "something else happens",
    "did not": "not reproduced",
    "could not": "could not be tried",
}


def panels(
    backlog: Backlog, assessment: Assessment, code: Code, drafts: Sequence[Draft], which: str, notes: Sequence[str]
) -> tuple[Panel, ...]:
    """All panels. `which`: confident, doubtful, or one."""
    rows = [row(each.params, each.issue.url or None) for each in drafts if each.params]
    return (
        *_blockers(drafts, which),
        *([_choices(drafts)] if which == "doubtful" else []),
        plan(rows, "; ".join(notes)),
        _why(drafts),
        *_same(drafts),
        *_files(drafts),
        *_tried(drafts, code),
        *([_quoted(drafts[0])] if which == "one" else []),
        _standing(assessment, code),
    )


def _blockers(drafts: Sequence[Draft], which: str) -> list[Panel]:
    """Those that hold a release up, and those of which that can't be said yet; of one alone what is said of it."""
    found = [each for each in drafts if each.blocker.why and (which == "one" or each.blocker.blocks is not False)]
    rows = tuple(
        (
            _link(each),
            Cell(text=plain(each.issue.title, 120)),
            Cell(text=BLOCKS[each.blocker.blocks], tone="bad" if each.blocker.blocks else ""),
            Cell(text=each.blocker.why + (f" Its milestone: {plain(each.milestone, 60)}." if each.milestone else "")),
        )
        for each in sorted(found, key=lambda each: not each.blocker.blocks)
    )
    columns = ("issue", "title", "release", "why")
    return [TablePanel(title="May block the release", columns=columns, rows=rows)] if rows else []


def _choices(drafts: Sequence[Draft]) -> Panel:
    """What is in doubt, with the two likeliest."""
    rows = []
    for each in drafts:
        chances = each.found.judgement.kind.chances
        two = [f"{one.label} {one.probability:.0%}" for one in chances[:2]] + ["", ""]
        rows.append(
            (
                _link(each),
                Cell(text=plain(each.issue.title, 120)),
                Cell(text=two[0]),
                Cell(text=two[1]),
                Cell(text="; ".join(each.found.doubts)),
            )
        )
    note = "The likelier one is proposed. Change it under “Change how it happens”, or drop the issue."
    return TablePanel(
        title="The choices", columns=("issue", "title", "likelier", "or", "why in doubt"), rows=tuple(rows), note=note
    )


def _why(drafts: Sequence[Draft]) -> Panel:
    rows = tuple(
        (
            _link(each),
            Cell(text=_guess(each.found.judgement.kind, each.issue.kind)),
            Cell(text=_guess(each.found.judgement.component, each.issue.component)),
            Cell(text=_guess(each.found.judgement.priority, each.issue.priority)),
            Cell(text=each.assignee.why if each.assignee.who or each.assignee.why else ""),
            Cell(text=", ".join(each.lacks)),
        )
        for each in drafts
    )
    columns = ("issue", "kind", "component", "priority", "who, and why", "lacks")
    return TablePanel(title="What speaks for it", columns=columns, rows=rows)


def _guess(guess: Guess, decided: str) -> str:
    if decided:
        return f"{decided} (decided)"
    if not guess.label:
        return ""
    because = f": {', '.join(plain(word, 30) for word in guess.reasons[:3])}" if guess.reasons else ""
    return f"{guess.label} {guess.probability:.0%}{because}"


def _same(drafts: Sequence[Draft]) -> list[Panel]:
    rows = tuple(
        (
            _link(each),
            Cell(text=f"{short(one.key)} {plain(one.title, 100)}"),
            Cell(text=f"{one.probability:.0%}"),
            Cell(text=_evidence(one)),
        )
        for each in drafts
        for one in each.found.judgement.alike[:3]
        if one.probability >= 0.25
    )
    columns = ("issue", "perhaps the same as", "probability", "both have")
    return [TablePanel(title="Earlier issues like it", columns=columns, rows=rows)] if rows else []


def _evidence(one: Alike) -> str:
    parts = [*(plain(each, 60) for each in one.frames[:3]), *(plain(each, 40) for each in one.words[:5])]
    days = f"{one.days} days apart" if one.days is not None else ""
    return "; ".join(filter(None, (", ".join(parts), "the same component" if one.same_component else "", days)))


def _files(drafts: Sequence[Draft]) -> list[Panel]:
    rows = tuple(
        (
            _link(each),
            Cell(text=plain(file.path, 150) + (f":{file.line}" if file.line else "")),
            Cell(text="; ".join(plain(why, 80) for why in file.why)),
            Cell(text=", ".join(plain(owner.name, 60) for owner in each.located.owners[:3])),
        )
        for each in drafts
        if each.located
        for file in each.located.files[:3]
    )
    columns = ("issue", "file", "why", "who knows it")
    return [TablePanel(title="Likely files", columns=columns, rows=rows)] if rows else []


def _tried(drafts: Sequence[Draft], code: Code) -> list[Panel]:
    tried = [(each, each.tried) for each in drafts if each.tried is not None]
    left = [each for each in drafts if code.commit and not each.tried and is_bug(each.found) and runnable(each.issue)]
    rows = tuple(
        (
            _link(each),
            Cell(text=STATES[result.state], tone="bad" if result.state == "reproduced" else ""),
            Cell(text=plain(result.says.removeprefix(f"{result.key}: "), 200)),
            Cell(text=plain(result.command, 120)),
        )
        for each, result in tried
    )
    more = f" Not tried, as there are so many in one run: {', '.join(short(each.issue.key) for each in left)}."
    note = f"Each in a machine of its own, without a network.{more if left else ''}"
    columns = ("issue", "result", "what happened", "what was run")
    table = [TablePanel(title="Tried out", columns=columns, rows=rows, note=note)] if rows else []
    return [*table, *_printed([result for _, result in tried if result.output.strip()])]


def _printed(results: Sequence[Reproduction]) -> list[Panel]:
    """The ends of what was printed, as code: each line is indented, so that none of them is anything else."""
    lines = list[str]()
    for result in results:
        end = result.output.rstrip()[-MOST_PRINTED:].splitlines()
        lines += [f"{short(result.key)}, {result.command}:", *(f"  {line}" for line in end), ""]
    text = "\n".join(f"    {spelt(line.expandtabs(4), frozenset())}" for line in lines)
    return [MarkdownPanel(title="What was printed", text=text, folded=True)] if results else []


def _quoted(draft: Draft) -> Panel:
    words = f"{draft.issue.title}\n\n{draft.issue.body}"[:MOST_QUOTED]
    quoted = "\n".join(f"> {line}" if line.strip() else ">" for line in words.splitlines())
    return MarkdownPanel(title="The report, in its author's words", text=quoted, folded=True)


def _standing(assessment: Assessment, code: Code) -> Panel:
    rows = tuple(
        (
            Cell(text=each.target),
            Cell(text="serves" if each.serves else "does not serve", tone="good" if each.serves else "bad"),
            Cell(text=each.says),
        )
        for each in assessment.standing
    )
    read = f" The code was read at {code.commit[:12]}." if code.commit else f" {code.note}".rstrip()
    learnt = f" {assessment.learnt} corrections of reviewers are among it." if assessment.learnt else ""
    note = f"Model {assessment.version}, by the hash of what it learnt from.{learnt}{read}"
    return TablePanel(
        title="What it stands on",
        columns=("what", "state", "measured on later issues"),
        rows=rows,
        note=note,
        folded=True,
    )


def _link(draft: Draft) -> Cell:
    return Cell(text=short(draft.issue.key), href=draft.issue.url or None)
