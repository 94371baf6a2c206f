"""A small world for pull requests: the effects' worker of an installation, and a stand-in for GitHub. Also a process
that acts in it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from activities.effects import FileChange, pull_effect, pull_panel
from activities.effects.pull_params import PullParams
from contracts.proposal import Effect
from contracts.runs import CarryOut
from tests.activities.effect_world import World
from tests.ledger.support import Signer
from tests.support.repositories import git
from tests.support.services.github import Repository, StandInGitHub, standin_github
from tests.support.services.names import HOST, resolving
from tests.support.tls_host import authority
from workers.settings import Settings
from workers.worker import toolbox


@dataclass
class Pulling:
    """The worker's world, GitHub's, and the repository in it."""

    world: World
    github: StandInGitHub
    app: Repository
    settings: Settings

    def worker(self, **changed: str) -> World:
        return with_settings(self.world, self.settings.model_copy(update=changed))

    def effect(self, files: dict[str, bytes | None] | None = None, **given: Any) -> tuple[Effect, PullParams]:
        put = self.world.toolbox.artifacts.put
        body = {"src/a.py": b"a = 2\n"} if files is None else files
        values: dict[str, Any] = {
            "run": "run-1",
            "revision": 1,
            "repository": f"{self.github.url}/{self.app.full_name}.git",
            "base": git(self.app.folder, "rev-parse", "main"),
            "into": "main",
            "files": [FileChange(path=path, ref="" if text is None else put(text)) for path, text in body.items()],
            "identity": self.world.toolbox.identity,
            "subject": "Fix #7",
            "body": "Ticket: acme/app#12",
            "title": "Fix #7",
            "text": "Ticket: `acme/app#12`",
            "ticket": "github:acme/app#12",
            "place": "Acme/App",
        }
        return pull_effect(**(values | given))

    def request(self, *, shown: PullParams | None = None, **given: Any) -> CarryOut:
        effect, params = self.effect(**given)
        files: list[Any] = effect.params["files"]  # type: ignore[assignment]
        diffs = [self.world.panel(str(self.app.folder), params.base, each) for each in files]
        return self.world.request(effect, panels=(*diffs, pull_panel(shown or params)))

    def branches(self) -> list[str]:
        listed = git(self.app.folder, "for-each-ref", "--format=%(refname:short)", "refs/heads/countersign")
        return listed.split()


def with_settings(world: World, settings: Settings) -> World:
    """The effects' worker of these settings, in the same ledger."""
    tools = toolbox(settings, world.ledger, models=False)
    own = world.toolbox
    return replace(world, toolbox=replace(tools, artifacts=own.artifacts, identity=own.identity, policies=own.policies))


@asynccontextmanager
async def pulling(folder: Path) -> AsyncIterator[Pulling]:
    """A world with a private repository Acme/App, whose branch main has two commits. TEST_WRITE is the token's name."""
    ca, pem = authority(folder, (HOST,))
    async with standin_github(folder / "hosted", pem) as github:
        world = World.open(folder)
        settings = Settings(
            state=folder / "state",
            github=github.place,
            egress_private=github.place,
            egress_authorities=str(ca),
            git_write_credentials=f"{github.place}=TEST_WRITE",
        )
        yield Pulling(world, github, github.add("Acme/App", world.repository()), settings)
        world.ledger.close()


def act(folder: Path) -> None:
    """Carry out FOLDER/request.json, or die trying. For a process of its own."""
    socket.getaddrinfo = resolving
    settings = Settings.model_validate_json((folder / "settings.json").read_text())
    world = with_settings(World.open(folder, signer=Signer("ana", None)), settings)  # type: ignore[arg-type]
    request = CarryOut.model_validate_json((folder / "request.json").read_text())
    print(asyncio.run(world.carry_out(request)).model_dump_json())
