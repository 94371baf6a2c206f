"""Making proofs and exports of what is sealed, and checking them without a database."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from contracts.digests import PREFIX, tagged_digest
from contracts.errors import BadInput, NotFound
from contracts.proofs import Consistency, ExportOf, Inclusion
from contracts.records import Head, Verification
from ledger import heads as signing
from ledger.entries import COLUMNS, ENTRY_TAG, expected_columns
from ledger.merkle import consistency, inclusion, is_beginning, leaf_hash, root_by
from ledger.part import Part
from ledger.schema import entries, heads, leaves, metadata
from ledger.seals import newest_head
from ledger.store import Store
from ledger.verify import Verifier

BATCH = 2_000  # rows written at a time

_LEAF = ("position", "entry", "recorded_at", "digest", "head")
_RAW = sa.String()  # times are told as the text that was sealed
_LEAVES = sa.select(
    leaves.c.position,
    leaves.c.entry,
    sa.type_coerce(leaves.c.recorded_at, _RAW).label("recorded_at"),
    leaves.c.digest,
    leaves.c.head,
)


class Proofs(Part):
    """What a ledger hands out to those who don't take its word."""

    def prove(self, entry: int) -> Inclusion:
        """That an entry is under the newest head. NotFound when there is none such, or it is not sealed yet."""
        with self.store.read() as connection:
            head = _head(connection)
            row = connection.execute(_LEAVES.where(leaves.c.entry == entry)).mappings().first()
            body = connection.scalar(sa.select(entries.c.body).where(entries.c.id == entry))
            if head is None or row is None or body is None:
                raise NotFound(
                    f"No entry {entry} is sealed.",
                    subject=str(entry),
                    way_out="`countersign ledger list` shows entries; they are sealed every few seconds.",
                )
            _require_not_erased(connection, entry, body, row["digest"])
            path = inclusion(row["position"], _hashes(connection, head.size))
        told = {name: row[name] for name in ("position", "entry", "recorded_at", "digest")}
        return Inclusion(realm=self.realm, head=head, body=body, path=_hex(path), **told)

    def prove_since(self, old: Head) -> Consistency:
        """That nothing which `old` covers was changed or cut off since. BadInput for a head that is not this ledger's:
        then it can't be proved, and `verify(known=[old])` says what happened."""
        with self.store.read() as connection:
            new = _head(connection)
            query = sa.select(heads).where(heads.c.number == old.number)
            row = connection.execute(query).mappings().first()
            if new is None or row is None or signing.head_of(row) != old:
                raise BadInput(
                    f"This ledger has no such head {old.number}.",
                    subject=str(old.number),
                    way_out="`countersign ledger verify --head FILE` says what became of it.",
                )
            path = consistency(old.size, _hashes(connection, new.size))
        return Consistency(realm=self.realm, old=old, new=new, path=_hex(path))

    def export(self, out: TextIO, key: str) -> ExportOf:
        """Write all that is sealed as JSON Lines: what it is, each entry with its place, each head after its entries.

        One snapshot, however long it takes. `key` is the ledger's public key.
        """
        with self.store.read() as connection:
            signed = list(connection.execute(sa.select(heads).order_by(heads.c.number)).mappings())
            sealed = signed[-1]["size"] if signed else 0
            total = connection.scalar(sa.select(sa.func.count()).select_from(entries)) or 0
            first = ExportOf(realm=self.realm, key=key, entries=sealed, heads=len(signed), unsealed=total - sealed)
            _line(out, first.model_dump(mode="json"))
            bodies = _LEAVES.add_columns(entries.c.body).outerjoin(entries, entries.c.id == leaves.c.entry)
            rows = connection.execution_options(yield_per=BATCH).execute(bodies.order_by(leaves.c.position)).mappings()
            before = 0
            for head in signed:
                for row in islice(rows, head["size"] - before):
                    _line(out, {"leaf": {name: row[name] for name in _LEAF}, "body": row["body"]})
                before = head["size"]
                told = signing.head_of(head).model_dump(mode="json")
                _line(out, {"head": told, "frontier": head["frontier"]})
        return first


def verify_export(lines: Iterable[str], key: str, known: Sequence[Head] = ()) -> tuple[ExportOf, Verification]:
    """Everything that `Ledger.verify` does, for an export and with the ledger's public key from elsewhere.

    The same code over the same tables, filled from the export. Raises BadInput for what is no export.
    """
    told = iter(lines)
    first = _first(told)
    with tempfile.TemporaryDirectory(prefix="countersign-export-") as folder:
        store = Store(f"sqlite:///{Path(folder) / 'export.db'}")
        try:
            _fill(store, told)
            found = Verifier(store, first.realm, key).run(known)
        finally:
            store.engine.dispose()
    counted = (found.entries, found.heads)
    if counted != (first.entries, first.heads):
        says = f"the export says it has {first.entries} entries under {first.heads} heads, and has {counted[0]}"
        problem = f"{says} under {counted[1]}: it was cut off or added to"
        found = found.model_copy(update={"ok": False, "problems": (*found.problems, problem)})
    return first, found


