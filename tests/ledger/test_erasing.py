"""Erasing: a person's words go, the proof stays, and nobody can erase without a signature."""

import io
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from contracts.decision import Signature
from contracts.digests import tagged_digest
from contracts.erasure import BLANK, Erasure, ErasurePlan, SignedErasure
from contracts.errors import BadInput, BadSignature, Conflict, MissingRole, NotFound, UnknownKey
from contracts.finding import Query
from contracts.records import RunRecord
from contracts.signatures import sshsig_sign
from ledger import Ledger
from ledger.entries import ENTRY_TAG
from ledger.proofs import check_inclusion, verify_export
from ledger.schema import entries, people
from tests.ledger.support import NOW, Clock, Signer, enrolled, entry, tamper

WORDS = "Zoë Ångström"


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """Three entries name somebody, one of them in a fact, among ten; all are sealed, and one head follows."""
    for number in range(1, 11):
        ledger.append(entry(f"key-{number}"))
    ledger.append(entry("says", says=f"Read the mail of {WORDS}"))
    ledger.append(entry("actor", actor=WORDS.upper()))
    ledger.append(entry("facts", facts={"from": [{"name": f'"{WORDS}" <zoe@example.org>'}], "mails": 3}))
    ledger.seal()
    ledger.append(entry("after"))
    ledger.seal()
    return ledger


@pytest.fixture
def admin(told: Ledger) -> Signer:
    return enrolled(told, "ada", ("administrator",))


def signed(ledger: Ledger, signer: Signer, plan: ErasurePlan, **fields: object) -> SignedErasure:
    base: dict[str, object] = {
        "realm": ledger.realm,
        "person": signer.person,
        "because": "asked for by letter of 20 November",
        "count": len(plan.tombstones),
        "tombstones": plan.digest,
        "asked_at": NOW,
        "nonce": secrets.token_hex(16),
    }
    wish = Erasure.model_validate(base | fields)
    signature = Signature(
        scheme="sshsig", key=signer.fingerprint, value=sshsig_sign(signer.private, wish.signing_bytes())
    )
    return SignedErasure(erasure=wish, signature=signature, public_key=signer.line)


def erase(ledger: Ledger, signer: Signer, words: str = WORDS) -> ErasurePlan:
    plan = ledger.plan_erasure(words)
    ledger.erase(signed(ledger, signer, plan), plan, words)
    return plan


def everything(ledger: Ledger) -> str:
    """All that the database says, as text."""
    with ledger.store.read() as connection:
        rows = connection.execute(sa.select(entries)).all()
    return "\n".join(str(row) for row in rows)


def test_the_words_are_gone_and_the_proof_is_whole(told: Ledger, admin: Signer) -> None:
    before = told.head()
    plan = erase(told, admin)
    assert len(plan.tombstones) == 3
    assert WORDS.casefold() not in everything(told).casefold()
    told.seal()
    found = told.verify(known=[before] if before else [])
    assert found.ok, found.problems
    assert found.erased == (
        f"3 entries were erased by ada (key {admin.fingerprint}) on 2026-11-23: asked for by letter of 20 November",
    )
    left = {each.key: each for each in told.entries()}
    assert left["says"].says == f"Read the mail of {BLANK}"
    assert left["actor"].actor == BLANK
    assert left["facts"].facts == {"from": [{"name": f'"{BLANK}" <zoe@example.org>'}], "mails": 3}


def test_an_export_is_checked_without_the_database(told: Ledger, admin: Signer) -> None:
    erase(told, admin)
    told.seal()
    out = io.StringIO()
    key = told.ledger_key() or ""
    told.export(out, key)
    assert WORDS not in out.getvalue()
    _, found = verify_export(out.getvalue().splitlines(), key)
    assert found.ok, found.problems
    assert len(found.erased) == 1
    lines = [line.replace(f"mail of {BLANK}", "mail of nobody") for line in out.getvalue().splitlines()]
    assert "entry 11 was changed" in "\n".join(verify_export(lines, key)[1].problems)


