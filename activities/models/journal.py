"""Paid calls, written down: what a call may cost before it, what it cost after it, and its reply.

The ledger's entries of kind `model` are the account. An intent without an outcome is a call that a crash
cut off: nobody knows whether it was charged, so it counts with its worst case. A reply that was written down
is not paid for a second time.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from pydantic import JsonValue

from activities.models.protocol import Models, Progress
from contracts.errors import BudgetSpent, ContextOverflow, CountersignError, ModelBusy, ModelMisconfigured
from contracts.models import ModelReply, ModelRequest
from contracts.records import Entry, StoredEntry
from ledger import ArtifactStore, Ledger

Outcome = Literal["ok", "failed", "intent"]
UNPAID = (ModelMisconfigured, ContextOverflow)
MOST_CALLS = 10_000


@dataclass(frozen=True)
class Purpose:
    """Which call this is. `call` stays the same when an attempt is repeated, so that its reply is found again.

    `says` ends the entry's sentence: "claude-haiku-4-5 was asked to …".
    """

    run: str
    workflow: str
    call: str
    attempt: int
    says: str


class Journal:
    """Calls a model within a run's budget."""

    def __init__(self, models: Models, ledger: Ledger, artifacts: ArtifactStore) -> None:
        self._models = models
        self._ledger = ledger
        self._artifacts = artifacts

    async def call(
        self, request: ModelRequest, purpose: Purpose, *, budget: Decimal, on_progress: Progress | None = None
    ) -> ModelReply:
        """Make the call, or find its reply. `budget` is the whole run's, in US dollars.

        Raises BudgetSpent before anything is paid, and whatever `Models.call` raises.
        """
        past = await self._past(purpose.run)
        if (reply := await self._written(past, purpose)) is not None:
            return reply
        worst = self._models.worst_case_usd(request)
        self._afford(worst, spent(past), budget)
        started = datetime.now(UTC)
        await self._note(purpose, "intent", started, f"is asked to {purpose.says}", {"worst_usd": text(worst)})
        try:
            reply = await self._models.call(request, on_progress=on_progress)
        except CountersignError as error:
            await self._failed(purpose, started, worst, error)
            raise
        await self._settled(purpose, started, worst, reply)
        return reply

    def _afford(self, worst: Decimal | None, already: Decimal, budget: Decimal) -> None:
        model, left = self._models.model, budget - already
        if budget <= 0:
            raise BudgetSpent("The budget for models is zero.", subject=model)
        if worst is None and not self._models.allow_unpriced:
            raise BudgetSpent(
                f"The price of {model!r} is unknown, so nobody can promise to keep to ${budget}.",
                subject=model,
                way_out="Name whose prices apply in COUNTERSIGN_PRICES_OF, or set COUNTERSIGN_ALLOW_UNPRICED=1.",
            )
        if worst is not None and worst > left:
            what = f"The call could cost ${worst:.4f}, and ${max(left, Decimal(0)):.4f} of ${budget} is left."
            raise BudgetSpent(what, subject=model, way_out="Raise the workflow's budget, or use a cheaper model.")

    async def _past(self, run: str) -> list[StoredEntry]:
        if not run:
            return []
        return await asyncio.to_thread(self._ledger.entries, run=run, kind="model", limit=MOST_CALLS)

    async def _written(self, past: list[StoredEntry], purpose: Purpose) -> ModelReply | None:
        for entry in past:
            reference = entry.facts.get("reply")
            if entry.outcome == "ok" and entry.facts.get("call") == purpose.call and isinstance(reference, str):
                return await asyncio.to_thread(self._artifacts.get_model, ModelReply, reference)
        return None

    async def _failed(
        self, purpose: Purpose, started: datetime, worst: Decimal | None, error: CountersignError
    ) -> None:
        unpaid = isinstance(error, UNPAID) or (isinstance(error, ModelBusy) and not error.maybe_paid)
        cost: dict[str, JsonValue] = {"usd": "0" if unpaid else None, "worst_usd": text(worst), "error": error.name}
        await self._note(purpose, "failed", started, f"could not {purpose.says}: {error.what}", cost)

    async def _settled(self, purpose: Purpose, started: datetime, worst: Decimal | None, reply: ModelReply) -> None:
        reference = await asyncio.to_thread(self._artifacts.put_model, reply)
        known: dict[str, JsonValue] = {
            "reply": reference,
            "provider": reply.provider,
            "model": reply.model,
            "stop": reply.stop,
            "usd": text(reply.usd),
            "worst_usd": text(worst),
            "price_list": reply.price_list,
            "seconds": round(reply.seconds, 3),
            **reply.usage.model_dump(),
        }
        await self._note(purpose, "ok", started, f"was asked to {purpose.says}: {price_says(reply)}", known)

    async def _note(
        self, purpose: Purpose, outcome: Outcome, started: datetime, says: str, known: dict[str, JsonValue]
    ) -> None:
        ending = "/intent" if outcome == "intent" else ""
        await self._ledger.write(
            Entry(
                key=f"model/{purpose.run}/{purpose.call}/{purpose.attempt}{ending}",
                kind="model",
                name=f"{self._models.provider}/{self._models.model}",
                says=f"{self._models.model} {says}"[:500],
                run=purpose.run,
                workflow=purpose.workflow,
                actor="model",
                outcome=outcome,
                started_at=started,
                finished_at=datetime.now(UTC),
                attempt=purpose.attempt,
                facts={"call": purpose.call, **known},
            )
        )


def spent(past: list[StoredEntry]) -> Decimal:
    """What a run has spent on models, US dollars; where nobody knows, the worst case counts."""
    total = Decimal(0)
    ended = {entry.key for entry in past if entry.outcome != "intent"}
    for entry in past:
        if entry.outcome == "intent":
            # Its own outcome, if there is one, is counted instead.
            known = "0" if entry.key.removesuffix("/intent") in ended else None
        else:
            known = entry.facts.get("usd")  # type: ignore[assignment]
        total += Decimal(str(known if known is not None else entry.facts.get("worst_usd") or 0))
    return total


def text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)


def price_says(reply: ModelReply) -> str:
    used = reply.usage
    into, out = used.input + used.cached_read + used.cached_write, used.output + used.reasoning
    usd = "for an unknown price" if reply.usd is None else f"for ${reply.usd:.4f}"
    return f"{into:,} tokens in, {out:,} out, {usd}, {reply.seconds:.1f} s"
