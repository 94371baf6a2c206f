"""A small world for sales: the effects' worker of an installation, and stand-ins for Salesforce, HubSpot and Slack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from activities.effects import FieldParams, PostParams, TaskParams, field_effect, post_effect, task_effect
from contracts.proposal import Effect
from contracts.runs import CarryOut, Done
from tests.activities.effect_world import World
from tests.activities.pull_world import with_settings
from tests.support.services import hubspot, salesforce, slack
from tests.support.tls_host import authority
from workers.settings import Settings

ENVIRON = {
    "TEST_SALESFORCE": salesforce.TOKEN,
    "TEST_CONSUMER": salesforce.SECRET,
    "TEST_HUBSPOT": hubspot.TOKEN,
    "TEST_SLACK": slack.TOKEN,
}


@dataclass
class Selling:
    """The worker's world, and the services'. TEST_SALESFORCE, TEST_HUBSPOT and TEST_SLACK are the tokens' names."""

    world: World
    settings: Settings
    salesforce: salesforce.StandInSalesforce
    hubspot: hubspot.StandInHubSpot
    slack: slack.StandInSlack

    @property
    def folder(self) -> Path:
        made = self.world.folder / "deals"
        made.mkdir(exist_ok=True)
        return made

    def worker(self, **changed: str) -> World:
        return with_settings(self.world, self.settings.model_copy(update=changed))

    def target(self, kind: str) -> tuple[str, str]:
        """A target and the id of a deal there."""
        return {
            "folder": (str(self.folder), "D-1"),
            "salesforce": (f"salesforce://{self.salesforce.place}", salesforce.ID),
            "hubspot": (f"hubspot://{self.hubspot.place}", "42"),
        }[kind]

    def task(self, kind: str = "folder", **given: Any) -> Effect:
        target, deal = self.target(kind)
        known = {"target": target, "deal": deal, "deal_name": "Acme", "owner": "Ana", "subject": "Call Acme"}
        return task_effect("run-1", 1, TaskParams.model_validate({**known, "due": date(2026, 12, 1), **given}))

    def field(self, kind: str = "folder", **given: Any) -> Effect:
        target, deal = self.target(kind)
        name = "NextStep" if kind == "salesforce" else "hs_next_step"
        known = {"target": target, "deal": deal, "deal_name": "Acme", "field": name, "was": "", "value": "Call Acme"}
        return field_effect("run-1", 1, FieldParams.model_validate(known | given))

    def post(self, **given: Any) -> Effect:
        known = {
            "place": self.slack.place,
            "to": "U012AB3CD",
            "whom": "Ana",
            "heading": "Today",
            "lines": ("Call Acme",),
        }
        return post_effect("run-1", 1, PostParams.model_validate(known | given))

    async def carry_out(self, request: CarryOut) -> Done:
        return await self.worker().carry_out(request)


@asynccontextmanager
async def selling(folder: Path) -> AsyncIterator[Selling]:
    """All of it, with a deal in each system."""
    ca, pem = authority(folder, ("localhost",))
    async with (
        salesforce.standin_salesforce(pem) as sales,
        hubspot.standin_hubspot(pem) as hub,
        slack.standin_slack(pem) as chat,
    ):
        sales.records["Opportunity"] = [{"Id": salesforce.ID, "NextStep": None}]
        hub.add("deals", "42", hs_next_step=None)
        world = World.open(folder)
        settings = Settings(
            state=folder / "state",
            salesforce=sales.place,
            hubspot=hub.place,
            slack=chat.place,
            egress_authorities=str(ca),
            crm_write_credentials=f"{sales.place}=TEST_SALESFORCE,{hub.place}=TEST_HUBSPOT,{chat.place}=TEST_SLACK",
        )
        yield Selling(world, settings, sales, hub, chat)
        world.ledger.close()


def act(folder: Path, settings: str) -> None:
    """In a process of its own: carry out FOLDER/request.json with these settings."""
    from contracts.runs import CarryOut
    from tests.ledger.support import Signer

    world = World.open(folder, signer=Signer("ana", None))  # type: ignore[arg-type]
    request = CarryOut.model_validate_json((folder / "request.json").read_text())
    asyncio.run(with_settings(world, Settings.model_validate_json(settings)).carry_out(request))