def test_a_proof_of_what_is_gone_names_the_proof_that_it_was_erased(told: Ledger, admin: Signer) -> None:
    erase(told, admin)
    told.seal()
    record = told.entry("erased/11/1")
    assert record is not None
    with pytest.raises(NotFound, match="erased") as refused:
        told.prove(11)
    assert f"ledger prove {record.id}" in refused.value.way_out
    assert check_inclusion(told.prove(record.id), told.ledger_key() or "") == ()


def test_search_does_not_find_them_any_more(told: Ledger, admin: Signer) -> None:
    told.index()
    assert told.search(Query(words="ångström")).entries
    erase(told, admin)
    told.seal()
    told.index()
    assert not told.search(Query(words="ångström")).entries
    assert [each.key for each in told.search(Query(words="mail erased")).entries] == ["says"]


def test_one_entry_goes_whole(told: Ledger, admin: Signer) -> None:
    plan = told.plan_erasure_of([13])
    told.erase(signed(told, admin, plan), plan)
    told.seal()
    assert told.verify().ok
    left = told.entry("facts")
    assert left is not None
    assert (left.says, left.facts) == (BLANK, {"from": [{"name": BLANK}], "mails": 3})


def test_what_was_erased_can_be_erased_again(told: Ledger, admin: Signer) -> None:
    erase(told, admin)
    erase(told, admin, "zoe@example.org")
    told.seal()
    found = told.verify()
    assert found.ok, found.problems
    assert len(found.erased) == 2
    assert told.plan_erasure(WORDS).is_empty


def test_the_digest_does_not_give_the_words_away(told: Ledger, admin: Signer) -> None:
    """Whoever has the tombstone and guesses the words can't tell by the digest that they guessed right."""
    with told.store.read() as connection:
        before = connection.execute(sa.select(entries.c.body, entries.c.digest).where(entries.c.id == 11)).one()
    assert tagged_digest(ENTRY_TAG, before.body.encode()) == before.digest
    erase(told, admin)
    with told.store.read() as connection:
        after = connection.execute(sa.select(entries.c.body, entries.c.digest).where(entries.c.id == 11)).one()
    guess = after.body.replace(BLANK, WORDS)
    assert WORDS in guess
    assert tagged_digest(ENTRY_TAG, guess.encode()) != after.digest == before.digest


def test_rows_and_bodies_go_too(told: Ledger, admin: Signer) -> None:
    ref, other = told.artifacts.put(f"Dear {WORDS}".encode()), told.artifacts.put(b"Dear all")
    enrolled(told, "zoe")
    with told.store.write() as connection:
        connection.execute(sa.update(people).where(people.c.name == "zoe").values(display_name=WORDS))
    plan = erase(told, admin)
    assert (plan.rows["people"], plan.bodies) == (1, (ref,))
    assert told.person("zoe").display_name == BLANK
    with pytest.raises(NotFound, match="was erased"):
        told.artifacts.get(ref)
    assert told.artifacts.get(other) == b"Dear all"


def test_a_run_that_waits_keeps_its_own(told: Ledger, admin: Signer, clock: Clock) -> None:
    told.start_run(RunRecord(run="run-1", workflow="changelog", state="waiting", started_at=NOW))
    told.artifacts.put(f"Dear {WORDS}".encode())
    plan = told.plan_erasure(WORDS)
    assert (plan.tombstones, plan.open_runs, plan.bodies, plan.kept_bodies) == ((), ("run-1",), (), 1)
    with pytest.raises(BadInput, match="isn't over"):
        told.plan_erasure_of([11])


def test_the_files_do_not_hold_them_either(told: Ledger, admin: Signer, url: str, tmp_path: Path) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL overwrites when it likes; docs/ledger.md says so")
    told.index()
    erase(told, admin)
    told.index()
    written = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert "Ångström".encode() not in written
    assert b"angstrom" not in written


