"""Taking a decision: what is to be signed, who may sign it, and handing it to the run.

The console can neither sign nor decide. It prepares the statement, asks the ledger's rule, and sends the
signed decision to the run as its signal. The run and the effect ask the same rule again.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import temporalio.exceptions
from pydantic import ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from console.deps import Console, in_thread
from console.sessions import Session
from contracts import errors
from contracts.base import Contract
from contracts.decision import (
    SAYS_WHY,
    ParamChange,
    RejectReason,
    Revision,
    Ruling,
    Signature,
    SignedDecision,
    Statement,
    Verdict,
    goes_with,
    one_of,
)
from contracts.digests import short
from contracts.proposal import Proposal
from contracts.records import Person, ProposalRecord
from contracts.requirements import Progress, deciding, eligible
from contracts.requirements import refusal as refusal_of
from contracts.runs import Sealed

T = TypeVar("T")
TAKEN_SECONDS = 10.0
REVISE_TIME = timedelta(seconds=60)


class Choice(Contract):
    """What a person chose on the page, before it is signed."""

    model_config = ConfigDict(json_schema_extra=one_of(*SAYS_WHY, goes_with("withdraw")))

    verdict: Verdict
    reason: RejectReason | None = None
    words: str = Field(default="", max_length=10_000)


class Prepared(Contract):
    """`statement` is the exact text to sign, as UTF-8: the statement's canonical JSON."""

    statement: str


class Signing(Contract):
    """A statement as it was signed, and its signature."""

    statement: Statement
    signature: Signature


class Taken(Contract):
    """What became of a decision that was let through. `settled`: the run has taken it."""

    decision: str
    settled: bool
    state: str
    says: str


TEXT: JsonDict = {
    "properties": {"text": {"type": "string", "pattern": r"\S"}, "drop": {"maxItems": 0}, "change": {"maxItems": 0}},
    "required": ["text"],
}
DROPPED: JsonDict = {"properties": {"drop": {"minItems": 1}, "text": {"maxLength": 0}}, "required": ["drop"]}
CHANGED: JsonDict = {
    "properties": {"change": {"minItems": 1}, "drop": {"maxItems": 0}, "text": {"maxLength": 0}},
    "required": ["change"],
}


class Edit(Contract):
    """A person's edit of a proposal: its text; or the keys of effects that are not to happen, and parameters of others
    that are to be different."""

    model_config = ConfigDict(json_schema_extra=one_of(TEXT, DROPPED, CHANGED))

    text: str = ""
    drop: tuple[str, ...] = Field(default=(), max_length=500)
    change: tuple[ParamChange, ...] = Field(default=(), max_length=500)


def prepare(console: Console, session: Session, digest: str, choice: Choice) -> Prepared:
    """The statement for this person's choice on this proposal. Raises NotFound, BadInput, Conflict."""
    proposal = console.ledger.proposal(digest)
    require_open(console.ledger.proposal_record(proposal.digest))
    try:
        statement = Statement(
            realm=console.ledger.realm,
            run=proposal.run,
            digest=proposal.digest,
            verdict=choice.verdict,
            reason=choice.reason if choice.verdict == "reject" else None,
            words=choice.words.replace("\r\n", "\n").strip(),
            withdraws=own_approval(console, session, proposal) if choice.verdict == "withdraw" else "",
            person=session.person.name,
            decided_at=datetime.now(UTC).replace(microsecond=0),
            nonce=secrets.token_urlsafe(24),
        )
    except ValidationError as error:
        raise incomplete(error) from None
    return Prepared(statement=statement.signing_bytes().decode())


def own_approval(console: Console, session: Session, proposal: Proposal) -> str:
    given = console.ledger.approval(proposal, session.person.name)
    if given is None:
        raise errors.Conflict(
            f"You have no approval of proposal {proposal.id} to withdraw.", way_out="Reload the page to see how it is."
        )
    return given.id


