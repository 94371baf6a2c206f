"""A small world for effects: a ledger, a signer, a repository, a signed proposal. Also a process that acts in it."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.diff import unified
from activities.effects import git_commit_effect
from activities.effects.carry_out import EffectActivities
from activities.toolbox import Identity, Toolbox
from contracts.decision import SignedDecision
from contracts.proposal import DiffPanel, Effect, Proposal
from contracts.runs import CarryOut, Done
from ledger import FolderArtifacts, Ledger
from sandboxes import Bubblewrap
from tests.ledger.support import Signer, enrolled, proposal
from tests.support.repositories import Commit, build, git

TEXT = b"# Changelog\n\n## Unreleased\n\n- Added a thing \xe2\x80\x93 caf\xc3\xa9\n"


@dataclass
class World:
    """Everything that the effects' worker has, and what a person has."""

    folder: Path
    ledger: Ledger
    toolbox: Toolbox
    signer: Signer

    @classmethod
    def open(cls, folder: Path, signer: Signer | None = None) -> "World":
        artifacts = FolderArtifacts(folder / "artifacts")
        ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}", artifacts)
        toolbox = Toolbox(
            ledger=ledger,
            artifacts=artifacts,
            sandboxes=Bubblewrap(folder / "sandboxes"),
            models=None,
            identity=Identity(author_name="Release Bot", author_email="bot@example.org"),
            state=folder,
        )
        return cls(folder, ledger, toolbox, signer or enrolled(ledger))

    def repository(self, name: str = "repo", **files: bytes) -> Path:
        first = {"CHANGELOG.md": b"# Changelog\n", "src/a.py": b"a = 1\n", **files}
        return build(self.folder / name, [Commit("First", first), Commit("Second", {"b": b"2"})], checkout=True)

    def effect(self, repository: Path | str, *, path: str = "CHANGELOG.md", text: bytes = TEXT, **given: Any) -> Effect:
        values: dict[str, Any] = {
            "run": "run-1",
            "revision": 1,
            "base": given.pop("base", None) or git(Path(str(repository).removeprefix("file://")), "rev-parse", "HEAD"),
            "lines": 3,
            "identity": self.toolbox.identity,
            "subject": "Update the changelog",
            "body": "Since v1.",
            "since": "1" * 40,
        }
        ref = self.toolbox.artifacts.put(text)
        return git_commit_effect(repository=str(repository), path=path, text=text, text_ref=ref, **(values | given))

    def sign(self, *effects: Effect, **fields: Any) -> tuple[Proposal, SignedDecision]:
        now = datetime.now(UTC)
        times = {"created_at": now, "expires_at": now + timedelta(days=1)}
        shown = {"panels": tuple(self.panel(effect) for effect in effects)}
        sealed = proposal(self.ledger, effects=effects, **(times | shown | fields))
        self.ledger.store_proposal(sealed)
        return sealed, self.signer.decide(sealed, decided_at=now)

    def panel(self, effect: Effect) -> DiffPanel:
        """The diff that a person is shown of a commit."""
        params = {name: str(value) for name, value in effect.params.items()}
        folder, path = params["repository"].removeprefix("file://"), params["path"]
        there = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", folder, "cat-file", "blob", f"{params['base']}:{path}"],
            capture_output=True,
        )
        before = None if there.returncode else there.stdout.decode(errors="surrogateescape")
        text = self.toolbox.artifacts.get(params["text_ref"]).decode(errors="surrogateescape")
        return DiffPanel(title="The diff", path=path, diff=unified(path, before, text))

    def request(self, *effects: Effect, **fields: Any) -> CarryOut:
        sealed, decision = self.sign(*effects, **fields)
        return CarryOut(run=sealed.run, digest=sealed.digest, effect=effects[0].key, decision=decision)

    async def carry_out(self, request: CarryOut) -> Done:
        return await EffectActivities(self.toolbox).carry_out(request)


def branches(repository: Path) -> list[str]:
    return git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/countersign").split()


def looks(repository: Path) -> tuple[str, ...]:
    """All that must stay as it was: HEAD, status, index, branches that are not ours, stashes."""
    status = git(repository, "status", "--porcelain=v2", "--branch")
    refs = (
        git(repository, "for-each-ref", "--exclude=refs/heads/countersign/**")
        if False
        else git(repository, "show-ref", "--head")
    )
    ours = "refs/heads/countersign/"
    index = (repository / ".git" / "index").read_bytes().hex()
    return (status, "\n".join(line for line in refs.splitlines() if ours not in line), index)


def main() -> None:
    """`python -m tests.activities.effect_world FOLDER` carries out FOLDER/request.json, or dies trying."""
    folder = Path(sys.argv[1])
    world = World.open(folder, signer=Signer("ana", None))  # type: ignore[arg-type]
    request = CarryOut.model_validate_json((folder / "request.json").read_text())
    print(asyncio.run(world.carry_out(request)).model_dump_json())


if __name__ == "__main__":
    main()
