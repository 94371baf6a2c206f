"""Entries of every kind and outcome are events by OCSF's own schema."""

from typing import get_args

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from contracts.records import Entry, EntryKind
from ledger import Ledger
from ledger.ocsf import VERSION, event
from tests.ledger.support import entry

OUTCOMES = get_args(Entry.model_fields["outcome"].annotation)


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    made = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))
    return Draft202012Validator(made.get_class_schema(class_name="api_activity"))


def test_every_kind_and_outcome_is_an_event(ledger: Ledger, schema: Draft202012Validator) -> None:
    for number, kind in enumerate(get_args(EntryKind)):
        for outcome in OUTCOMES:
            actor = ("platform", "ana", "model")[number % 3]
            run = "run-1" if number % 2 else ""
            ledger.append(entry(f"{kind}/{outcome}", kind=kind, outcome=outcome, actor=actor, run=run, workflow=run))
    for stored in ledger.entries(limit=1000):
        told = event(stored, ledger.realm)
        assert [error.message for error in schema.iter_errors(told)] == []
        assert (told["message"], told["metadata"]["sequence"]) == (stored.says, stored.id)  # type: ignore[index,call-overload]


def test_the_schema_would_have_found_a_wrong_one(ledger: Ledger, schema: Draft202012Validator) -> None:
    ledger.append(entry("a"))
    told = event(ledger.entries()[0], ledger.realm)
    for name in ("actor", "api", "time", "metadata", "src_endpoint"):
        assert not schema.is_valid({key: value for key, value in told.items() if key != name}), name