def incomplete(error: ValidationError) -> errors.BadInput:
    what = error.errors()[0]["msg"].removeprefix("Value error, ")
    return errors.BadInput(f"{what[:1].upper()}{what[1:]}.", way_out="Add it and sign again.")


def require_open(record: ProposalRecord) -> None:
    """Raises Conflict for a proposal that nobody can decide any more."""
    if record.state != "open":
        raise errors.Conflict(
            f"This proposal is no longer open: it is {record.state}.",
            subject=short(record.digest),
            way_out="Reload the page to see what became of it.",
        )


async def take(console: Console, session: Session, digest: str, signing: Signing) -> Taken:
    """Judge a signed decision and hand it to its run. Raises Refused (and records it), Conflict."""
    record = await in_thread(console.ledger.proposal_record, digest)
    decision = SignedDecision(statement=signing.statement, signature=signing.signature, via="console")
    ruling = await in_thread(rule, console, session, record, decision)
    if not ruling.accepted:
        await in_thread(console.ledger.record_decision, decision, ruling)
        raise refusal(ruling, record)
    client = await connected(console)
    await reached(client.get_workflow_handle(record.run).signal("decide", decision), record.run)
    return await settled(console, record, decision)


def rule(console: Console, session: Session, record: ProposalRecord, decision: SignedDecision) -> Ruling:
    """The ledger's rule, and one of the console's own: people decide in their own session."""
    if decision.statement.person != session.person.name:
        why = f"The statement names {decision.statement.person!r}, and {session.person.name!r} is signed in."
        return Ruling.of(decision, accepted=False, why=why)
    return console.ledger.judge(decision, run=record.run, digest=record.digest)


def refusal(ruling: Ruling, record: ProposalRecord) -> errors.Refused:
    """The ruling as the error it names, with the way out."""
    known = getattr(errors, ruling.error, errors.Refused)
    kind = known if isinstance(known, type) and issubclass(known, errors.Refused) else errors.Refused
    if kind is errors.UnknownKey:
        way_out = "Run `countersign link`: opening the link it prints enrols a new key in this browser."
    elif kind is errors.Unconfirmed:
        way_out = "Sign out, sign in through your organisation, and sign this again."
    else:
        way_out = "Reload the page and decide on what it shows then."
    return kind(ruling.why, subject=short(record.digest), way_out=way_out)


async def settled(console: Console, record: ProposalRecord, decision: SignedDecision) -> Taken:
    """Wait until the run has taken the decision, for a little while: it is safe in its history already."""
    deadline = time.monotonic() + TAKEN_SECONDS
    while time.monotonic() < deadline:
        state, known = await in_thread(standing, console, record, decision)
        if known:
            how_far = await in_thread(console.ledger.progress, await in_thread(console.ledger.proposal, record.digest))
            return Taken(decision=decision.id, settled=True, state=state, says=said(decision, state, how_far))
        await asyncio.sleep(0.15)
    says = "Signed. The run has your decision and will go on as soon as a worker is there to do so."
    return Taken(decision=decision.id, settled=False, state="open", says=says)


def standing(console: Console, record: ProposalRecord, decision: SignedDecision) -> tuple[str, bool]:
    """The proposal's state, and whether the run has ruled on the decision. Raises Refused if it said no."""
    state = console.ledger.proposal_record(record.digest).state
    rulings = [ruling for taken, ruling in console.ledger.decisions(record.run) if taken.id == decision.id]
    if rulings and not any(ruling.accepted for ruling in rulings):
        raise refusal(rulings[0], record)
    return state, bool(rulings) and (state != "open" or waits_on(console, record, decision))


def waits_on(console: Console, record: ProposalRecord, decision: SignedDecision) -> bool:
    """Whether it was taken and the run waits on: an approval that is not enough, or one that was taken back."""
    if decision.statement.verdict not in ("approve", "withdraw"):
        return False
    return not console.ledger.progress(console.ledger.proposal(record.digest)).enough


