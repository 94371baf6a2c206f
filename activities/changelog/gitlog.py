"""Reading `git log -z` as it streams.

A record is seven fields and then, with --numstat, a token for each file, all ended by zero bytes. Neither
messages nor file names can hold one, so nothing in them can be taken for structure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

FORMAT = "--format=%H%x00%P%x00%ct%x00%aN%x00%aE%x00%s%x00%b"
FIELDS = 7
MAX_TOKEN = 1 << 20
MAX_SUBJECT = 1_000
MAX_BODY = 8_000
MAX_FILES = 300

LOG: tuple[str, ...] = ("log", "-z", "--no-color", "--no-notes", "--no-show-signature", FORMAT)
WITH_FILES: tuple[str, ...] = (
    "--first-parent",
    "--diff-merges=first-parent",
    "--numstat",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
)


@dataclass(slots=True)
class Record:
    """A commit as git log printed it. Files are (path, added, deleted); -1 and -1 for a binary one."""

    sha: str
    parents: Sequence[str]
    time: int
    author: str
    email: str
    subject: str
    body: str
    files: list[tuple[str, int, int]] = field(default_factory=list)
    more_files: int = 0


class LogReader:
    """Feed it chunks; it calls `found` with each record. Call `close` at the end."""

    def __init__(self, found: Callable[[Record], None]) -> None:
        self._found = found
        self._pending: list[bytes] = []
        self._held = 0
        self._fields: list[bytes] = []
        self._files: list[tuple[str, int, int]] = []
        self._more = 0

    def feed(self, chunk: bytes) -> None:
        first, *rest = chunk.split(b"\0")
        self._hold(first)
        if not rest:
            return
        *tokens, last = rest
        self._token(b"".join(self._pending))
        for token in tokens:
            self._token(token)
        self._pending, self._held = [], 0
        self._hold(last)

    def close(self) -> None:
        self._emit()

    def _hold(self, piece: bytes) -> None:
        """Keep the start of a token that isn't complete; what goes past the limit is dropped."""
        if piece and self._held < MAX_TOKEN:
            self._pending.append(piece)
            self._held += len(piece)

    def _token(self, token: bytes) -> None:
        if len(self._fields) < FIELDS:
            self._fields.append(token)
        elif b"\t" in token:
            self._file(token)
        else:
            self._emit()
            self._fields = [token]

    def _file(self, token: bytes) -> None:
        if len(self._files) >= MAX_FILES:
            self._more += 1
            return
        added, deleted, path = token.lstrip(b"\n").split(b"\t", 2)
        self._files.append((path.decode("utf-8", "replace"), _count(added), _count(deleted)))

    def _emit(self) -> None:
        if len(self._fields) == FIELDS:
            self._found(_record(self._fields, self._files, self._more))
        self._fields, self._files, self._more = [], [], 0


def _count(number: bytes) -> int:
    return int(number) if number.isdigit() else -1


def _record(fields: Sequence[bytes], files: list[tuple[str, int, int]], more: int) -> Record:
    sha, parents, time, author, email, subject, body = (part.decode("utf-8", "replace") for part in fields)
    return Record(
        sha=sha,
        parents=parents.split(),
        time=int(time or 0),
        author=author[:200],
        email=email[:200],
        subject=subject[:MAX_SUBJECT],
        body=body.strip()[:MAX_BODY],
        files=files,
        more_files=more,
    )
