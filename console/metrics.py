"""The health page's figures for Prometheus, at `GET /metrics`.

Open to whoever has the token that the operator has set, and to nobody without one: they tell how a company works.
"""

import asyncio
import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response

from console import decide
from console.access import OPEN
from console.deps import Console, Here, in_thread
from console.finding import Figure, Finding
from console.findings import findings, proof
from contracts.errors import NotFound

router = APIRouter(include_in_schema=False)
PREFIX = "countersign"
HELP = {
    "finding_ok": "Whether a line of the health page is well.",
    "workers": "Workers that polled a queue in the last two minutes.",
    "queue_steps": "Steps that wait on a queue for a worker, as the server estimates.",
    "queue_oldest_step_seconds": "How long the oldest of them has waited.",
    "schedule_fires_missed": "Times of the last two days at which a schedule should have fired and did not.",
    "schedule_fires_doubled": "Times of the last two days for which a schedule fired more than once.",
    "schedule_fires_skipped": "Times at which it did not fire since the run before was still open.",
    "stuck_runs": "Runs without a sign of life.",
    "effects_stopped": "Whether effects are stopped.",
    "effects_in_doubt": "Effects of which nobody knows whether they happened.",
    "notices_pending": "Things that people are to be told of and have not been yet.",
    "notices_failing": "Those of them that could not be sent so far.",
    "notices_failed": "Those that were given up in the last week.",
    "proposals_open": "Proposals that wait for a decision.",
    "proposals_expiring": "Those of them that expire soon.",
    "proposals_oldest_seconds": "How long the oldest of them has waited.",
    "spent_usd": "What an account has spent on models.",
    "budget_usd": "What it may.",
    "credential_expires_seconds": "Until a credential expires; negative when it has.",
    "credentials_refused": "Credentials that were refused in the last day, and not accepted since.",
    "silent_workflows": "Workflows that have found nothing to do for long.",
    "ledger_gaps": "Gaps between the ledger and Temporal's histories when they were last compared.",
    "ledger_entries": "Entries of the ledger when it was last verified.",
    "ledger_entries_unsealed": "Those of them that no head covers yet.",
    "ledger_problems": "What that verification found wrong.",
}


@router.get("/metrics", dependencies=[OPEN])
async def metrics(request: Request, here: Here) -> Response:
    require_token(request, here)
    found = await findings(here.ledger, lambda: decide.connected(here))
    proved = await in_thread(here.prover.proof)
    text = await asyncio.to_thread(exposition, [*found, *([proof(proved.found)] if proved else [])])
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def require_token(request: Request, here: Console) -> None:
    """Raises NotFound: who has no token isn't told that there is anything."""
    expected, given = here.deps.metrics_token, request.headers.get("authorization", "")
    if not expected or not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise NotFound("There is no page here.", way_out="COUNTERSIGN_METRICS_TOKEN turns metrics on: docs/running.md.")


def exposition(found: Iterable[Finding]) -> bytes:
    """Findings in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Gauges(figures(found)))
    return generate_latest(registry)


def figures(found: Iterable[Finding]) -> list[Figure]:
    well = [Figure("finding_ok", each.ok, {"finding": each.name}) for each in found]
    return [*well, *(figure for each in found for figure in each.figures)]


class Gauges(Collector):
    """Figures as they were when it was made."""

    def __init__(self, known: Iterable[Figure]) -> None:
        self.by_name: dict[str, list[Figure]] = defaultdict(list)
        for figure in known:
            self.by_name[figure.name].append(figure)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, alike in self.by_name.items():
            family = GaugeMetricFamily(f"{PREFIX}_{name}", HELP[name], labels=list(alike[0].labels))
            for figure in alike:
                family.add_metric(list(figure.labels.values()), float(figure.value))
            yield family
