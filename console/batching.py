"""Approving several proposals by one signature: what is to be signed, and handing it to their runs. All or none.

As with a single decision, the console can neither sign nor decide (console/decide.py). The ledger's rule takes no
decision of a batch before each of the others could be taken; here nothing is sent before each run was found at work.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, ValidationError
from temporalio.client import Client, WorkflowExecutionStatus

from console import decide
from console.deps import Console, in_thread
from console.description import ID
from console.sessions import Session
from contracts import errors
from contracts.base import Contract
from contracts.batch import MOST, Batch, BatchItem
from contracts.decision import Signature, SignedDecision
from contracts.digests import short
from contracts.proposal import Proposal


class Chosen(Contract):
    """The digests of the proposals that a person wants to approve together."""

    digests: tuple[Annotated[str, Field(json_schema_extra=ID)], ...] = Field(
        min_length=2, max_length=MOST, json_schema_extra={"uniqueItems": True}
    )


class BatchSigning(Contract):
    """A batch as it was signed, and its signature."""

    batch: Batch
    signature: Signature


class TakenOne(Contract):
    """What became of one proposal of a batch. `why`: its run's refusal, where something came in between."""

    digest: str
    decision: str
    settled: bool
    state: str
    why: str = ""


class TakenBatch(Contract):
    """What became of a batch that was let through. `settled`: every run has taken its part."""

    items: tuple[TakenOne, ...]
    settled: bool
    says: str


def prepare(console: Console, session: Session, chosen: Chosen) -> decide.Prepared:
    """The batch to sign. Raises NotFound, BadInput, Conflict, and the Refused that applies to one of them."""
    found = {each.digest: each for each in map(console.ledger.proposal, chosen.digests)}
    for each in found.values():
        decide.require_open(console.ledger.proposal_record(each.digest))
        if why := console.ledger.why_not(each, session.person) or console.ledger.why_not_batched(each):
            raise why
    return decide.Prepared(statement=batch_of(console, session, list(found.values())).signing_bytes().decode())


def batch_of(console: Console, session: Session, proposals: Sequence[Proposal]) -> Batch:
    try:
        return Batch(
            realm=console.ledger.realm,
            items=tuple(sorted((BatchItem(run=p.run, digest=p.digest) for p in proposals), key=lambda i: i.digest)),
            person=session.person.name,
            decided_at=datetime.now(UTC).replace(microsecond=0),
            nonce=secrets.token_urlsafe(24),
        )
    except ValidationError:
        raise errors.BadInput("These are one proposal.", way_out="Open it, and sign it by itself.") from None


async def take(console: Console, session: Session, signing: BatchSigning) -> TakenBatch:
    """Judge a signed batch and hand each run its decision. Raises Refused (and records it), Conflict: nothing is sent
    then."""
    decisions = SignedDecision.each_of(signing.batch, signing.signature, via="console")
    await in_thread(require_fit, console, session, decisions)
    client = await decide.connected(console)
    await require_at_work(client, decisions)
    for each in decisions:
        handle = client.get_workflow_handle(each.statement.run)
        await decide.reached(handle.signal("decide", each), each.statement.run)
    return await settled(console, decisions)


def require_fit(console: Console, session: Session, decisions: Sequence[SignedDecision]) -> None:
    """The rule looks at the whole batch when it is asked about one of it, and names the one that doesn't fit."""
    first = decisions[0]
    record = console.ledger.proposal_record(first.statement.digest)
    ruling = decide.rule(console, session, record, first)
    if not ruling.accepted:
        console.ledger.record_decision(first, ruling)
        raise decide.refusal(ruling, record)


async def require_at_work(client: Client, decisions: Sequence[SignedDecision]) -> None:
    """A run that is over takes nothing, so the others must not have it either. Raises Conflict."""
    runs = [each.statement.run for each in decisions]
    found = [await decide.reached(client.get_workflow_handle(run).describe(), run) for run in runs]
    for run, each in zip(runs, found, strict=True):
        if each.status != WorkflowExecutionStatus.RUNNING:
            raise errors.Conflict(
                "One of the runs is over, so nothing of the batch was sent.",
                subject=run,
                way_out="Look at the run to see how it ended, and sign the others without it.",
            )


async def settled(console: Console, decisions: Sequence[SignedDecision]) -> TakenBatch:
    """Wait until the runs have taken their decisions, for a little while: they are safe in their histories already."""
    deadline = time.monotonic() + decide.TAKEN_SECONDS
    items = await in_thread(looked_up, console, decisions)
    while not all(each.settled for each in items) and time.monotonic() < deadline:
        await asyncio.sleep(0.15)
        items = await in_thread(looked_up, console, decisions)
    return TakenBatch(items=items, settled=all(each.settled for each in items), says=said(items))


def looked_up(console: Console, decisions: Sequence[SignedDecision]) -> tuple[TakenOne, ...]:
    return tuple(taken(console, each) for each in decisions)


def taken(console: Console, decision: SignedDecision) -> TakenOne:
    statement = decision.statement
    state = console.ledger.proposal_record(statement.digest).state
    rulings = [ruling for known, ruling in console.ledger.decisions(statement.run) if known.id == decision.id]
    refused = bool(rulings) and not any(ruling.accepted for ruling in rulings)
    return TakenOne(
        digest=statement.digest,
        decision=decision.id,
        settled=refused or (bool(rulings) and state != "open"),
        state=state,
        why=rulings[0].why if refused else "",
    )


def said(items: Sequence[TakenOne]) -> str:
    refused = [each for each in items if each.why]
    waiting = sum(not each.settled for each in items)
    if refused:
        names = ", ".join(short(each.digest) for each in refused)
        return f"Signed, and then something came in between: {names} was not taken. {refused[0].why}"
    if waiting:
        return f"Signed. {len(items) - waiting} of {len(items)} have taken it; the others will when a worker is there."
    return f"Signed. All {len(items)} are approved."
