"""What is signed of a change in a customer relationship system."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field

from contracts import shown
from contracts.base import Contract
from contracts.digests import canonical_json
from contracts.proposal import Effect

TASK, FIELD = "crm.task", "crm.field"
NAMES = {"salesforce://": "Salesforce", "hubspot://": "HubSpot"}


class TaskParams(Contract):
    """A task for `owner`, of one deal. `target`: a folder, salesforce://HOST or hubspot://HOST."""

    target: str = Field(min_length=1)
    deal: str = Field(min_length=1, max_length=100)
    deal_name: str = Field(max_length=200)
    owner: str = Field(max_length=100)
    owner_id: str = Field(default="", max_length=80)
    subject: str = Field(min_length=1, max_length=400)
    text: str = Field(default="", max_length=4_000)
    due: date
    play: str = Field(default="", max_length=60, description="what it came from, for what is learnt")


class FieldParams(Contract):
    """One field of a deal, from what it was to what it shall be."""

    target: str = Field(min_length=1)
    deal: str = Field(min_length=1, max_length=100)
    deal_name: str = Field(max_length=200)
    owner: str = Field(default="", max_length=100)
    field: str = Field(min_length=1, max_length=100)
    was: str = Field(default="", max_length=4_000)
    value: str = Field(max_length=4_000)


def system(target: str) -> str:
    """The system as people call it."""
    found = next((name for scheme, name in NAMES.items() if target.startswith(scheme)), "")
    return found or f"the folder {Path(target).name!r}"


def task_says(params: TaskParams) -> str:
    """`Task for Ana in Salesforce: Call …, due 2026-12-01`."""
    whom = shown.spelt(params.owner) or "nobody"
    return f"Task for {whom} in {system(params.target)}: {shown.spelt(params.subject)}, due {params.due}"


def field_says(params: FieldParams) -> str:
    value = params.value if len(params.value) <= 120 else f"{params.value[:119]}…"
    return f"Set {params.field} of {shown.spelt(params.deal_name)} in {system(params.target)} to “{shown.spelt(value)}”"


def task_effect(run: str, revision: int, params: TaskParams) -> Effect:
    """The effect. Its key depends on the run, the revision and all of it."""
    return _effect(TASK, run, revision, params, task_says(params))


def field_effect(run: str, revision: int, params: FieldParams) -> Effect:
    return _effect(FIELD, run, revision, params, field_says(params))


def _effect(kind: str, run: str, revision: int, params: Contract, says: str) -> Effect:
    body: dict[str, Any] = params.model_dump(mode="json")
    unique = hashlib.sha256(canonical_json([kind, run, revision, body])).hexdigest()
    return Effect(kind=kind, key=f"{kind}/{unique[:40]}", says=says, params=body)
