"""Seals: whatever is done to the database by hand is found and named."""

import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from contracts.errors import StateUnusable
from contracts.signatures import public_line
from contracts.wire import fingerprint
from ledger import FolderArtifacts, Ledger
from ledger import heads as signing
from ledger.entries import row_of
from ledger.merkle import EMPTY, Tree, leaf_hash, node_hash
from ledger.schema import entries, heads, leaves, meta, moment_text
from tests.ledger.support import NOW, Clock, entry, tamper

Change = Callable[[Connection], object]


@pytest.fixture
def sealed(ledger: Ledger, clock: Clock) -> Ledger:
    """30 entries under three heads, an hour apart."""
    for number in range(1, 31):
        ledger.append(entry(f"key-{number}", says=f"says {number}"))
        if number % 10 == 0:
            ledger.seal()
            clock.forward(hours=1)
    assert ledger.verify().ok
    return ledger


def problems(ledger: Ledger) -> str:
    result = ledger.verify()
    assert not result.ok
    return "\n".join(result.problems)


def test_a_sealed_ledger_is_whole(sealed: Ledger) -> None:
    result = sealed.verify()
    assert (result.entries, result.sealed, result.heads, result.unsealed) == (30, 30, 3, 0)
    assert [one.sealed_in for one in sealed.entries()] == [1] * 10 + [2] * 10 + [3] * 10


def test_entries_that_wait_are_counted_and_checked(sealed: Ledger) -> None:
    sealed.append(entry("late"))
    assert sealed.verify().unsealed == 1
    tamper(sealed, lambda c: c.execute(sa.update(entries).where(entries.c.key == "late").values(says="x")))
    assert "entry 31 was changed" in problems(sealed)


def update(number: int, **values: object) -> Change:
    return lambda c: c.execute(sa.update(entries).where(entries.c.id == number).values(**values))


def rewritten(number: int, **fields: object) -> dict[str, object]:
    """A forged entry whose own digest is right."""
    row = row_of(entry(f"key-{number}", **fields), NOW)
    return dict(zip(("key", "kind", "name", "says", "run", "actor"), row, strict=False)) | {
        "digest": row[-2],
        "body": row[-1],
    }


def test_a_changed_column_is_named(sealed: Ledger) -> None:
    tamper(sealed, update(17, says="nothing happened"))
    assert problems(sealed) == "entry 17 was changed: its 'says' is not what its sealed body says"


def test_a_changed_body_is_named(sealed: Ledger) -> None:
    tamper(sealed, update(17, body=sa.func.replace(entries.c.body, "says 17", "says 71")))
    assert "entry 17 was changed" in problems(sealed)


def test_a_changed_body_with_a_new_digest_is_named(sealed: Ledger) -> None:
    tamper(sealed, update(17, **rewritten(17, says="nothing happened")))
    assert problems(sealed) == "entry 17 was changed: it does not have the digest that was sealed"


def test_a_change_that_also_forges_the_leaf_breaks_the_signed_root(sealed: Ledger) -> None:
    forged = rewritten(17, says="nothing happened")

    def change(connection: Connection) -> None:
        update(17, **forged)(connection)
        connection.execute(sa.update(leaves).where(leaves.c.entry == 17).values(digest=forged["digest"]))

    tamper(sealed, change)
    found = problems(sealed)
    assert re.match(r"head 2 signed another root than that of places 10 to 19", found)
    assert "head 3" not in found, "later heads are judged on their own"


def test_a_deleted_entry_is_named(sealed: Ledger) -> None:
    tamper(sealed, lambda c: c.execute(sa.delete(entries).where(entries.c.id == 17)))
    assert problems(sealed) == "entry 17 was deleted"


def test_a_deleted_entry_with_its_leaf_is_named(sealed: Ledger) -> None:
    def change(connection: Connection) -> None:
        connection.execute(sa.delete(entries).where(entries.c.id == 17))
        connection.execute(sa.delete(leaves).where(leaves.c.entry == 17))

    tamper(sealed, change)
    found = problems(sealed)
    assert "places 16 to 16 of the tree were deleted" in found
    assert "head 3" not in found


