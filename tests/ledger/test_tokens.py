"""Sign-ins are written down, and tokens are hashes with scopes and an end."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from contracts.errors import BadInput, NotFound
from contracts.records import Person
from ledger import Ledger
from ledger.schema import tokens
from tests.ledger.support import Clock


@pytest.fixture
def ana(ledger: Ledger) -> str:
    ledger.enrol(Person(name="ana", display_name="Ana", roles=("reviewer",)))
    return "ana"


def names(ledger: Ledger) -> list[str]:
    return [each.name for each in ledger.entries(kind="person")]


def test_every_way_in_and_out_is_an_entry(ledger: Ledger, ana: str) -> None:
    token = ledger.create_session(ana, 60, "with a one-time link")
    ledger.end_session(token)
    ledger.end_session(token)
    ledger.refuse_sign_in("it has run out", who="eve")
    said = [each.says for each in ledger.entries(kind="person")][1:]
    assert said == [
        "ana signed in with a one-time link",
        "ana signed out",
        "eve was not let in by a one-time link: it has run out",
    ]
    assert token not in str(ledger.entries(kind="person"))


def test_somebody_is_signed_out_everywhere(ledger: Ledger, ana: str) -> None:
    sessions = [ledger.create_session(ana, 60) for _ in range(3)]
    program = ledger.create_token(ana, ["read:runs"], seconds=60)
    assert ledger.end_sessions(ana) == 3
    assert [ledger.session(each) for each in sessions] == [None] * 3
    assert ledger.token(program) is not None
    assert names(ledger).count("person.signed_out") == 3


def test_a_token_is_kept_as_a_hash_with_its_scopes_and_its_end(ledger: Ledger, ana: str, clock: Clock) -> None:
    token = ledger.create_token(ana, ["read:runs", "read:proposals"], seconds=60, label="nightly")
    found = ledger.token(token)
    assert found is not None
    assert (found[0].name, found[1]) == ("ana", {"read:runs", "read:proposals"})
    listed = ledger.api_tokens()[0]
    assert (listed.person, listed.label, listed.used_at) == ("ana", "nightly", clock())
    with ledger.store.read() as connection:
        assert token not in str(connection.execute(sa.select(tokens)).all())
    clock.now += timedelta(seconds=61)
    assert ledger.token(token) is None
    assert "person.token_made" in names(ledger)


@pytest.mark.parametrize(
    ("scopes", "seconds"), [([], 60), (["write:all"], 60), (["read:runs"], 0), (["read:runs"], 4e7)]
)
def test_tokens_that_cannot_be(ledger: Ledger, ana: str, scopes: list[str], seconds: float) -> None:
    with pytest.raises(BadInput):
        ledger.create_token(ana, scopes, seconds=seconds)  # type: ignore[arg-type]


def test_ending_a_token_by_its_id(ledger: Ledger, ana: str) -> None:
    token = ledger.create_token(ana, ["read:runs"], seconds=60)
    mark = ledger.api_tokens()[0].id
    for wrong in ("", mark[:3], "000000000000", "%"):
        with pytest.raises(NotFound):
            ledger.end_token(wrong, ana)
    ledger.end_token(mark[:8], ana)
    ledger.end_token(mark, ana)
    assert ledger.token(token) is None
    assert names(ledger).count("person.token_ended") == 1
