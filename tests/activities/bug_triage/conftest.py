"""Four trackers over TLS, and an installation that knows them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activities.bug_triage.gathering import BugGathering
from activities.bug_triage.history import HISTORY
from activities.bug_triage.sources.place import place_of
from activities.bug_triage.sources.readers import READERS
from activities.effects import IssueParams, issue_effect
from activities.progress import Progress
from activities.toolbox import Toolbox
from contracts.bugs import Issue
from contracts.errors import CountersignError
from contracts.runs import CarryOut, Done
from ledger import FolderArtifacts
from tests.activities.effect_world import World
from tests.support.services.trackers import BEGAN_AT, SPEAK, TOKEN, Tracker, tracker
from tests.support.tls_host import authority
from workers.services import services
from workers.settings import Settings

KINDS = tuple(SPEAK)


class Trackers:
    """The four of them, and both workers of an installation that knows them."""

    def __init__(self, folder: Path, world: World, ca: Path, all_: dict[str, Tracker]) -> None:
        self.folder, self.world, self.all = folder, world, all_
        hosts = {kind: each.place for kind, each in all_.items()}
        given = {kind: ",".join(each.credentials for name, each in all_.items() if name != "github") for kind in ("w",)}
        self.settings = Settings(
            state=folder / "state",
            **hosts,
            egress_authorities=str(ca),
            ticket_credentials=",".join(each.credentials for each in all_.values()),
            ticket_write_credentials=given["w"],
            git_write_credentials=all_["github"].credentials,
        )

    async def read(self, kind: str, told: Progress | None = None) -> list[Issue]:
        known = services(self.settings, "agents")
        place = place_of(self.all[kind].source, known)
        store = FolderArtifacts(self.folder / "pages")
        return list((await READERS[kind].read(place, known.authorities, told or Progress(""), store)).issues.values())

    @property
    def tools(self) -> Toolbox:
        """Of the agents' worker: it may read."""
        return replace(self.world.toolbox, services=services(self.settings, "agents"))

    def gathering(self) -> BugGathering:
        return BugGathering(self.tools)

    async def fails(self, kind: str, told: Progress | None = None) -> CountersignError:
        with pytest.raises(CountersignError) as caught:
            await self.read(kind, told)
        assert TOKEN not in str(caught.value.problem())
        return caught.value

    def asked(self, kind: str, number: int = 1, run: int = 1, **params: Any) -> CarryOut:
        """A signed request to change an issue of the tracker."""
        values = {"source": self.all[kind].source, "issue": self.all[kind].key(number), **params}
        return self.world.request(issue_effect(f"run-{run}", 1, IssueParams(**values)), run=f"run-{run}")

    async def carry_out(self, request: CarryOut) -> Done:
        tools = replace(self.world.toolbox, services=services(self.settings, "effects"))
        return await replace(self.world, toolbox=tools).carry_out(request)


@pytest.fixture(scope="package")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trackers]:
    folder = tmp_path_factory.mktemp("trackers")
    ca, pem = authority(folder, ("localhost",))
    async with AsyncExitStack() as stack:
        all_ = {kind: await stack.enter_async_context(tracker(kind, pem)) for kind in KINDS}
        world = World.open(folder)
        stack.callback(world.ledger.close)
        yield Trackers(folder, world, ca, all_)


@pytest.fixture
def trackers(started: Trackers, monkeypatch: pytest.MonkeyPatch) -> Trackers:
    monkeypatch.setenv("TEST_TRACKER", TOKEN)
    for each in started.all.values():
        started.world.ledger.move_cursor(f"{HISTORY}{place_of(each.source, started.tools.services)}", "")
        each.issues.clear()
        each.host.seen.clear()
        each.trouble = each.after = None
        each.now, each.milestones = BEGAN_AT, ("2.0",)
    return started