def check_inclusion(proof: Inclusion, key: str) -> tuple[str, ...]:
    """What is wrong with a proof, in words; nothing when it proves that the entry is under the signed head."""
    problems = _check_head(proof.realm, proof.head, key)
    if tagged_digest(ENTRY_TAG, proof.body.encode()) != proof.digest:
        problems.append("the entry's content does not have its digest")
    leaf = leaf_hash(signing.leaf_data(proof.entry, proof.recorded_at, proof.digest))
    root = root_by(_unhex(proof.path), proof.position, proof.head.size, leaf)
    if root is None or PREFIX + root.hex() != proof.head.root:
        problems.append("the path does not lead from the entry to the head's root")
    return tuple(problems)


def check_consistency(proof: Consistency, key: str) -> tuple[str, ...]:
    """The same for two heads."""
    problems = [*_check_head(proof.realm, proof.old, key), *_check_head(proof.realm, proof.new, key)]
    old, new = (_unhex([each.root.removeprefix(PREFIX)])[0] for each in (proof.old, proof.new))
    if not is_beginning(proof.old.size, proof.new.size, old, new, _unhex(proof.path)):
        problems.append(f"what head {proof.old.number} covers is not the beginning of what {proof.new.number} covers")
    return tuple(problems)


def _require_not_erased(connection: Connection, entry: int, body: str, digest: str) -> None:
    """What was erased has no content that a proof could be of; the record of its erasure has."""
    if tagged_digest(ENTRY_TAG, body.encode()) == digest:
        return
    record = connection.scalar(sa.select(entries.c.id).where(entries.c.key == f"erased/{entry}/1"))
    if record is not None:
        raise NotFound(
            f"Personal data in entry {entry} was erased: its digest is sealed, and what it said is gone.",
            subject=str(entry),
            way_out=f"`countersign ledger prove {record}` proves that it was erased, and `verify` by whom.",
        )


def _check_head(realm: str, head: Head, key: str) -> list[str]:
    if not signing.is_signed(signing.public_key(key), realm, head):
        return [f"head {head.number} is not signed by that key, for the installation {realm}"]
    return []


def _head(connection: Connection) -> Head | None:
    row = newest_head(connection)
    return None if row is None else signing.head_of(row)


def _hashes(connection: Connection, size: int) -> list[bytes]:
    query = _LEAVES.where(leaves.c.position < size).order_by(leaves.c.position)
    rows = connection.execution_options(yield_per=BATCH).execute(query)
    return [leaf_hash(signing.leaf_data(row.entry, row.recorded_at, row.digest)) for row in rows]


def _hex(path: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(node.hex() for node in path)


def _unhex(path: Sequence[str]) -> list[bytes]:
    try:
        return [bytes.fromhex(node) for node in path]
    except ValueError as error:
        raise BadInput("A hash in the proof is no hexadecimal number.", way_out="Get the proof again.") from error


def _line(out: TextIO, told: dict[str, Any]) -> None:
    out.write(json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n")


def _first(lines: Iterator[str]) -> ExportOf:
    try:
        return ExportOf.model_validate_json(next(lines, ""))
    except ValidationError:
        raise BadInput(
            "This is no export of a ledger.", way_out="`countersign ledger export FILE` writes one."
        ) from None


def _fill(store: Store, lines: Iterator[str]) -> None:
    """The three tables, as the export has them. BadInput, with the line's number, for a line that can't be read."""
    tables = [entries, leaves, heads]
    metadata.create_all(store.engine, tables)
    waiting: dict[str, list[dict[str, Any]]] = {table.name: [] for table in tables}
    with store.write() as connection:
        for number, line in enumerate(lines, 2):
            try:
                for name, row in _rows(json.loads(line)):
                    waiting[name].append(row)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise BadInput(
                    f"Line {number} of the export can't be read.",
                    subject=str(number),
                    way_out="Export it again; a file that was edited or cut off proves nothing.",
                ) from error
            if number % BATCH == 0:
                _insert(connection, waiting)
        _insert(connection, waiting)


def _rows(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one line. What is wrong in them is found by the verification, not here."""
    if "head" in told:
        yield "heads", Head.model_validate(told["head"]).model_dump() | {"frontier": str(told["frontier"])}
        return
    leaf, body = told["leaf"], told["body"]
    yield "leaves", {name: leaf[name] for name in _LEAF}
    if isinstance(body, str):
        kept = {"id": leaf["entry"], "recorded_at": leaf["recorded_at"], "digest": leaf["digest"], "body": body}
        yield "entries", kept | _columns(body)


def _columns(body: str) -> dict[str, str]:
    try:
        return expected_columns(body)
    except ValueError:
        return dict.fromkeys(COLUMNS, "")


def _insert(connection: Connection, waiting: dict[str, list[dict[str, Any]]]) -> None:
    """Times of leaves and entries go in as the text that they are. A line that is there twice counts once."""
    for table in (entries, leaves, heads):
        rows = waiting[table.name]
        if rows:
            plain = sa.table(table.name, *(sa.column(name) for name in rows[0]))
            into = heads if table is heads else plain
            connection.execute(sa.insert(into).prefix_with("OR IGNORE"), rows)
            rows.clear()
