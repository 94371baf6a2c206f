"""What a reviewer sees of a changelog entry. Pure."""

import re

from activities.changelog.render import commit_url, plain
from activities.changelog.structure import markup_of
from activities.diff import unified
from activities.models.injection import findings
from contracts.changelog import Change, ChangelogDraft, History, Line
from contracts.proposal import (
    Cell,
    Claim,
    ClaimsPanel,
    ComparePanel,
    DiffPanel,
    MarkdownPanel,
    Panel,
    TablePanel,
)

MAX_ROWS = 200
MAX_SOURCES = 20


def panels(history: History, draft: ChangelogDraft, before: ChangelogDraft | None, new_text: str) -> tuple[Panel, ...]:
    """The evidence, in the order in which it is read. `before` is the version to compare with, if any."""
    shown: list[Panel] = [
        MarkdownPanel(title="The entry", text=readable(history, draft.markdown)),
        DiffPanel(
            title=f"What changes in {history.changelog_path}",
            path=history.changelog_path,
            diff=unified(history.changelog_path, history.changelog_text, new_text),
        ),
        _claims(history, draft),
    ]
    if told := _speaking(history):
        shown.append(told)
    if before is not None:
        shown.append(_compare(before, draft))
    if draft.left_out:
        shown.append(_left_out(history, draft))
    return tuple(shown)


def readable(history: History, text: str) -> str:
    """The entry as Markdown to be rendered; in another markup it is shown as it is."""
    markup = markup_of(history.changelog_path)
    if markup == "markdown":
        return text
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{markup}\n{text}{fence}\n"


def _speaking(history: History) -> TablePanel | None:
    """Commits whose text seems to be meant for a machine. For the reviewer's eyes: nothing else looks at it."""
    found = [(change, finding) for change in history.changes for finding in findings(text_of(change))]
    if not found:
        return None
    rows = tuple(
        (
            Cell(text=change.sha[:9], href=commit_url(history.web_url, change.sha) or None),
            Cell(text=finding.what),
            Cell(text=plain(finding.quote, 200)),
        )
        for change, finding in found[:MAX_ROWS]
    )
    note = f"{len(found) - MAX_ROWS:,} more are not shown." if len(found) > MAX_ROWS else ""
    title = "Commits that seem to tell a machine what to do"
    return TablePanel(title=title, columns=("Commit", "It seems to want", "Its words"), rows=rows, note=note)


def text_of(change: Change) -> str:
    return "\n".join([change.subject, change.body, *(f"{subject}\n{body}" for subject, body in change.merged)])


def _claims(history: History, draft: ChangelogDraft) -> ClaimsPanel:
    known = {change.sha: change for change in history.changes}
    claims = tuple(
        Claim(text=plain(line.text, 2000), group=line.section, sources=_sources(line, known, history.web_url))
        for line in draft.lines
    )
    return ClaimsPanel(title="The commits behind each line", claims=claims)


def _sources(line: Line, known: dict[str, Change], web_url: str) -> tuple[Cell, ...]:
    cells = [_commit(sha, known, web_url) for sha in line.changes[:MAX_SOURCES]]
    more = len(line.changes) - MAX_SOURCES
    return (*cells, Cell(text=f"and {more} more")) if more > 0 else tuple(cells)


def _commit(sha: str, known: dict[str, Change], web_url: str) -> Cell:
    subject = plain(known[sha].subject, 120) if sha in known else ""
    return Cell(text=f"{sha[:9]} {subject}".strip(), href=commit_url(web_url, sha) or None)


def _compare(before: ChangelogDraft, draft: ChangelogDraft) -> ComparePanel:
    names = {"baseline": "The baseline's version", "model": "The model's version", "person": "As edited"}
    return ComparePanel(
        title="Before and after the edit" if draft.drafted_by == "person" else "The baseline beside the model",
        left_title=names[before.drafted_by],
        left=before.markdown,
        right_title=names[draft.drafted_by],
        right=draft.markdown,
    )


def _left_out(history: History, draft: ChangelogDraft) -> TablePanel:
    """Those nearest to being in come first: they are the ones that a reviewer may want back."""
    ordered = sorted(draft.left_out, key=lambda each: -each.score)
    rows = tuple(
        (
            Cell(text=each.sha[:9], href=commit_url(history.web_url, each.sha) or None),
            Cell(text=plain(each.subject, 200)),
            Cell(text=plain(each.why, 300)),
        )
        for each in ordered[:MAX_ROWS]
    )
    more = len(ordered) - len(rows)
    return TablePanel(
        title=f"Left out ({len(ordered):,}), and why",
        columns=("Commit", "Subject", "Why"),
        rows=rows,
        note=f"{more:,} more were left out and are not shown." if more > 0 else "",
        folded=True,
    )
