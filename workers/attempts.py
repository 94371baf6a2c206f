"""Attempts of steps as the ledger knows them: one entry for each, also for those that could not write one."""

from datetime import datetime
from typing import Protocol

from contracts.records import Entry
from contracts.runs import run_of


class Step(Protocol):
    """Which step of which run something is: the SDK's own info, or what a history tells of it."""

    @property
    def workflow_id(self) -> str | None: ...
    @property
    def workflow_run_id(self) -> str | None: ...
    @property
    def workflow_type(self) -> str | None: ...
    @property
    def activity_id(self) -> str: ...
    @property
    def activity_type(self) -> str: ...


def attempt_key(step: Step, attempt: int) -> str:
    """The key of the entry that the attempt writes itself."""
    return f"activity/{step.workflow_run_id}/{step.activity_id}/{attempt}"


def lost_key(step: Step, attempt: int) -> str:
    """The key of the entry of an attempt that left none. It is another one: a late attempt may still write its own."""
    return f"{attempt_key(step, attempt)}/lost"


def lost(step: Step, attempt: int, now: datetime) -> Entry:
    """What is written of it by who notices: its next attempt, or a reconciliation."""
    return Entry(
        key=lost_key(step, attempt),
        kind="activity",
        name=step.activity_type,
        says=f"Attempt {attempt} was lost: its worker died, or was given up, before it said how it went",
        run=run_of(step.workflow_id or ""),
        workflow=step.workflow_type or "",
        outcome="failed",
        started_at=now,
        finished_at=now,
        attempt=attempt,
        facts={"activity_id": step.activity_id, "lost": True},
    )