# Who tries it without the right


def forged(told: Ledger, number: int = 11) -> None:
    """The text of an entry replaced, by somebody who may write the database."""
    change = sa.update(entries).where(entries.c.id == number)
    tamper(told, lambda c: c.execute(change.values(body=sa.func.replace(entries.c.body, WORDS, BLANK))))
    tamper(told, lambda c: c.execute(change.values(says=f"Read the mail of {BLANK}")))


def test_nothing_is_erased_without_a_record(told: Ledger) -> None:
    forged(told)
    assert "entry 11 was changed: its content does not have its digest" in told.verify().problems


def test_a_record_that_nobody_signed_is_none(told: Ledger, admin: Signer) -> None:
    plan = told.plan_erasure(WORDS)
    facts = {**plan.tombstones[0].model_dump(mode="json"), "erasure": "sha256:" + "0" * 64}
    told.append(entry("erased/11/1", kind="system", name="ledger.erased", facts=facts))
    forged(told)
    told.seal()
    problems = told.verify().problems
    assert "1 entries were erased, and nobody signed for it" in problems
    assert "entry 11 was changed: its content does not have its digest" in problems


def test_a_signature_covers_what_it_was_given_for(told: Ledger, admin: Signer) -> None:
    """A good erasure of three entries lends nothing to a fourth."""
    erase(told, admin)
    more = told.plan_erasure_of([5]).tombstones[0]
    record = told.entry("erased/11/1")
    assert record is not None
    facts = {**more.model_dump(mode="json"), "erasure": record.facts["erasure"]}
    told.append(entry("erased/5/1", kind="system", name="ledger.erased", facts=facts))
    told.seal()
    assert "what was erased is not what ada signed for" in told.verify().problems


def test_only_an_administrator_may(told: Ledger) -> None:
    plan = told.plan_erasure(WORDS)
    someone = enrolled(told, "bo", ("reviewer",))
    with pytest.raises(MissingRole):
        told.erase(signed(told, someone, plan), plan, WORDS)
    assert WORDS in everything(told)


def test_a_revoked_key_and_another_plan_are_refused(told: Ledger, admin: Signer) -> None:
    plan = told.plan_erasure(WORDS)
    good = signed(told, admin, plan)
    with pytest.raises(Conflict):
        told.erase(good, told.plan_erasure_of([1]), "")
    with pytest.raises(BadSignature):
        told.erase(good.model_copy(update={"erasure": good.erasure.model_copy(update={"because": "x"})}), plan, WORDS)
    told.revoke_key(admin.fingerprint)
    with pytest.raises(UnknownKey):
        told.erase(good, plan, WORDS)
    assert WORDS in everything(told)


def test_two_at_once_erase_once(told: Ledger, admin: Signer, open_ledger: Callable[[], Ledger]) -> None:
    plan = told.plan_erasure(WORDS)
    erase(open_ledger(), admin)
    with pytest.raises(Conflict, match="somebody else"):
        told.erase(signed(told, admin, plan), plan, WORDS)
    told.seal()
    assert told.verify().ok


def test_the_database_refuses_any_other_change(told: Ledger, admin: Signer) -> None:
    """Also of an entry that was erased: its digest, its time, its place."""
    erase(told, admin)
    for number, values in ((1, {"says": "x"}), (11, {"digest": "sha256:" + "0" * 64}), (11, {"key": "other"})):
        with pytest.raises(DBAPIError, match="append-only"), told.store.write() as connection:
            connection.execute(sa.update(entries).where(entries.c.id == number).values(**values))


@pytest.mark.parametrize("words", ["", "  ", "ab"])
def test_too_short_words_are_refused(told: Ledger, words: str) -> None:
    with pytest.raises(BadInput, match="too short"):
        told.plan_erasure(words)
