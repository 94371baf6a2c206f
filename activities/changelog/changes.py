"""The changes of a range: the commits of its first-parent line, each with what it brought in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from activities.changelog.gitlog import LOG, MAX_FILES, WITH_FILES, LogReader, Record
from activities.progress import Progress
from activities.repositories.git import Git
from contracts.changelog import Change, FileChange, History

MAX_CHANGES = 200_000
MAX_MERGED_BODY = 2_000

SET = set(Change.model_fields)
FILE_SET = set(FileChange.model_fields)


def thinned(history: History) -> History:
    """The same history with one shared record of which fields are set, where each change and file had its own: two
    fifths of its memory, which is then free for the work on it."""
    for change in history.changes:
        object.__setattr__(change, "__pydantic_fields_set__", SET)
        for file in change.files:
            object.__setattr__(file, "__pydantic_fields_set__", FILE_SET)
    return history


@dataclass(frozen=True)
class Changes:
    """Oldest first. `truncated` says in words what was not read."""

    changes: tuple[Change, ...]
    truncated: str = ""


async def read(git: Git, base: str, head: str, told: Progress, *, limit: int = MAX_CHANGES) -> Changes:
    """Read a range. With more than `limit` changes, the newest are read and the rest is said."""
    line = await _first_parents(git, base, head, told, limit)
    if line.merges:
        await _merge(git, base, head, line, told)
    cut = len(line.changes) > limit
    return Changes(tuple(reversed(line.changes[:limit])), _not_read(cut, limit, line.wide))


@dataclass
class _Line:
    """The first-parent line, newest first; of each merge, the place in it and the parents that came in."""

    changes: list[Change]
    merges: list[tuple[int, Sequence[str]]]
    wide: int = 0


def _not_read(cut: bool, limit: int, wide: int) -> str:
    told = [f"Only the newest {limit:,} changes were read."] if cut else []
    if wide:
        told.append(f"{wide:,} changes touch more than {MAX_FILES} files; the first {MAX_FILES} of each were read.")
    return " ".join(told)


async def _first_parents(git: Git, base: str, head: str, told: Progress, limit: int) -> _Line:
    line = _Line([], [])
    known: dict[str, str] = {}

    def found(record: Record) -> None:
        if len(record.parents) > 1:
            line.merges.append((len(line.changes), record.parents[1:]))
        line.wide += record.more_files > 0
        line.changes.append(_change(record, known))
        told.says = f"read {len(line.changes):,} commits"

    await _stream(git, (*WITH_FILES, f"--max-count={limit + 1}"), base, head, found)
    return line


async def _stream(git: Git, options: Sequence[str], base: str, head: str, found: Callable[[Record], None]) -> None:
    reader = LogReader(found)
    span = (head, f"^{base}") if base else (head,)
    await git.run(*LOG, *options, *span, "--", on_stdout=reader.feed)
    reader.close()


async def _merge(git: Git, base: str, head: str, line: _Line, told: Progress) -> None:
    """Give each merge of the line the commits that it brought in, newest first."""
    on_line = {change.sha for change in line.changes}
    others: dict[str, Record] = {}

    def found(record: Record) -> None:
        if record.sha not in on_line:
            others[record.sha] = record
            told.says = f"read {len(others):,} merged commits"

    await _stream(git, (f"--max-count={2 * MAX_CHANGES}",), base, head, found)
    for place, parents in reversed(line.merges):
        line.changes[place] = _with(line.changes[place], _take(parents, others))


def _take(parents: Sequence[str], others: dict[str, Record]) -> list[Record]:
    """The commits reachable from these that no older merge has taken yet, newest first."""
    taken, todo = [], list(parents)
    while todo:
        record = others.pop(todo.pop(), None)
        if record is not None:
            taken.append(record)
            todo += record.parents
    return sorted(taken, key=lambda record: -record.time)


def _with(change: Change, merged: Sequence[Record]) -> Change:
    brought = {
        "merged": tuple((record.subject, record.body[:MAX_MERGED_BODY]) for record in merged),
        "merged_shas": tuple(record.sha for record in merged),
        "merged_authors": tuple(record.author for record in merged),
    }
    return change.model_copy(update=brought)


def _change(record: Record, known: dict[str, str]) -> Change:
    """Without validation, since every field was made by our own parser; names that come again are kept once.
    There may be 200,000 of these."""
    return Change.model_construct(
        _fields_set=SET,
        sha=record.sha,
        time=record.time,
        subject=record.subject,
        body=record.body,
        author=known.setdefault(record.author, record.author),
        email=known.setdefault(record.email, record.email),
        merged=(),
        merged_shas=(),
        merged_authors=(),
        files=tuple(
            FileChange.model_construct(
                _fields_set=FILE_SET, path=known.setdefault(path, path), added=added, deleted=deleted
            )
            for path, added, deleted in record.files
        ),
    )
