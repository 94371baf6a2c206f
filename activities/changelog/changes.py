"""The changes of a range: the commits of its first-parent line, each with what it brought in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.changelog.git import Git
from activities.changelog.gitlog import LOG, MAX_FILES, WITH_FILES, LogReader, Record
from activities.changelog.progress import Progress
from contracts.changelog import Change, FileChange

MAX_CHANGES = 200_000
MAX_MERGED_BODY = 2_000


@dataclass(frozen=True)
class Changes:
    """Oldest first. `truncated` says in words what was not read."""

    changes: tuple[Change, ...]
    truncated: str = ""


async def read(git: Git, base: str, head: str, told: Progress, *, limit: int = MAX_CHANGES) -> Changes:
    """Read a range. With more than `limit` changes, the newest are read and the rest is said."""
    line = await _records(git, (*WITH_FILES, f"--max-count={limit + 1}"), base, head, told)
    cut, line = len(line) > limit, line[:limit]
    merged = await _merged(git, base, head, line, told) if any(len(r.parents) > 1 for r in line) else {}
    changes = tuple(_change(record, merged.get(record.sha, ())) for record in reversed(line))
    return Changes(changes, _not_read(cut, limit, line))


def _not_read(cut: bool, limit: int, line: Sequence[Record]) -> str:
    wide = sum(1 for record in line if record.more_files)
    told = [f"Only the newest {limit:,} changes were read."] if cut else []
    if wide:
        told.append(f"{wide:,} changes touch more than {MAX_FILES} files; the first {MAX_FILES} of each were read.")
    return " ".join(told)


async def _records(git: Git, options: Sequence[str], base: str, head: str, told: Progress) -> list[Record]:
    records: list[Record] = []

    def found(record: Record) -> None:
        records.append(record)
        told.says = f"read {len(records):,} commits"

    reader = LogReader(found)
    span = (head, f"^{base}") if base else (head,)
    await git.run(*LOG, *options, *span, "--", on_stdout=reader.feed)
    reader.close()
    return records


async def _merged(
    git: Git, base: str, head: str, line: Sequence[Record], told: Progress
) -> Mapping[str, Sequence[Record]]:
    """For each merge of the first-parent line, the commits that it brought in, newest first."""
    on_line = {record.sha for record in line}
    limit = f"--max-count={2 * MAX_CHANGES}"
    others = {r.sha: r for r in await _records(git, (limit,), base, head, told) if r.sha not in on_line}
    return {record.sha: _take(record.parents[1:], others) for record in reversed(line)}


def _take(parents: Sequence[str], others: dict[str, Record]) -> list[Record]:
    """The commits reachable from these that no older merge has taken yet, newest first."""
    taken, todo = [], list(parents)
    while todo:
        record = others.pop(todo.pop(), None)
        if record is not None:
            taken.append(record)
            todo += record.parents
    return sorted(taken, key=lambda record: -record.time)


def _change(record: Record, merged: Sequence[Record]) -> Change:
    """Without validation: every field was made by our own parser, and there may be 200,000 of them."""
    return Change.model_construct(
        sha=record.sha,
        time=record.time,
        subject=record.subject,
        body=record.body,
        author=record.author,
        email=record.email,
        merged=tuple((other.subject, other.body[:MAX_MERGED_BODY]) for other in merged),
        merged_shas=tuple(other.sha for other in merged),
        merged_authors=tuple(other.author for other in merged),
        files=tuple(
            FileChange.model_construct(path=path, added=added, deleted=deleted) for path, added, deleted in record.files
        ),
    )
