"""The reviewer's commands: inbox, show, edit, approve, request-changes, reject."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.markup import escape
from rich.table import Table
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from contracts.decision import RejectReason, Revision, SignedDecision, Verdict
from contracts.digests import short
from contracts.errors import BadInput, Conflict, CountersignError, NotFound, Refused
from contracts.proposal import Proposal
from contracts.runs import Sealed
from contracts.shown import spelt
from ledger import Ledger
from workers import keys
from workers.cli.common import Platform, how_far, opened_ledger, out, platform, wait_for
from workers.cli.editing import changed, edited_text, numbered, text_of
from workers.cli.following import follow
from workers.cli.screen import one_line
from workers.cli.show import print_changes, print_proposal, print_standing
from workers.watcher import root_message

Id = Annotated[str, typer.Argument(help="The proposal's id: the first digits of its digest.")]
Yes = Annotated[bool, typer.Option("--yes", help="Sign without asking once more.")]
RULING_PATIENCE = 30.0


def register(app: typer.Typer) -> None:
    app.command("inbox")(inbox)
    app.command("show")(show)
    app.command("edit")(edit)
    app.command("approve")(approve)
    app.command("request-changes")(request_changes)
    app.command("reject")(reject)
    app.command("withdraw")(withdraw)


def inbox() -> None:
    """List what waits for a decision, oldest first."""
    with opened_ledger() as (settings, ledger):
        waiting = ledger.proposals(state="open")
        if not waiting:
            out.print("Nothing waits for you.")
            return
        table = Table("id", "what", "drafted by", "approved", "since", "expires", box=None, header_style="dim")
        for each in waiting:
            dates = (f"{each.created_at:%m-%d %H:%M}", f"{each.expires_at:%m-%d}")
            approved = escape(one_line(how_far(ledger, each.digest)))
            table.add_row(short(each.digest), escape(one_line(each.title)), each.drafted_by, approved, *dates)
        out.print(table)
        out.print(f"[dim]In the browser: {settings.console_url}[/dim]")


def show(proposal: Id) -> None:
    """Show a proposal: intent, proof, diff, evidence."""
    with opened_ledger() as (_, ledger):
        read = ledger.proposal(proposal)
        print_proposal(out, read)
        if before := before_it(ledger, read):
            print_changes(out, before, read)
        print_standing(out, read, ledger.standing(read))


def before_it(ledger: Ledger, proposal: Proposal) -> Proposal | None:
    """The revision before, where there is one that can be read."""
    earlier = [each for each in ledger.proposals(state="", run=proposal.run) if each.revision < proposal.revision]
    try:
        return ledger.proposal(max(earlier, key=lambda each: each.revision).digest) if earlier else None
    except CountersignError:
        return None


def approve(
    proposals: Annotated[list[str], typer.Argument(help="The proposal's id; of several, all or none are approved.")],
    drop: Annotated[list[int] | None, typer.Option(help="An effect that is not to happen, by its number.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="N.PARAM=VALUE", help="What is to be different: 1.subject='Mend the pump'."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Sign a proposal: exactly what it shows will happen. Or several, by one signature."""
    if len(proposals) > 1:
        if drop or change:
            raise BadInput("Effects are dropped or changed of one proposal at a time.", subject=proposals[0])
        wait_for(approve_all(proposals, yes=yes))
    elif drop or change:
        wait_for(adjusted(proposals[0], drop or [], change or [], yes=yes))
    else:
        wait_for(decide(proposals[0], "approve", yes=yes))


def request_changes(
    proposal: Id, words: Annotated[str, typer.Argument(help="What should change.")], yes: Yes = False
) -> None:
    """Send a proposal back into its run with your words."""
    wait_for(decide(proposal, "request_changes", words=words, yes=yes))


def reject(
    proposal: Id,
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(get_args(RejectReason))}.")],
    words: Annotated[str, typer.Argument(help="In your own words.")] = "",
    yes: Yes = False,
) -> None:
    """Reject a proposal: the run ends, nothing happens."""
    if reason not in get_args(RejectReason):
        raise BadInput(
            f"{reason!r} is not a reason.", subject="--reason", way_out=f"One of: {', '.join(get_args(RejectReason))}."
        )
    wait_for(decide(proposal, "reject", reason=reason, words=words, yes=yes))  # type: ignore[arg-type]


def withdraw(proposal: Id, yes: Yes = False) -> None:
    """Take your approval back, while the proposal still waits for others."""
    wait_for(decide(proposal, "withdraw", yes=yes))


def edit(
    proposal: Id,
    text_file: Annotated[Path | None, typer.Option(help="The new text; without it your $EDITOR opens.")] = None,
) -> None:
    """Change the proposal's text. It gets a new digest, and is then yours to sign."""

    async def go() -> None:
        async with platform() as here:
            current = here.ledger.proposal(proposal)
            text = text_of(text_file) if text_file else edited_text(current)
            if current.editable and text == current.editable.text:
                out.print("You changed nothing.")
                return
            sealed = await revise(here, current, text)
            out.print(f"Revision {sealed.revision}: {escape(sealed.says)}")
            out.print(f"Sign it with [bold]countersign approve {short(sealed.digest)}[/bold].")

    wait_for(go())


