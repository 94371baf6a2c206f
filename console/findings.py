"""What a fleet's health is made of: each thing looked at, in words, with the way to fix it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from console.credentials import credentials
from console.finding import Figure
from console.finding import Finding as Finding
from console.fires import fires
from console.noops import silent
from console.stuck import causes, grouped
from console.told import notified
from console.versions import stranded
from console.words import count, money, relative, span
from contracts.errors import CountersignError
from contracts.records import ANCHORED, RECONCILED, ProposalRecord, Verification
from contracts.steps import AGENTS, EFFECTS, Queue
from ledger import Ledger

RPC_TIME = timedelta(seconds=5)
POLLED_WITHIN = timedelta(minutes=2)
STUCK_AFTER = timedelta(minutes=15)
WAITS_TOO_LONG = timedelta(minutes=5)  # a step that no worker has taken
EXPIRES_WITHIN = timedelta(days=2)
NEARLY = Decimal("0.9")  # of a budget


async def findings(ledger: Ledger, temporal: Callable[[], Awaitable[Client]]) -> list[Finding]:
    """All but the ledger's proof, which takes its time. `temporal` may raise a CountersignError."""
    looks = (stopped_effects, expiring, budgets, credentials, silent, reconciled, anchored, notified)
    local = asyncio.gather(*(asyncio.to_thread(look, ledger) for look in looks))
    return [*await server(ledger, temporal), *await local]


async def server(ledger: Ledger, temporal: Callable[[], Awaitable[Client]]) -> list[Finding]:
    """What Temporal knows, and the runs that don't go on: with their causes where it can be asked."""
    try:
        client = await temporal()
        await client.service_client.check_health(timeout=RPC_TIME)
    except (CountersignError, RPCError):
        fix = "Run `countersign up`, or set TEMPORAL_ADDRESS to a server that runs; then `countersign doctor`."
        away = Finding("Temporal server", False, "It can't be reached.", fix)
        return [away, await stuck_runs(ledger)]
    reached = Finding("Temporal server", True, f"It answers, namespace {client.namespace}.")
    runs = (fires(client, ledger), stuck_runs(ledger, client), stranded(client, ledger))
    return [reached, *await asyncio.gather(workers(client, AGENTS), workers(client, EFFECTS), *runs)]


async def workers(client: Client, queue: Queue) -> Finding:
    """Whether anybody takes work from a queue, and how long the oldest of it has waited."""
    name = "Workers for agents" if queue == AGENTS else "Workers for effects"
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    try:
        answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIME)
    except RPCError as error:
        return Finding(name, False, f"The server did not say who polls {queue}: {error.message}")
    since = datetime.now(UTC) - POLLED_WITHIN
    seen = [p for p in answer.pollers if p.last_access_time.ToDatetime(tzinfo=UTC) >= since]
    waits, age = answer.stats.approximate_backlog_count, answer.stats.approximate_backlog_age.ToSeconds()
    measured = {"workers": len(seen), "queue_steps": waits, "queue_oldest_step_seconds": age}
    figures = tuple(Figure(what, value, {"queue": queue}) for what, value in measured.items())
    kind = queue.removeprefix("countersign-")
    fix = f"Run `countersign worker {kind}`, or `countersign up` for everything."
    if not seen:
        return Finding(name, False, f"Nobody polls {queue}.", fix, figures)
    if age > WAITS_TOO_LONG.total_seconds():
        says = f"{count(waits, 'step')} on {queue}, the oldest for {span(age)}: more than {len(seen)} can take."
        return Finding(name, False, says, f"Start another one: `countersign worker {kind}`.", figures)
    return Finding(name, True, f"{len(seen)} polling {queue}.", "", figures)


def stopped_effects(ledger: Ledger) -> Finding:
    """Whether effects are carried out, and whether one waits for a person to say what became of it."""
    switch, doubted = ledger.effect_switch(), ledger.effects(state="unknown")
    figures = (Figure("effects_stopped", switch.stopped), Figure("effects_in_doubt", len(doubted)))
    if switch.stopped:
        fix = "`countersign effects start` lets them go on, or the button above; administrators may."
        return Finding("Effects", False, f"{switch.says}.", fix, figures)
    if doubted:
        says = f"{count(len(doubted), 'effect')} of which nobody knows whether it happened: {doubted[0].key}."
        fix = "Look there, then say `countersign effects settle` with its key and --happened or --did-not."
        return Finding("Effects", False, says, fix, figures)
    return Finding("Effects", True, switch.says, "", figures)


async def stuck_runs(ledger: Ledger, client: Client | None = None) -> Finding:
    """Runs that claim to be running and have written nothing for a while, by what they wait for."""
    stuck = await asyncio.to_thread(without_sign_of_life, ledger)
    figures = (Figure("stuck_runs", len(stuck)),)
    if not stuck:
        return Finding("Runs", True, "None is stuck.", "", figures)
    why = await causes(client, stuck) if client is not None else {}
    says = "; ".join(f"{cause}: {', '.join(runs[:5])}" for cause, runs in grouped(stuck, why)[:3])
    head = f"{len(stuck)} without a sign of life for {STUCK_AFTER.seconds // 60} minutes. "
    fix = "Open the run and follow its link to Temporal: it goes on by itself once what it waits for is there."
    return Finding("Runs", False, f"{head}{says}.", fix, figures)


