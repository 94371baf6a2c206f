"""Seals: entries get their places in a Merkle tree, and signed heads of the tree form a chain.

The sealer gives places in the order of ids, under a lock. On PostgreSQL an entry with a lower id may be
committed after one with a higher id; it gets the next free place when it is seen. A leaf binds the entry's
id, its digest and the time at which the ledger took it in.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from contracts.digests import PREFIX
from contracts.errors import CountersignError, StateUnusable
from contracts.records import Head, Verification
from contracts.signatures import public_line
from contracts.wire import fingerprint
from ledger import heads as signing
from ledger.merkle import Tree
from ledger.schema import entries, heads, leaves, meta, moment_text
from ledger.search import Search
from ledger.verify import Verifier

SEAL_LOCK = 2
CHUNK = 1_000  # entries under one head at most: bounds how long sealing holds the write lock (about 20 ms)
LATE = 10_000  # ids below the last sealed one in which a late commit is looked for at each seal

log = logging.getLogger(__name__)


class Seals(Search):
    """Sealing and verifying."""

    sealer: threading.Thread | None = None
    _stop: threading.Event

    def hold_key(self, path: Path, seal_seconds: float | None) -> None:
        """Use the ledger's key in `path`. StateUnusable when the ledger is sealed with another one."""
        known = self.ledger_key()
        if known is not None and not path.exists():
            raise _key_missing(path)
        key = signing.load_or_make(path)
        line = public_line(key, "countersign-ledger")
        if known is None:
            with self.store.write() as connection:
                connection.execute(self.store.insert_once(meta), [{"name": "ledger_key", "value": line}])
            known = self.ledger_key()
        if known != line:
            raise _key_differs(path)
        self.signing_key, self.signing_key_path = key, path
        if seal_seconds is not None:
            self._start_sealing(seal_seconds)

    def ledger_key(self) -> str | None:
        """The public key that this ledger is sealed with, as an OpenSSH line; None before the first."""
        with self.store.read() as connection:
            return connection.scalar(sa.select(meta.c.value).where(meta.c.name == "ledger_key"))

    def seal(self, *, everything: bool = False) -> None:
        """Seal what is not sealed yet. `everything` also looks for entries that were committed very late.

        StateUnusable when this process does not hold the ledger's key.
        """
        while self._seal_chunk(everything):
            pass

    def head(self) -> Head | None:
        """The newest head. Keep a copy somewhere else, and `verify(known=[copy])` finds a cut-off log."""
        with self.store.read() as connection:
            row = newest_head(connection)
        return None if row is None else signing.head_of(row)

    def verify(self, *, known: Sequence[Head] = (), public_key: str | None = None) -> Verification:
        """Recompute every digest, place, root, chain link and signature; name each problem.

        `public_key` is the ledger's key from a place that you trust; without it, the key that this process
        holds, else the one in the database (which proves less: who can change it can sign anew).
        """
        trusted = public_key or (public_line(self.signing_key) if self.signing_key else self.ledger_key())
        return Verifier(self.store, self.realm, trusted).run(known)

    def stop_sealing(self) -> None:
        if self.sealer is not None:
            self._stop.set()
            self.sealer.join()
            self.sealer = None

    def _seal_chunk(self, everything: bool) -> bool:
        """Seal up to CHUNK entries in one transaction. False when there were none."""
        key = self.signing_key
        if key is None:
            raise StateUnusable(
                "This process does not hold the ledger's key, so it cannot seal.",
                way_out="Open the ledger with its signing key, as the worker does.",
            )
        with self.store.write() as connection:
            self.store.lock(connection, SEAL_LOCK)
            newest = newest_head(connection)
            rows = _unsealed(connection, everything)
            if not rows:
                return False
            tree = _tree(newest)
            number = 1 if newest is None else newest["number"] + 1
            connection.execute(sa.insert(leaves), _grow(tree, rows, number))
            previous = "" if newest is None else signing.head_hash(self.realm, signing.head_of(newest))
            head = Head(
                number=number,
                size=tree.size,
                root=PREFIX + tree.root().hex(),
                previous=previous,
                sealed_at=self.clock(),
                key=fingerprint(public_line(key)),
                signature="",
            )
            signed = signing.sign(key, self.realm, head)
            kept = {"frontier": signing.frontier_text(tree.frontier)}
            connection.execute(sa.insert(heads), [signed.model_dump() | kept])
        return True

    def _start_sealing(self, seconds: float) -> None:
        self._stop = threading.Event()
        self.sealer = threading.Thread(target=self._keep_sealing, args=(seconds,), name="ledger-sealer", daemon=True)
        self.sealer.start()

    def _keep_sealing(self, seconds: float) -> None:
        """Seal until the ledger closes, and once more then. A failure is logged and tried again."""
        stopping = False
        while not stopping:
            stopping = self._stop.wait(seconds)
            try:
                self.seal()
                self.index()
            except CountersignError as error:
                log.warning("sealing has to wait: %s", error)
            except Exception:
                log.exception("sealing failed; it is tried again")


def newest_head(connection: Connection) -> RowMapping | None:
    query = sa.select(heads).order_by(heads.c.number.desc()).limit(1)
    return connection.execute(query).mappings().first()


def _tree(newest: RowMapping | None) -> Tree:
    if newest is None:
        return Tree()
    try:
        return Tree(newest["size"], signing.frontier_of(newest))
    except ValueError as error:
        raise StateUnusable(
            f"The tree of head {newest['number']} was changed in the database.",
            way_out="`countersign ledger verify` names what was changed.",
        ) from error


def _unsealed(connection: Connection, everything: bool) -> Sequence[Any]:
    """Entries without a leaf, lowest ids first."""
    query = (
        sa.select(entries.c.id, entries.c.digest, entries.c.recorded_at)
        .outerjoin(leaves, leaves.c.entry == entries.c.id)
        .where(leaves.c.entry.is_(None))
    )
    if not everything:
        last = connection.scalar(sa.select(sa.func.max(leaves.c.entry))) or 0
        query = query.where(entries.c.id > last - LATE)
    return connection.execute(query.order_by(entries.c.id).limit(CHUNK)).all()


def _grow(tree: Tree, rows: Sequence[Any], number: int) -> list[dict[str, object]]:
    """Add a leaf for each row, and give the rows of `leaves`."""
    grown: list[dict[str, object]] = []
    for entry, digest, recorded_at in rows:
        place = {"position": tree.size, "entry": entry, "digest": digest}
        grown.append(place | {"recorded_at": recorded_at, "head": number})
        tree.add(signing.leaf_data(entry, moment_text(recorded_at), digest))
    return grown


def _key_missing(path: Path) -> StateUnusable:
    return StateUnusable(
        f"This ledger is sealed already, and its key {str(path)!r} is gone.",
        subject=str(path),
        way_out="Put the key back from a backup: a new one could not continue the chain.",
    )


def _key_differs(path: Path) -> StateUnusable:
    return StateUnusable(
        f"The key in {str(path)!r} is not the one that this ledger is sealed with.",
        subject=str(path),
        way_out="Point to the ledger's own key, or to the database that belongs to this key.",
    )
