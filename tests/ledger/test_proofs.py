"""Exports and proofs: checked without a database, with the ledger's public key from elsewhere."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import BadInput, NotFound
from contracts.proofs import Inclusion
from contracts.signatures import public_line
from ledger import Ledger
from ledger.merkle import Tree, consistency, inclusion, is_beginning, leaf_hash, root_by, root_of
from ledger.proofs import check_consistency, check_inclusion, verify_export
from ledger.schema import entries
from tests.ledger.support import Clock, entry, tamper

Lines = list[dict[str, Any]]


@pytest.fixture
def sealed(ledger: Ledger, clock: Clock) -> Ledger:
    """13 entries under three heads, and one that waits."""
    for number in range(1, 14):
        ledger.append(entry(f"key-{number}", says=f"says {number} — „ü“"))
        if number in (5, 6, 13):
            ledger.seal()
            clock.forward(hours=1)
    ledger.append(entry("waits"))
    return ledger


def key(ledger: Ledger) -> str:
    line = ledger.ledger_key()
    assert line
    return line


def exported(ledger: Ledger) -> str:
    out = io.StringIO()
    ledger.export(out, key(ledger))
    return out.getvalue()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 64, 65])
def test_every_leaf_and_every_beginning_has_a_proof_and_nothing_else_has(size: int) -> None:
    """Against the tree itself, for all places and sizes."""
    hashes = [leaf_hash(bytes([number])) for number in range(size)]
    tree = Tree()
    for number in range(size):
        tree.add(bytes([number]))
    assert root_of(hashes) == tree.root()
    for index in range(size):
        path = inclusion(index, hashes)
        assert root_by(path, index, size, hashes[index]) == tree.root()
        assert [other for other in range(size) if root_by(path, other, size, hashes[index]) == tree.root()] == [index]
        assert root_by([*path, hashes[0]], index, size, hashes[index]) != tree.root()
        assert root_by(path[:-1], index, size, hashes[index]) != tree.root() or not path
    assert root_by([], size, size, hashes[0]) is None
    for old in range(1, size + 1):
        path = consistency(old, hashes)
        before = root_of(hashes[:old])
        assert is_beginning(old, size, before, tree.root(), path)
        assert not is_beginning(old, size, hashes[0][::-1], tree.root(), path)
        assert not is_beginning(old, size, before, hashes[0][::-1], path)
        assert not is_beginning(old, size, before, tree.root(), [*path, before])
        assert old == size or not is_beginning(old, size, before, tree.root(), path[:-1])


def test_an_entry_is_proved_to_be_under_a_signed_head(sealed: Ledger) -> None:
    for number in range(1, 14):
        proof = sealed.prove(number)
        assert check_inclusion(Inclusion.model_validate_json(proof.model_dump_json()), key(sealed)) == ()
        assert json.loads(proof.body)["says"] == f"says {number} — „ü“"
    with pytest.raises(NotFound, match="No entry 14 is sealed"):
        sealed.prove(14)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"body": "{}"}, "does not have its digest"),
        ({"recorded_at": "2020-01-01T00:00:00.000000Z"}, "does not lead"),
        ({"entry": 8}, "does not lead"),
        ({"position": 5}, "does not lead"),
        ({"path": ()}, "does not lead"),
        ({"realm": "elsewhere"}, "not signed by that key"),
    ],
)
def test_a_proof_that_was_changed_proves_nothing(sealed: Ledger, change: dict[str, Any], says: str) -> None:
    proof = sealed.prove(7).model_copy(update=change)
    assert any(says in problem for problem in check_inclusion(proof, key(sealed)))
    stranger = public_line(Ed25519PrivateKey.generate())
    assert "not signed by that key" in check_inclusion(sealed.prove(7), stranger)[0]


def test_an_older_head_is_proved_to_hold_still(sealed: Ledger, clock: Clock) -> None:
    old = sealed.head()
    assert old
    assert check_consistency(sealed.prove_since(old), key(sealed)) == ()
    sealed.seal()
    proof = sealed.prove_since(old)
    assert (proof.old.size, proof.new.size) == (13, 14)
    assert check_consistency(proof, key(sealed)) == ()
    wrong = proof.model_copy(update={"path": proof.path[:-1]})
    assert "is not the beginning" in check_consistency(wrong, key(sealed))[0]
    with pytest.raises(BadInput, match="no such head"):
        sealed.prove_since(old.model_copy(update={"size": 12}))


def test_an_export_is_verified_without_the_database(sealed: Ledger) -> None:
    old = sealed.head()
    assert old
    told = exported(sealed)
    first, found = verify_export(told.splitlines(), key(sealed), [old])
    assert found.ok, found.problems
    assert (first.entries, first.heads, first.unsealed) == (13, 3, 1)
    assert (found.entries, found.sealed, found.heads) == (13, 13, 3)
    again, _ = verify_export(told.splitlines(), key(sealed))
    assert again.realm == sealed.realm
    assert [json.loads(line)["body"] for line in told.splitlines() if '"leaf"' in line] == [
        sealed.prove(number).body for number in range(1, 14)
    ]


def changed(change: Callable[[Lines], object]) -> Callable[[str], list[str]]:
    def apply(told: str) -> list[str]:
        lines = [json.loads(line) for line in told.splitlines()]
        change(lines)
        return [json.dumps(line) for line in lines]

    return apply


def exchange(lines: Lines) -> None:
    lines[2]["body"], lines[3]["body"] = lines[3]["body"], lines[2]["body"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines[3].update(body=lines[3]["body"].replace("says 3", "says 4")), "entry 3 was changed"),
        (lambda lines: lines[3].update(body="no entry"), "entry 3 was changed"),
        (lambda lines: lines[3].update(body=None), "entry 3 was deleted"),
        (lambda lines: lines.pop(3), "places 2 to 2 of the tree were deleted"),
        (exchange, "entry 2 was changed"),
        (lambda lines: lines[3]["leaf"].update(recorded_at="2020-01-01T00:00:00.000000Z"), "back-dated"),
        (lambda lines: lines[6]["head"].update(size=4), "head 1 was altered"),
        (lambda lines: lines.pop(6), "head 1 was deleted"),
        (lambda lines: lines.append(lines[3]), None),
        (lambda lines: lines.__delitem__(slice(-8, None)), "was cut off"),
    ],
)
def test_an_export_that_was_changed_is_found_out(sealed: Ledger, change: Any, says: str | None) -> None:
    _, found = verify_export(changed(change)(exported(sealed)), key(sealed))
    assert found.ok == (says is None)
    assert says is None or says in "\n".join(found.problems)


def test_an_export_of_a_database_that_was_changed_is_found_out(sealed: Ledger) -> None:
    tamper(sealed, lambda c: c.execute(sa.delete(entries).where(entries.c.id == 3)))
    tamper(sealed, lambda c: c.execute(sa.update(entries).where(entries.c.id == 9).values(says="another")))
    _, found = verify_export(exported(sealed).splitlines(), key(sealed))
    assert "entry 3 was deleted" in found.problems
    # The column alone was changed; an export carries what was sealed.
    assert len([problem for problem in found.problems if "entry 9" in problem]) == 0


def test_signed_anew_by_another_key_is_found_out(sealed: Ledger) -> None:
    stranger = public_line(Ed25519PrivateKey.generate())
    _, found = verify_export(exported(sealed).splitlines(), stranger)
    assert "signed by another key" in found.problems[0]


@pytest.mark.parametrize("told", ["", "rubbish", "{}", '{"type": "countersign/export/v1"}'])
def test_what_is_no_export_is_named(ledger: Ledger, told: str) -> None:
    with pytest.raises(BadInput, match="no export"):
        verify_export(told.splitlines(), public_line(Ed25519PrivateKey.generate()))


def test_a_line_that_cannot_be_read_is_named(sealed: Ledger) -> None:
    lines = exported(sealed).splitlines()
    lines[4] = "{]"
    with pytest.raises(BadInput, match="Line 5 of the export"):
        verify_export(lines, key(sealed))