def without_sign_of_life(ledger: Ledger) -> list[str]:
    return [run.run for run in ledger.runs(state="running") if is_stuck(ledger, run.run, run.started_at)]


def is_stuck(ledger: Ledger, run: str, started_at: datetime) -> bool:
    newest = ledger.entries(run=run, limit=1, newest_first=True)
    last = max([started_at, *(entry.finished_at for entry in newest)])
    return datetime.now(UTC) - last > STUCK_AFTER


def expiring(ledger: Ledger) -> Finding:
    """Proposals that nobody has decided and that soon nobody can."""
    now = datetime.now(UTC)
    waiting = ledger.proposals(state="open")
    soon = sorted(each.expires_at for each in waiting if is_late(each, now))
    oldest = max(((now - each.created_at).total_seconds() for each in waiting), default=0.0)
    measured = {"proposals_open": len(waiting), "proposals_expiring": len(soon), "proposals_oldest_seconds": oldest}
    figures = tuple(Figure(name, value) for name, value in measured.items())
    if not soon:
        return Finding("Approvals", True, "None is about to expire.", "", figures)
    left = span(max((soon[0] - now).total_seconds(), 0))
    says = f"{count(len(soon), 'proposal')} about to expire undecided, the first in {left}."
    fix = "Decide them in the inbox, or `countersign inbox`; no timeout approves."
    return Finding("Approvals", False, says, fix, figures)


def is_late(record: ProposalRecord, now: datetime) -> bool:
    """Of a proposal that is to be decided within the day, only the last quarter of its time is late."""
    return record.expires_at - now < min(EXPIRES_WITHIN, (record.expires_at - record.created_at) / 4)


def budgets(ledger: Ledger) -> Finding:
    """What teams and workflows have spent of what they may in this month."""
    month = f"{datetime.now(UTC):%Y-%m}"
    known = [*ledger.accounts("team/"), *ledger.accounts("workflow/")]
    limited = [each for each in known if each.usd is not None and each.name.endswith(month)]
    figures = tuple(Figure("spent_usd", float(each.spent), {"account": each.name}) for each in known)
    figures += tuple(Figure("budget_usd", float(each.usd or 0), {"account": each.name}) for each in limited)
    short = [each for each in limited if each.spent + each.reserved >= NEARLY * (each.usd or 0)]
    if not short:
        return Finding(
            "Budgets", True, f"{count(len(limited), 'budget')} of this month, none nearly spent.", "", figures
        )
    first = short[0]
    says = f"{first.name}: {money(first.spent)} of {money(first.usd)} spent"
    more = f", and {len(short) - 1} more nearly spent." if len(short) > 1 else "."
    fix = "Until the month ends its drafts are the baseline's. COUNTERSIGN_TEAM_BUDGETS or the policy raise it."
    return Finding("Budgets", False, says + more, fix, figures)


def reconciled(ledger: Ledger) -> Finding:
    """What the last comparison with Temporal's histories said."""
    told = ledger.entries(kind="system", words=RECONCILED, limit=1, newest_first=True)
    if not told:
        return Finding("Reconciliation", True, "The ledger was not compared with Temporal's histories yet.")
    gaps = int(str(told[0].facts.get("gaps", 0)))
    when = relative(told[0].finished_at, datetime.now(UTC))
    figures = (Figure("ledger_gaps", gaps),)
    if not gaps:
        return Finding("Reconciliation", True, f"No gap between the ledger and Temporal, {when}.", "", figures)
    says = f"{count(gaps, 'gap')} between the ledger and Temporal's histories, {when}."
    fix = "`countersign ledger reconcile` names each; with --mend it writes down the attempts that were lost."
    return Finding("Reconciliation", False, says, fix, figures)


def anchored(ledger: Ledger) -> Finding:
    """Whether heads are kept outside the database, as the operator may have asked."""
    told = ledger.entries(kind="system", words=ANCHORED, limit=1, newest_first=True)
    if not told:
        return Finding("Heads", True, "The operator has not asked to keep the ledger's heads elsewhere.")
    last = told[0]
    when = relative(last.finished_at, datetime.now(UTC))
    if last.outcome == "ok":
        return Finding("Heads", True, f"{last.says}, {when}.")
    fix = "Correct COUNTERSIGN_LEDGER_ANCHOR or what it names. Until then the newest entries could be cut off unseen."
    return Finding("Heads", False, f"{last.says} ({when}.)", fix)


def proof(found: Verification) -> Finding:
    """What a verification of the ledger found."""
    measured = {"entries": found.entries, "entries_unsealed": found.unsealed, "problems": len(found.problems)}
    figures = tuple(Figure(f"ledger_{name}", value) for name, value in measured.items())
    if found.ok:
        heads = count(found.heads, "signed head")
        says = f"{count(found.entries, 'entry', 'entries')}, {found.sealed:,} of them sealed under {heads}."
        return Finding("Ledger", True, says, "", figures)
    fix = "Run `countersign ledger verify` for all of it. Sign nothing until it is understood."
    return Finding("Ledger", False, "; ".join(found.problems[:3]) or "It does not verify.", fix, figures)
