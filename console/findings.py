"""What a fleet's health is made of: each thing looked at, in words, with the way to fix it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from console.words import count, money, span
from contracts.errors import CountersignError
from contracts.records import Verification
from contracts.steps import AGENTS, EFFECTS, Queue
from ledger import Ledger

RPC_TIME = timedelta(seconds=5)
POLLED_WITHIN = timedelta(minutes=2)
STUCK_AFTER = timedelta(minutes=15)
EXPIRES_WITHIN = timedelta(days=2)
NEARLY = Decimal("0.9")  # of a budget


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is in words, and the way to fix it where it is not well."""

    name: str
    ok: bool
    says: str
    fix: str = ""


async def findings(ledger: Ledger, temporal: Callable[[], Awaitable[Client]]) -> list[Finding]:
    """All but the ledger's proof, which takes its time. `temporal` may raise a CountersignError."""
    looks = (stopped_effects, stuck_runs, expiring, budgets)
    local = asyncio.gather(*(asyncio.to_thread(look, ledger) for look in looks))
    return [*await server(temporal), *await local]


async def server(temporal: Callable[[], Awaitable[Client]]) -> list[Finding]:
    try:
        client = await temporal()
        await client.service_client.check_health(timeout=RPC_TIME)
    except (CountersignError, RPCError):
        fix = "Run `countersign up`, or set TEMPORAL_ADDRESS to a server that runs; then `countersign doctor`."
        return [Finding("Temporal server", False, "It can't be reached.", fix)]
    reached = Finding("Temporal server", True, f"It answers, namespace {client.namespace}.")
    return [reached, await workers(client, AGENTS), await workers(client, EFFECTS)]


async def workers(client: Client, queue: Queue) -> Finding:
    """Whether anybody takes work from a queue."""
    name = "Workers for agents" if queue == AGENTS else "Workers for effects"
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    try:
        answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIME)
    except RPCError as error:
        return Finding(name, False, f"The server did not say who polls {queue}: {error.message}")
    since = datetime.now(UTC) - POLLED_WITHIN
    seen = [p for p in answer.pollers if p.last_access_time.ToDatetime(tzinfo=UTC) >= since]
    if not seen:
        kind = queue.removeprefix("countersign-")
        fix = f"Run `countersign worker {kind}`, or `countersign up` for everything."
        return Finding(name, False, f"Nobody polls {queue}.", fix)
    return Finding(name, True, f"{len(seen)} polling {queue}.")


def stopped_effects(ledger: Ledger) -> Finding:
    """Whether effects are carried out, and whether one waits for a person to say what became of it."""
    switch, doubted = ledger.effect_switch(), ledger.effects(state="unknown")
    if switch.stopped:
        fix = "`countersign effects start` lets them go on, or the button above; administrators may."
        return Finding("Effects", False, f"{switch.says}.", fix)
    if doubted:
        says = f"{count(len(doubted), 'effect')} of which nobody knows whether it happened: {doubted[0].key}."
        fix = "Look there, then say `countersign effects settle` with its key and --happened or --did-not."
        return Finding("Effects", False, says, fix)
    return Finding("Effects", True, switch.says)


def stuck_runs(ledger: Ledger) -> Finding:
    """Runs that claim to be running and have written nothing for a while."""
    stuck = [run.run for run in ledger.runs(state="running") if is_stuck(ledger, run.run, run.started_at)]
    if not stuck:
        return Finding("Runs", True, "None is stuck.")
    says = f"{len(stuck)} running without a sign of life for {STUCK_AFTER.seconds // 60} minutes: "
    fix = "Open the run and follow its link to Temporal: the pending step shows its last error."
    return Finding("Runs", False, says + ", ".join(stuck[:5]), fix)


def is_stuck(ledger: Ledger, run: str, started_at: datetime) -> bool:
    newest = ledger.entries(run=run, limit=1, newest_first=True)
    last = max([started_at, *(entry.finished_at for entry in newest)])
    return datetime.now(UTC) - last > STUCK_AFTER


def expiring(ledger: Ledger) -> Finding:
    """Proposals that nobody has decided and that soon nobody can."""
    now = datetime.now(UTC)
    soon = sorted(each.expires_at for each in ledger.proposals(state="open") if each.expires_at < now + EXPIRES_WITHIN)
    if not soon:
        return Finding("Approvals", True, "None is about to expire.")
    left = span(max((soon[0] - now).total_seconds(), 0))
    says = f"{count(len(soon), 'proposal')} about to expire undecided, the first in {left}."
    return Finding("Approvals", False, says, "Decide them in the inbox, or `countersign inbox`; no timeout approves.")


def budgets(ledger: Ledger) -> Finding:
    """What teams and workflows have spent of what they may in this month."""
    month = f"{datetime.now(UTC):%Y-%m}"
    known = [*ledger.accounts("team/"), *ledger.accounts("workflow/")]
    limited = [each for each in known if each.usd is not None and each.name.endswith(month)]
    short = [each for each in limited if each.spent + each.reserved >= NEARLY * (each.usd or 0)]
    if not short:
        return Finding("Budgets", True, f"{count(len(limited), 'budget')} of this month, none nearly spent.")
    first = short[0]
    says = f"{first.name}: {money(first.spent)} of {money(first.usd)} spent"
    more = f", and {len(short) - 1} more nearly spent." if len(short) > 1 else "."
    fix = "Until the month ends its drafts are the baseline's. COUNTERSIGN_TEAM_BUDGETS or the policy raise it."
    return Finding("Budgets", False, says + more, fix)


def proof(found: Verification) -> Finding:
    """What a verification of the ledger found."""
    if found.ok:
        heads = count(found.heads, "signed head")
        says = f"{count(found.entries, 'entry', 'entries')}, {found.sealed:,} of them sealed under {heads}."
        return Finding("Ledger", True, says)
    fix = "Run `countersign ledger verify` for all of it. Sign nothing until it is understood."
    return Finding("Ledger", False, "; ".join(found.problems[:3]) or "It does not verify.", fix)
