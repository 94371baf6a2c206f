"""Verification: everything is computed again, and each problem is named.

Three questions, in one snapshot of the database. Do the heads chain, and are they signed? Does the tree over
the leaves have the roots that were signed? Is each entry what its leaf says? When all three are yes, nothing
that was sealed has been changed, deleted, put elsewhere or back-dated.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row, RowMapping

from contracts.digests import PREFIX, tagged_digest
from contracts.records import Head, Verification
from contracts.wire import fingerprint
from ledger import heads as signing
from ledger.entries import COLUMNS, ENTRY_TAG, expected_columns
from ledger.merkle import Tree
from ledger.schema import clean, entries, heads, leaves, moment_text
from ledger.store import Store
from ledger.tombstones import RECORDS, Erasures

MOST = 200  # problems that are named; more are counted
SKEW = timedelta(minutes=5)  # between the clocks of the hosts that write to one ledger
PAGE = 5_000  # rows fetched at a time

Leaf = Row[Any]

_RAW = sa.String()  # times are compared as the text that was sealed
_ENTRY_COLUMNS = [
    entries.c.id,
    entries.c.digest.label("entry_digest"),
    sa.type_coerce(entries.c.recorded_at, _RAW).label("entry_recorded_at"),
    entries.c.body,
    *(entries.c[name] for name in COLUMNS),
]
LEAVES = (
    sa.select(
        leaves.c.position,
        leaves.c.entry,
        leaves.c.digest,
        sa.type_coerce(leaves.c.recorded_at, _RAW).label("recorded_at"),
        leaves.c.head,
        *_ENTRY_COLUMNS,
    )
    .outerjoin(entries, entries.c.id == leaves.c.entry)
    .order_by(leaves.c.position)
)
UNSEALED = (
    sa.select(*_ENTRY_COLUMNS)
    .outerjoin(leaves, leaves.c.entry == entries.c.id)
    .where(leaves.c.entry.is_(None))
    .order_by(entries.c.id)
)


@dataclass(frozen=True)
class Span:
    """A head and the places that it was the first to cover; times as the ledger's text."""

    head: RowMapping
    number: int
    start: int
    end: int
    opened: str
    earliest: str
    latest: str


