"""Paid calls, within their budgets and written down: what a call may cost before it, what it cost after it, its reply.

Each step is one transaction of the ledger: the money that is held back and the entry that says so, the price and the
entry with the reply. What a killed process leaves behind is settled by the next attempt. docs/budgets.md.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Literal, TypeVar

from pydantic import JsonValue

from activities.faults import fault
from activities.models.protocol import Models, Progress
from activities.models.tiers import Tiers
from contracts.budgets import Draw, Reserved, Spender
from contracts.errors import (
    BudgetSpent,
    ContextOverflow,
    CountersignError,
    LedgerUnavailable,
    ModelBusy,
    ModelMisconfigured,
)
from contracts.models import ModelReply, ModelRequest
from contracts.policy import Tier
from contracts.records import Entry
from ledger import ArtifactStore, Ledger

Result = TypeVar("Result")
Outcome = Literal["ok", "failed", "cancelled", "intent"]
UNPAID = (ModelMisconfigured, ContextOverflow)
LONGEST_CALL = 600.0  # seconds: no client waits half as long, so a ticket that old has no owner any more
PATIENCE = 30.0  # seconds to wait for money that only calls in flight hold
PAUSE, LONGEST_PAUSE = 0.2, 3.0
SETTLING = 120.0  # seconds that a reply which is paid for waits for a database that is away


@dataclass(frozen=True)
class Purpose:
    """Which call this is. `call` stays the same when an attempt is repeated, so that its reply is found again.

    `says` ends the entry's sentence: "claude-haiku-4-5 was asked to …". `why` says why this tier.
    """

    call: str
    attempt: int
    says: str
    spender: Spender
    why: str = ""


@dataclass
class Call:
    """One call that is being made."""

    purpose: Purpose
    models: Models
    tier: Tier
    worst: Decimal | None
    ticket: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def entry(self, outcome: Outcome, says: str, known: Mapping[str, JsonValue]) -> Entry:
        purpose, spender = self.purpose, self.purpose.spender
        ending = "/intent" if outcome == "intent" else ""
        return Entry(
            key=f"model/{spender.run}/{purpose.call}/{purpose.attempt}{ending}",
            kind="model",
            name=f"{self.models.provider}/{self.models.model}",
            says=f"{self.models.model} {says}"[:500],
            run=spender.run,
            workflow=spender.workflow,
            actor="model",
            outcome=outcome,
            started_at=self.started,
            finished_at=datetime.now(UTC),
            attempt=purpose.attempt,
            facts={
                "call": purpose.call,
                "tier": self.tier,
                "why": purpose.why[:300],
                "worst_usd": text(self.worst),
                **known,
            },
        )


class Journal:
    """Calls models within the budgets of whoever asks."""

    def __init__(
        self,
        tiers: Tiers,
        ledger: Ledger,
        artifacts: ArtifactStore,
        *,
        team_usd: Mapping[str, Decimal] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """`team_usd`: what teams may spend in a month; one that is not in it has no limit of that kind."""
        self._tiers = tiers
        self._ledger = ledger
        self._artifacts = artifacts
        self._team_usd = team_usd or {}
        self._patience = patience
        # One transaction after the other, and off the threads that everybody else shares.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="budgets")

    async def call(
        self, request: ModelRequest, purpose: Purpose, *, tier: Tier = "small", on_progress: Progress | None = None
    ) -> ModelReply:
        """Make the call, or find the reply that an earlier attempt paid for.

        Raises BudgetSpent before anything is paid, and whatever `Models.call` raises.
        """
        models = self._tiers.at(tier)
        if models is None:
            raise ModelMisconfigured(
                f"No model is set for the tier {tier!r}.",
                subject=f"COUNTERSIGN_MODEL_{tier.upper()}",
                way_out=f"Set COUNTERSIGN_MODEL_{tier.upper()}.",
            )
        call = Call(purpose, models, tier, models.worst_case_usd(request))
        afford(call)
        fault("model.before_reserve")
        reserved = await self._reserve(call)
        if reserved.reply:
            return await asyncio.to_thread(self._artifacts.get_model, ModelReply, reserved.reply)
        call.ticket = reserved.ticket
        fault("model.after_reserve")
        return await self._made(call, request, on_progress)

    async def _made(self, call: Call, request: ModelRequest, on_progress: Progress | None) -> ModelReply:
        def heard(characters: int) -> None:
            fault("model.in_call")
            if on_progress is not None:
                on_progress(characters)

        try:
            reply = await call.models.call(request, on_progress=heard)
        except CountersignError as error:
            await self._surely(partial(self._failed, call, error))
            raise
        except BaseException:
            # Cancelled, or a bug: the request is on its way, and the provider may have charged for it.
            await asyncio.shield(self._surely(partial(self._left, call)))
            raise
        fault("model.after_reply")
        reply = reply.model_copy(update={"tier": call.tier})
        await asyncio.shield(self._settle(call, reply))
        fault("model.after_settle")
        return reply

    async def _settle(self, call: Call, reply: ModelReply) -> None:
        reference = await asyncio.to_thread(self._artifacts.put_model, reply)
        fault("model.after_artifact")
        await self._surely(partial(self._settled, call, reply, reference))

    async def _surely(self, write: Callable[[], None]) -> None:
        """Write what is known of a call, waiting for a database that is away: it may be paid for."""
        until = time.monotonic() + SETTLING
        while True:
            try:
                return await self._in_turn(write)
            except LedgerUnavailable:
                if time.monotonic() > until:
                    raise  # the ticket stays open, and the next attempt charges its worst case
                await asyncio.sleep(PAUSE)

    async def _in_turn(self, write: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, write)

    async def _reserve(self, call: Call) -> Reserved:
        """Hold the worst case back; where only calls in flight are in the way, wait for them."""
        spender = call.purpose.spender
        draw = Draw(
            call=f"{spender.run}/{call.purpose.call}",
            attempt=call.purpose.attempt,
            run=spender.run,
            usd=call.worst or Decimal(0),
            limits=spender.limits(self._team_usd, call.started),
            seconds=LONGEST_CALL,
        )
        intent = call.entry("intent", f"is asked to {call.purpose.says}", {})
        until, pause = time.monotonic() + self._patience, PAUSE
        while True:
            reserved = await self._in_turn(partial(self._ledger.reserve, draw, intent))
            if not reserved.held:
                return reserved
            if time.monotonic() > until:
                raise BudgetSpent(
                    f"Calls in flight hold what is left of {reserved.held}.",
                    subject=call.models.model,
                    way_out="Try again when they have ended, or raise the limit.",
                )
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that not all come back at once
            pause = min(2 * pause, LONGEST_PAUSE)

    def _failed(self, call: Call, error: CountersignError) -> None:
        unpaid = isinstance(error, UNPAID) or (isinstance(error, ModelBusy) and not error.maybe_paid)
        known: dict[str, JsonValue] = {"usd": "0" if unpaid else None, "error": error.name}
        entry = call.entry("failed", f"could not {call.purpose.says}: {error.what}", known)
        end = self._ledger.release if unpaid else self._ledger.assume
        end(call.ticket, entry)

    def _left(self, call: Call) -> None:
        says = f"was asked to {call.purpose.says}, and nobody waited for the reply"
        self._ledger.assume(call.ticket, call.entry("cancelled", says, {"usd": None}))

    def _settled(self, call: Call, reply: ModelReply, reference: str) -> None:
        known: dict[str, JsonValue] = {
            "reply": reference,
            "provider": reply.provider,
            "model": reply.model,
            "stop": reply.stop,
            "usd": text(reply.usd),
            "price_list": reply.price_list,
            "seconds": round(reply.seconds, 3),
            **reply.usage.model_dump(),
        }
        entry = call.entry("ok", f"was asked to {call.purpose.says}: {price_says(reply)}", known)
        self._ledger.settle(call.ticket, reply.usd, reference, entry)


def afford(call: Call) -> None:
    """What can be said without the ledger. BudgetSpent where there is no money at all, or no knowing how much."""
    spender, model = call.purpose.spender, call.models.model
    if not spender.purses or any(purse.usd <= 0 for purse in spender.purses):
        raise BudgetSpent("The budget for models is zero.", subject=model)
    if call.worst is None and not call.models.allow_unpriced:
        raise BudgetSpent(
            f"The price of {model!r} is unknown, so nobody can promise to keep to ${spender.purses[0].usd}.",
            subject=model,
            way_out="Name whose prices apply in COUNTERSIGN_PRICES_OF, or set COUNTERSIGN_ALLOW_UNPRICED=1.",
        )
    if call.worst is not None and spender.call_usd is not None and call.worst > spender.call_usd:
        raise BudgetSpent(
            f"The call could cost ${call.worst:.4f}, and one call may cost ${spender.call_usd}.",
            subject=model,
            way_out="Raise budget.call_usd, or use a cheaper model.",
        )


def text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)


def price_says(reply: ModelReply) -> str:
    usd = "for an unknown price" if reply.usd is None else f"for ${reply.usd:.4f}"
    return f"{reply.usage.prompt:,} tokens in, {reply.usage.written:,} out, {usd}, {reply.seconds:.1f} s"