def test_a_cut_off_tail_is_found_by_its_head(sealed: Ledger) -> None:
    def change(connection: Connection) -> None:
        connection.execute(sa.delete(entries).where(entries.c.id > 25))
        connection.execute(sa.delete(leaves).where(leaves.c.entry > 25))

    tamper(sealed, change)
    assert "places 25 to 29 of the tree were deleted" in problems(sealed)


def test_a_tail_cut_off_with_its_head_is_found_by_a_head_kept_elsewhere(sealed: Ledger) -> None:
    kept = sealed.head()
    assert kept is not None

    def change(connection: Connection) -> None:
        connection.execute(sa.delete(entries).where(entries.c.id > 20))
        connection.execute(sa.delete(leaves).where(leaves.c.entry > 20))
        connection.execute(sa.delete(heads).where(heads.c.number == 3))

    tamper(sealed, change)
    result = sealed.verify(known=[kept])
    assert result.problems == ("head 3 (of 30 entries), kept elsewhere, was cut off here",)


def test_swapped_entries_are_named(sealed: Ledger) -> None:
    def change(connection: Connection) -> None:
        for old, new in ((12, -1), (18, 12), (-1, 18)):
            update(old, id=new)(connection)

    tamper(sealed, change)
    found = problems(sealed)
    assert "entry 12 was reordered: its content was sealed as entry 18" in found
    assert "entry 18 was reordered: its content was sealed as entry 12" in found


def test_swapped_leaves_are_named(sealed: Ledger) -> None:
    def change(connection: Connection) -> None:
        for old, new in ((11, -1), (17, 11), (-1, 17)):
            moved = sa.update(leaves).where(leaves.c.position == old)
            connection.execute(moved.values(position=new))

    tamper(sealed, change)
    found = problems(sealed)
    assert "was reordered" in found
    assert "head 2 signed another root" in found


def test_a_back_dated_entry_is_named(sealed: Ledger) -> None:
    tamper(sealed, update(17, recorded_at=NOW - timedelta(days=400)))
    assert "entry 17 was back-dated" in problems(sealed)


def test_an_entry_slipped_in_with_an_old_date_is_named(sealed: Ledger, clock: Clock) -> None:
    def change(connection: Connection) -> None:
        row = row_of(entry("forged", says="it was approved"), NOW - timedelta(days=1))
        sealed.insert_rows(connection, [row])

    tamper(sealed, change)
    sealed.seal()
    assert "entry 31 was back-dated: it says it was recorded 2026-11-22" in problems(sealed)


def test_an_altered_head_is_named(sealed: Ledger) -> None:
    tamper(sealed, lambda c: c.execute(sa.update(heads).where(heads.c.number == 2).values(sealed_at=NOW)))
    found = problems(sealed)
    assert "head 2 was altered: its signature does not match" in found
    assert "head 3 does not follow head 2" in found


def test_a_deleted_head_is_named(sealed: Ledger) -> None:
    tamper(sealed, lambda c: c.execute(sa.delete(heads).where(heads.c.number == 2)))
    assert "head 2 was deleted" in problems(sealed)


def test_the_newest_head_deleted_is_named(sealed: Ledger) -> None:
    tamper(sealed, lambda c: c.execute(sa.delete(heads).where(heads.c.number == 3)))
    assert "entry 21 has place 20, but the head over it was deleted" in problems(sealed)


def test_an_altered_frontier_is_named_and_stops_sealing(sealed: Ledger) -> None:
    tamper(sealed, lambda c: c.execute(sa.update(heads).values(frontier="[]")))
    assert "head 3 was altered: its kept frontier is not that of its tree" in problems(sealed)
    sealed.append(entry("next"))
    with pytest.raises(StateUnusable, match="tree of head 3"):
        sealed.seal()