async def approve_all(ids: list[str], *, yes: bool) -> None:
    """One signature for all. Each is judged before any is sent, and the rule takes none where one does not fit."""
    async with platform() as here:
        proposals = list({each.digest: each for each in map(here.ledger.proposal, ids)}.values())
        if len(proposals) < 2:
            raise BadInput("These are one proposal.", subject=ids[0], way_out=f"`countersign approve {ids[0]}`")
        for each in proposals:
            may_approve(here, each)
            out.print(f"[bold]{each.id}[/bold] {escape(spelt(one_line(each.title)))}: {escape(spelt(each.button()))}")
        if not yes:
            ask(f"Sign all {len(proposals)} of them", proposals[0].id)
        signed = keys.sign_batch(here.settings, proposals)
        for decision in signed:
            require_fit(here, decision)
        for decision in signed:
            await send(here, decision)


async def adjusted(proposal_id: str, numbers: list[int], changes: list[str], *, yes: bool) -> None:
    """Have a revision sealed without these effects and with these changes, show what differs, and sign that one."""
    async with platform() as here:
        current = here.ledger.proposal(proposal_id)
        change = tuple(changed(current, each) for each in changes)
        sealed = await revise(here, current, drop=numbered(current, numbers), change=change)
        print_changes(out, current, here.ledger.proposal(sealed.digest))
    await decide(sealed.digest, "approve", yes=yes)


async def decide(
    proposal_id: str,
    verdict: Verdict,
    *,
    reason: RejectReason | None = None,
    words: str = "",
    yes: bool = False,
) -> None:
    async with platform() as here:
        proposal = here.ledger.proposal(proposal_id)
        if verdict == "approve":
            may_approve(here, proposal)
        if not yes:
            confirm(here, proposal, verdict)
        back = own_approval(here, proposal) if verdict == "withdraw" else ""
        signed = keys.sign(here.settings, proposal, verdict, reason=reason, words=words, withdraws=back)
        await send(here, signed)
        await follow(here, proposal.run)


def may_approve(here: Platform, proposal: Proposal) -> None:
    """Says why the person at the keyboard can't, before they are asked to read anything. The rule says it again."""
    try:
        person = here.ledger.person(keys.person_name(here.settings))
    except NotFound:
        return  # they have no key either, and are told how to get one
    is_open = here.ledger.proposal_record(proposal.digest).state == "open"
    if is_open and (why := here.ledger.why_not(proposal, person)):
        raise why


def own_approval(here: Platform, proposal: Proposal) -> str:
    """The id of the approval that the person at the keyboard has given. Refused where there is none."""
    person = keys.person_name(here.settings)
    given = here.ledger.approval(proposal, person)
    if given is None:
        raise Refused(f"{person!r} has no approval of proposal {proposal.id} to withdraw.", subject=proposal.id)
    return given.id


async def send(here: Platform, signed: SignedDecision) -> None:
    """Send a signed decision to its run and wait for the ruling. Raises Refused when it was refused."""
    statement = signed.statement
    require_fit(here, signed)
    handle = here.client.get_workflow_handle(statement.run)
    try:
        await handle.signal("decide", signed)
    except RPCError as error:
        raise Conflict(
            f"The run {statement.run} takes no decision any more: {error.message}.",
            subject=statement.run,
            way_out=f"`countersign log {statement.run}` says how it ended.",
        ) from error
    await ruled(here, signed)


def require_fit(here: Platform, signed: SignedDecision) -> None:
    """What the run will ask, asked before anything is sent. Refused, and written down, where the rule says no."""
    statement = signed.statement
    ruling = here.ledger.judge(signed, run=statement.run, digest=statement.digest)
    if not ruling.accepted:
        here.ledger.record_decision(signed, ruling)
        raise Refused(ruling.why, subject=short(statement.digest), way_out="`countersign inbox` lists what is open.")


async def ruled(here: Platform, signed: SignedDecision) -> None:
    """Wait until the run has ruled on the decision."""
    deadline = asyncio.get_running_loop().time() + RULING_PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        for decision, ruling in here.ledger.decisions(signed.statement.run):
            if decision.id == signed.id and not ruling.accepted:
                raise Refused(ruling.why, subject=signed.statement.run)
            if decision.id == signed.id:
                out.print(f"[green]Signed[/green] by {escape(signed.statement.person)}: {signed.statement.verdict}")
                return
        await asyncio.sleep(0.1)
    out.print("The decision is in the run's history; no worker has taken it yet. It will, when one runs.")


async def revise(here: Platform, current: Proposal, text: str = "", **of_effects: Any) -> Sealed:
    """Send an edit to the run: a text, or `drop` and `change`. Gives the new revision; the run's own words when it
    refuses."""
    revision = Revision(digest=current.digest, text=text, person=keys.person_name(here.settings), **of_effects)
    try:
        handle = here.client.get_workflow_handle(current.run)
        sealed: Sealed = await handle.execute_update("revise", revision, result_type=Sealed)
        return sealed
    except WorkflowUpdateFailedError as error:
        raise BadInput(root_message(error.cause), subject=current.id) from error
    except RPCError as error:
        raise CountersignError(f"The edit could not be sent: {error.message}.", subject=current.run) from error


def confirm(here: Platform, proposal: Proposal, verdict: Verdict) -> None:
    """Show what will be signed and ask. Without a terminal there is nobody to ask: `--yes` says so."""
    require_terminal(proposal.id)
    print_proposal(out, proposal, full=False)
    print_standing(out, proposal, here.ledger.standing(proposal))
    question = proposal.button() if verdict == "approve" else f"{verdict.replace('_', ' ')}: {proposal.title}"
    ask(spelt(one_line(question)), proposal.id)


def ask(question: str, subject: str) -> None:
    require_terminal(subject)
    typer.confirm(f"{question}?", abort=True)


def require_terminal(subject: str) -> None:
    if not sys.stdin.isatty():
        raise BadInput("There is no terminal to ask in.", subject=subject, way_out="Read it first, then add --yes.")