def said(decision: SignedDecision, state: str, how_far: Progress) -> str:
    verdict = decision.statement.verdict
    if verdict == "approve" and state == "open":
        return f"Signed. It waits for others: {how_far.says}."
    if verdict == "approve":
        return "Signed. Carrying it out…"
    if verdict == "withdraw":
        return f"Withdrawn. Approved: {how_far.says}."
    if verdict == "request_changes":
        return "Signed. The run is drafting again with your words; the new revision comes to the inbox."
    return "Signed. Rejected: the run ends and nothing is changed."


async def revise(console: Console, session: Session, digest: str, edit: Edit) -> Sealed:
    """Hand a person's edit to the run, which seals a new revision. Raises BadInput, Conflict."""
    proposal = await in_thread(console.ledger.proposal, digest)
    require_open(await in_thread(console.ledger.proposal_record, proposal.digest))
    require_say(proposal, session.person)
    of_effects = bool(edit.drop or edit.change)
    if of_effects and edit.text:
        raise errors.BadInput("Edit the text, or drop or change effects: one after the other.", subject=proposal.id)
    parts = {"drop": edit.drop, "change": edit.change, "text": "" if of_effects else edited(proposal, edit.text)}
    change = Revision(digest=proposal.digest, person=session.person.name, **parts)
    handle = (await connected(console)).get_workflow_handle(proposal.run)
    asked = handle.execute_update("revise", change, result_type=Sealed, rpc_timeout=REVISE_TIME)
    return await reached(asked, proposal.run)


def require_say(proposal: Proposal, person: Person) -> None:
    """Who may not decide on it may not rewrite it either. Raises MissingRole."""
    asked, widened = proposal.requirements, deciding(proposal.escalations, datetime.now(UTC))
    if not any(eligible(each, person, widened) for each in asked) and (why := refusal_of(asked, person, widened)):
        raise why


def edited(proposal: Proposal, text: str) -> str:
    """The edited text, with the line ends that the original had (a form sends CRLF). Raises BadInput."""
    if proposal.editable is None:
        raise errors.BadInput("This proposal has no text that can be edited.", subject=proposal.id)
    if "\r\n" not in proposal.editable.text:
        text = text.replace("\r\n", "\n")
    if proposal.editable.text.endswith("\n") and not text.endswith("\n"):
        text += "\n"
    if not text.strip():
        raise errors.BadInput("The text is empty.", way_out="Reject the proposal if nothing should happen.")
    if len(text) > proposal.editable.max_chars:
        most = proposal.editable.max_chars
        raise errors.BadInput(f"The text has {len(text):,} characters; at most {most:,} fit.")
    if text == proposal.editable.text:
        raise errors.BadInput("Nothing was changed.", way_out="Edit the text, or sign it as it is.")
    return text


async def connected(console: Console) -> Client:
    """Raises TemporalUnavailable."""
    try:
        return await console.deps.temporal()
    except (RPCError, RuntimeError, OSError) as error:
        raise unavailable() from error


def unavailable() -> errors.TemporalUnavailable:
    return errors.TemporalUnavailable(
        "The Temporal server can't be reached, so nothing was sent.",
        way_out="Run `countersign doctor`, then sign again: nothing is lost.",
    )


async def reached(asked: Awaitable[T], run: str) -> T:
    """Await a call to a run, with its errors said in our words."""
    try:
        return await asked
    except WorkflowUpdateFailedError as error:
        raise declined(error) from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise errors.TookTooLong(
            "The run did not answer in time.", subject=run, way_out="Check on the Health page for a worker."
        ) from None
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise errors.Conflict(
                "The run is over, so it can't take this any more.",
                subject=run,
                way_out="Look at the run to see how it ended.",
            ) from None
        raise unavailable() from error


def declined(error: WorkflowUpdateFailedError) -> errors.CountersignError:
    """The run's own reason for not taking an edit."""
    cause = error.cause
    while isinstance(cause, temporalio.exceptions.ActivityError) and cause.cause:
        cause = cause.cause
    what = cause.message if isinstance(cause, temporalio.exceptions.FailureError) else str(cause)
    return errors.BadInput(f"The run did not take this edit: {what}")
