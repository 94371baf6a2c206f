"""Which model an agent asks, within whose budget, under which name in the ledger."""

from dataclasses import dataclass, replace

from temporalio import activity

from activities.models.journal import Journal, Purpose
from activities.progress import Progress
from activities.toolbox import Toolbox
from contracts.agent import AgentLimits, ThinkRequest
from contracts.digests import canonical_json, short, tagged_digest
from contracts.errors import ModelMisconfigured
from contracts.models import ModelReply, ModelRequest
from contracts.policy import Tier

CALL_TAG = "countersign/agent-call/v1"


@dataclass(frozen=True)
class Asking:
    """One call of one agent."""

    journal: Journal
    tier: Tier
    model: str
    purpose: Purpose
    request: ThinkRequest

    @property
    def limits(self) -> AgentLimits:
        return self.request.limits

    async def call(self, request: ModelRequest, number: int, told: Progress) -> ModelReply:
        """`number` tells a call that was cut down and tried again from the one that did not fit."""
        told.says = f"waiting for {self.model}"

        def count(characters: int) -> None:
            told.says = f"{self.model} has written {characters:,} characters"

        purpose = replace(self.purpose, call=f"{self.purpose.call}.{number}")
        return await self.journal.call(request, purpose, tier=self.tier, on_progress=count)


def asking(toolbox: Toolbox, request: ThinkRequest) -> Asking:
    """Raises ModelMisconfigured where there is no model: whoever starts an agent has looked before."""
    if toolbox.models is None:
        raise ModelMisconfigured("There is no model.", way_out="Set ANTHROPIC_API_KEY or OPENAI_API_KEY.")
    [tier] = toolbox.models.known((request.tier,))
    models = toolbox.models.at(tier)
    info = activity.info() if activity.in_activity() else None
    same = request.model_dump(mode="json", include={"brief", "talk", "given", "tools", "tier", "step"})
    same["agent"] = info.workflow_id if info else ""
    purpose = Purpose(
        call=short(tagged_digest(CALL_TAG, canonical_json(same))),
        attempt=info.attempt if info else 1,
        says=f"take step {request.step}",
        spender=request.spender,
    )
    journal = Journal(toolbox.models, toolbox.ledger, toolbox.artifacts, team_usd=toolbox.team_usd)
    return Asking(journal, tier, models.model if models else "", purpose, request)
