"""Tickets at Zendesk: by a signed webhook and by the schedule, on a real Temporal server, to signed changes there."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contracts.requirements import StartedBy
from contracts.support import SupportRequest
from tests.support.platform import Installation, Platform, settings_for
from tests.support.services.desk import GROUPS, TOKEN, StandInDesk, standin_desk
from tests.support.tls_host import authority
from tests.workflows.test_schedules import started_by_trigger
from workers import schedules
from workers.demo.tickets import history, new
from workers.devserver import Binary, DevServer
from workers.hooks.declared import read
from workers.hooks.intake import Intake
from workers.worker import build, toolbox

SECRET = "a-secret-of-the-hooks"
HOOKS = """
[[hook]]
name = "tickets"
from = "zendesk"
secret = "TICKETS_HOOK_SECRET"
on = ["zen:event-type:ticket.created"]
workflow = "support_triage"
input = {{ source = "zendesk://{place}", ticket = "{{detail.id}}" }}
"""
KNOWN, ASKED = 80, 1001  # solved tickets, and the first that waits


@dataclass
class AtZendesk:
    """An installation whose agents may read at the stand-in, whose effects may write there, and its door."""

    here: Platform
    desk: StandInDesk
    door: httpx.AsyncClient

    @property
    def source(self) -> str:
        return f"zendesk://{self.desk.place}"

    def add(self, id: int, row: dict[str, Any]) -> None:
        group = next((id for id, name in GROUPS.items() if name == row.get("queue")), None)
        tags = [f"intent_{row['intent']}"] if row.get("intent") else []
        values = {"status": row["status"], "created_at": row["created_at"], "group_id": group, "tags": tags}
        self.desk.ticket(id, description=row["text"], **values)

    async def delivered(self, id: int) -> httpx.Response:
        body = json.dumps({"type": "zen:event-type:ticket.created", "detail": {"id": str(id)}}).encode()
        at = "2026-11-28T12:00:00Z"
        made = base64.b64encode(hmac.digest(SECRET.encode(), at.encode() + body, "sha256")).decode()
        headers = {"X-Zendesk-Webhook-Signature": made, "X-Zendesk-Webhook-Signature-Timestamp": at}
        return await self.door.post("/hooks/tickets", content=body, headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def zendesk(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AtZendesk]:
    """On a server of its own: another installation's workers poll the session's."""
    folder = tmp_path_factory.mktemp("zendesk")
    ca, pem = authority(folder, ("localhost",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_DESK", TOKEN)
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(DevServer(folder / "temporal", binary=temporal_binary, say=print))
            desk = await stack.enter_async_context(standin_desk(pem))
            installation = Installation(server, folder / "state")
            installation.settings = settings_for(
                server,
                folder / "state",
                zendesk=desk.place,
                egress_authorities=str(ca),
                ticket_credentials=f"{desk.place}=TEST_DESK",
                ticket_write_credentials=f"{desk.place}=TEST_DESK",
            )
            here = await installation.open(stack)
            agents = replace(toolbox(here.settings, here.ledger, models=True), models=None, leases=None)
            await stack.enter_async_context(build(here.client, "agents", agents, cached_workflows=0))
            await stack.enter_async_context(build(here.client, "effects", here.tools, cached_workflows=0))
            (folder / "hooks.toml").write_text(HOOKS.format(place=desk.place))
            hooks = read(folder / "hooks.toml")

            async def temporal() -> Any:
                return here.client

            intake = Intake(hooks, dict.fromkeys(hooks, SECRET), here.ledger, temporal)
            transport = httpx.ASGITransport(intake.app())
            door = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://hooks"))
            made = AtZendesk(here, desk, door)
            for id, row in enumerate(history(KNOWN), 1):
                made.add(id, row)
            yield made


async def test_a_ticket_is_triaged_as_it_is_created_and_changed_there_when_signed(zendesk: AtZendesk) -> None:
    here, desk = zendesk.here, zendesk.desk
    zendesk.add(ASKED, new(1, doubtful=0)[0])
    reply = await zendesk.delivered(ASKED)
    assert reply.status_code == 202, reply.text
    proposal = await here.waiting(reply.json()["run"])
    assert [each.params["ticket"] for each in proposal.effects] == [str(ASKED)]
    assert proposal.started_by == StartedBy(kind="webhook", name="tickets")
    assert (await zendesk.delivered(ASKED)).json()["again"], "the same delivery starts nothing more"
    assert desk.calls == [], "nothing leaves before a signature"

    await here.decide(proposal, "approve")
    assert (await here.outcome(proposal.run)).state == "done"
    assert GROUPS[desk.tickets[ASKED]["group_id"]] == proposal.effects[0].params["queue"]
    assert f"intent_{proposal.effects[0].params['intent']}" in desk.tickets[ASKED]["tags"]
    [note] = desk.comments[ASKED]
    assert not note["public"], "customers are sent nothing"
    assert len(desk.calls) == 1


async def test_every_five_minutes_a_burst_becomes_one_incident(zendesk: AtZendesk) -> None:
    here, desk = zendesk.here, zendesk.desk
    rows = new(24, doubtful=0, burst=7)
    for id, row in enumerate(rows, ASKED + 1):
        zendesk.add(id, row)
    burst = list(range(ASKED + 1 + 24, ASKED + 1 + 24 + 7))
    line = schedules.Line(workflow="support_triage", name="acme")
    planned = schedules.planned(line, SupportRequest(source=zendesk.source))
    run = await started_by_trigger(here, planned, "*/5 * * * * UTC")
    said = (await here.outcome(run)).says
    assert said.startswith("31 new tickets: ")
    assert said.endswith(", 7 part of a burst.")

    incident = await here.waiting(f"{run}-1")
    assert incident.title.startswith("7 similar tickets, one incident: ")
    assert sorted(int(str(each.params["ticket"])) for each in incident.effects) == burst
    others = [each.title for each in here.ledger.proposals(state="open", limit=50) if each.run != incident.run]
    assert not [each for each in others if "similar" in each], "one for all of the burst"
    await here.decide(incident, "approve")
    assert (await here.outcome(incident.run)).state == "done"
    lead = int(str(incident.effects[0].params["incident"]))
    assert (desk.tickets[lead]["type"], desk.tickets[lead]["priority"]) == ("problem", "urgent")
    linked = [id for id in burst if desk.tickets[id].get("problem_id") == lead]
    assert linked == [id for id in burst if id != lead]

    zendesk.add(ASKED + 100, {**rows[-1], "created_at": rows[-1]["created_at"].replace(":06:", ":09:")})
    run = await here.start("support_triage", SupportRequest(source=zendesk.source))
    assert (await here.outcome(run)).says == "1 new ticket: 1 part of a burst."
    later = await here.waiting(f"{run}-1")
    assert later.title.startswith(f"1 similar ticket, link to incident {lead}: ")