class Verifier:
    """One verification. `trusted` is the public key line that the heads have to be signed with."""

    def __init__(self, store: Store, realm: str, trusted: str | None) -> None:
        self.store, self.realm = store, realm
        self.trusted = None if trusted is None else signing.public_key(trusted)
        self.fingerprint = "" if trusted is None else fingerprint(trusted)
        self.problems: list[str] = []
        self.unnamed = 0
        self.sealed = self.unsealed = 0
        self.moved: list[tuple[int, str]] = []
        self.erasures = Erasures(realm)

    def run(self, known: Sequence[Head] = ()) -> Verification:
        started = time.monotonic()
        with self.store.read() as connection:
            rows = list(connection.execute(sa.select(heads).order_by(heads.c.number)).mappings())
            self._check_heads(rows)
            self._check_known(rows, known)
            self._check_leaves(connection, rows)
            self._name_mismatches(connection)
            self._check_unsealed(connection)
            self._check_erased()
            total = connection.scalar(sa.select(sa.func.count()).select_from(entries)) or 0
        if self.unnamed:
            self.problems.append(f"and {self.unnamed} more problems")
        return Verification(
            ok=not self.problems,
            entries=total,
            sealed=self.sealed,
            heads=len(rows),
            problems=tuple(self.problems),
            unsealed=self.unsealed,
            erased=self.erasures.says(),
            seconds=round(time.monotonic() - started, 3),
        )

    def _say(self, problem: str) -> None:
        if len(self.problems) < MOST:
            self.problems.append(problem)
        else:
            self.unnamed += 1

    # Heads

    def _check_heads(self, rows: Sequence[RowMapping]) -> None:
        before: Head | None = None
        for row in rows:
            head = signing.head_of(row)
            self._check_chain(before, head)
            self._check_signature(head)
            before = head

    def _check_chain(self, before: Head | None, head: Head) -> None:
        number = 1 if before is None else before.number + 1
        previous = "" if before is None else signing.head_hash(self.realm, before)
        if head.number != number:
            self._say(f"head {number} was deleted: head {head.number} comes after head {number - 1}")
        elif head.previous != previous:
            self._say(f"head {head.number} does not follow head {number - 1}: one of the two was altered")
        if before is not None and head.size <= before.size:
            self._say(f"head {head.number} was altered: it covers no more than head {before.number}")
        if before is not None and head.sealed_at < before.sealed_at - SKEW:
            self._say(f"head {head.number} was back-dated: {head.sealed_at} is before head {before.number}")

    def _check_signature(self, head: Head) -> None:
        if self.trusted is None or head.key != self.fingerprint:
            self._say(f"head {head.number} is signed by another key than the ledger's: {head.key}")
        elif not signing.is_signed(self.trusted, self.realm, head):
            self._say(f"head {head.number} was altered: its signature does not match")

    def _check_known(self, rows: Sequence[RowMapping], known: Sequence[Head]) -> None:
        """Heads that were kept elsewhere have to be here still, unchanged."""
        here = {row["number"]: signing.head_of(row) for row in rows}
        for head in known:
            if head.number not in here:
                self._say(f"head {head.number} (of {head.size} entries), kept elsewhere, was cut off here")
            elif here[head.number] != head:
                self._say(f"head {head.number} is not the one that was kept elsewhere: history was rewritten")

    # The tree

    def _check_leaves(self, connection: Connection, rows: Sequence[RowMapping]) -> None:
        """Walk the leaves in order, and compare the tree with each head when its size is reached."""
        tree, spans, last = Tree(), iter(_spans(rows)), 0
        span = next(spans, None)
        for leaf in self._stream(connection, LEAVES):
            if leaf.position != tree.size:
                self._say(f"places {tree.size} to {leaf.position - 1} of the tree were deleted")
                tree = _jump(leaf.position)
            while span is not None and tree.size >= span.end:
                span, last = next(spans, None), 0
            self._check_place(leaf, span, last)
            last = leaf.entry
            tree.add(signing.leaf_data(leaf.entry, leaf.recorded_at, leaf.digest))
            if span is not None and tree.size == span.end:
                tree = self._check_root(tree, span)
        self.sealed = tree.size
        if rows and tree.size < rows[-1]["size"]:
            self._say(f"places {tree.size} to {rows[-1]['size'] - 1} of the tree were deleted")

    def _check_root(self, tree: Tree, span: Span) -> Tree:
        """The tree to go on with: after a wrong root, that of the head itself, so that later heads are
        judged on their own leaves."""
        head, signed = span.head, _tree_of(span.head)
        if PREFIX + tree.root().hex() == head["root"]:
            if signed is None or signed.frontier != tree.frontier:
                self._say(f"head {head['number']} was altered: its kept frontier is not that of its tree")
            return tree
        self._say(
            f"head {head['number']} signed another root than that of places {span.start} to {span.end - 1}: "
            "an entry there was changed, deleted, reordered or back-dated, or the head was altered"
        )
        return signed or tree

    def _check_place(self, leaf: Leaf, span: Span | None, last: int) -> None:
        """One leaf: in its place, under its head, in time, and its entry as it was sealed."""
        if span is None:
            self._say(f"entry {leaf.entry} has place {leaf.position}, but the head over it was deleted")
            return
        if leaf.head != span.number:
            self._say(f"entry {leaf.entry} was reordered: it was sealed under head {leaf.head}")
        elif leaf.entry <= last:
            self._say(f"entry {leaf.entry} was reordered: it stands after entry {last}")
        if leaf.id is None:
            self._say(f"entry {leaf.entry} was deleted")
            return
        if leaf.entry_digest != leaf.digest:
            self.moved.append((leaf.entry, leaf.entry_digest))
        else:
            self._check_content(leaf)
        if leaf.entry_recorded_at != leaf.recorded_at:
            self._say(
                f"entry {leaf.entry} was back-dated: it says it was recorded {leaf.entry_recorded_at}, "
                f"and it was sealed as recorded {leaf.recorded_at}"
            )
        self._check_time(leaf, span)

    def _check_time(self, leaf: Leaf, span: Span) -> None:
        if leaf.recorded_at < span.earliest:
            self._say(
                f"entry {leaf.entry} was back-dated: it says it was recorded {leaf.recorded_at}, "
                f"but head {span.number - 1} of {span.opened} did not have it"
            )
        elif leaf.recorded_at > span.latest:
            self._say(f"entry {leaf.entry} says it was recorded after the head that sealed it")

    # Entries

    def _check_content(self, row: Leaf) -> None:
        """The body has the digest, and the columns say what the body says. Tombstones are judged at the end."""
        if tagged_digest(ENTRY_TAG, row.body.encode()) != row.entry_digest:
            self.erasures.stands(row.id, row.entry_digest, row.body)
            self._check_columns(row, unless_forged=True)
            return
        self._check_columns(row)
        if row.name in RECORDS:
            self.erasures.take(row.body)

    def _check_columns(self, row: Leaf, *, unless_forged: bool = False) -> None:
        try:
            expected = expected_columns(row.body)
        except ValueError:
            if not unless_forged:
                self._say(f"entry {row.id} is no entry: its body cannot be read")
            return
        found = row[-len(COLUMNS) :]
        if found != tuple(expected.values()):
            self._name_columns(row.id, expected, dict(zip(COLUMNS, found, strict=True)))

    def _check_erased(self) -> None:
        for problem in self.erasures.problems():
            self._say(problem)

    def _name_columns(self, entry: int, expected: dict[str, str], found: dict[str, str]) -> None:
        for name, value in expected.items():
            if found[name] != clean(value):
                self._say(f"entry {entry} was changed: its {name!r} is not what its sealed body says")

    def _name_mismatches(self, connection: Connection) -> None:
        """An entry with another digest than its leaf: another entry put in its place, or a changed one."""
        for entry, digest in self.moved:
            query = sa.select(leaves.c.entry).where(leaves.c.digest == digest).limit(1)
            other = connection.scalar(query) if len(self.problems) < MOST else None
            if other is None:
                self._say(f"entry {entry} was changed: it does not have the digest that was sealed")
            else:
                self._say(f"entry {entry} was reordered: its content was sealed as entry {other}")

    def _check_unsealed(self, connection: Connection) -> None:
        for row in self._stream(connection, UNSEALED):
            self.unsealed += 1
            self._check_content(row)

    def _stream(self, connection: Connection, query: sa.Select[Any]) -> sa.Result[Any]:
        return connection.execution_options(yield_per=PAGE).execute(query)


def _spans(rows: Sequence[RowMapping]) -> Iterator[Span]:
    start, opened, earliest = 0, "", ""
    for row in rows:
        sealed_at: datetime = row["sealed_at"]
        latest = moment_text(sealed_at + SKEW)
        yield Span(row, row["number"], start, row["size"], opened, earliest, latest)
        start, opened, earliest = row["size"], moment_text(sealed_at), moment_text(sealed_at - SKEW)


def _jump(size: int) -> Tree:
    """A tree that stands at `size` after a gap; its root is wrong until the next head's frontier is taken."""
    return Tree(size, [b"\0" * 32] * size.bit_count())


def _tree_of(head: RowMapping) -> Tree | None:
    """The tree of a head from its kept frontier; None when that is not the tree that was signed."""
    try:
        tree = Tree(head["size"], signing.frontier_of(head))
    except ValueError:
        return None
    return tree if PREFIX + tree.root().hex() == head["root"] else None