def test_a_whole_forgery_under_another_key_is_named(sealed: Ledger) -> None:
    """Somebody with the database, but not the ledger's key, signs all heads anew and swaps the public key."""
    forger = Ed25519PrivateKey.generate()
    line = public_line(forger, "countersign-ledger")

    def change(connection: Connection) -> None:
        connection.execute(sa.update(meta).where(meta.c.name == "ledger_key").values(value=line))
        previous = ""
        for row in connection.execute(sa.select(heads).order_by(heads.c.number)).mappings().all():
            fields = {"key": fingerprint(line), "previous": previous}
            head = signing.head_of(row).model_copy(update=fields)
            head = signing.sign(forger, sealed.realm, head)
            previous = signing.head_hash(sealed.realm, head)
            values = fields | {"signature": head.signature}
            connection.execute(sa.update(heads).where(heads.c.number == head.number).values(values))

    tamper(sealed, change)
    assert "head 1 is signed by another key than the ledger's" in problems(sealed)


def test_the_database_refuses_to_change_heads_and_leaves(sealed: Ledger) -> None:
    for table in (heads, leaves):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), sealed.store.write() as connection:
            connection.execute(sa.delete(table))


def test_a_late_commit_gets_the_next_place(sealed: Ledger) -> None:
    """PostgreSQL may commit an entry with a lower id after one with a higher id was sealed."""
    insert = sa.insert(entries)
    for number in (40, 35):
        row = {"id": number, "recorded_at": sealed.clock()} | rewritten(number)
        with sealed.store.write() as connection:
            connection.execute(insert, [row])
        sealed.seal()
    assert sealed.verify().ok
    assert sealed.verify().sealed == 32


def test_nothing_new_makes_no_head(sealed: Ledger) -> None:
    sealed.seal()
    assert sealed.verify().heads == 3


def test_a_process_without_the_key_cannot_seal_but_can_verify(url: str, sealed: Ledger, tmp_path: Path) -> None:
    with Ledger.open(url, FolderArtifacts(tmp_path / "artifacts")) as other:
        assert other.verify().ok
        with pytest.raises(StateUnusable, match="key"):
            other.seal()


def test_another_key_and_a_lost_key_are_refused(url: str, sealed: Ledger, tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path / "artifacts")
    with pytest.raises(StateUnusable, match="is gone"):
        Ledger.open(url, artifacts, signing_key=tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    signing.load_or_make(tmp_path / "other")
    with pytest.raises(StateUnusable, match="not the one"):
        Ledger.open(url, artifacts, signing_key=tmp_path / "other")


def test_the_key_file_is_private(ledger: Ledger, tmp_path: Path) -> None:
    assert (tmp_path / "ledger_key").stat().st_mode & 0o777 == 0o600


def test_sealing_goes_on_by_itself_and_at_close(url: str, tmp_path: Path) -> None:
    artifacts, key = FolderArtifacts(tmp_path / "artifacts"), tmp_path / "ledger_key"
    with Ledger.open(url, artifacts, signing_key=key, seal_seconds=30) as ledger:
        ledger.append(entry("a", started_at=NOW))
    with Ledger.open(url, artifacts, signing_key=key) as ledger:
        assert ledger.verify().sealed == 1


def recursive_root(data: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it is written there."""
    if not data:
        return sha256().digest()
    if len(data) == 1:
        return leaf_hash(data[0])
    split = 1 << (len(data) - 1).bit_length() - 1
    return node_hash(recursive_root(data[:split]), recursive_root(data[split:]))


def test_the_tree_is_that_of_rfc_9162() -> None:
    tree = Tree()
    assert tree.root() == EMPTY == recursive_root([])
    data = [str(number).encode() for number in range(70)]
    for size, one in enumerate(data, 1):
        tree.add(one)
        tree = Tree(tree.size, tree.frontier)
        assert tree.root() == recursive_root(data[:size])


def test_the_tree_has_the_published_roots() -> None:
    """Certificate Transparency's own test vectors (google/certificate-transparency, merkletree tests)."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = Tree()
    for one in inputs:
        tree.add(bytes.fromhex(one))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_moments_sort_as_text() -> None:
    assert moment_text(NOW) == "2026-11-23T12:00:00.000000Z"
    assert moment_text(NOW) < moment_text(NOW + timedelta(microseconds=1))
