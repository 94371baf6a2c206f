"""Entries of what the platform itself did, or a person to it: no step of a run, and each one by itself."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from contracts.records import Entry


def system_entry(
    name: str, says: str, facts: Mapping[str, JsonValue], *, actor: str = "platform", ok: bool = True
) -> Entry:
    """One of its own each time, as of now."""
    now = datetime.now(UTC)
    return Entry(
        key=f"{name}/{uuid.uuid4()}",
        kind="system",
        name=name,
        says=says,
        actor=actor,
        outcome="ok" if ok else "failed",
        started_at=now,
        finished_at=now,
        facts=dict(facts),
    )
