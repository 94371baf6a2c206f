"""A small world for effects: a ledger, a signer, a repository, a signed proposal. Also a process that acts in it."""

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.diff import unified
from activities.effects import KINDS, FileChange, git_change_effect, git_commit_effect
from activities.effects.carry_out import EffectActivities
from activities.effects.git_commit import text_of
from activities.toolbox import Identity, Toolbox
from contracts.decision import SignedDecision
from contracts.policy import Policy
from contracts.proposal import DiffPanel, Effect, Proposal
from contracts.runs import CarryOut, Done
from ledger import FolderArtifacts, Ledger
from sandboxes import Bubblewrap
from tests.ledger.support import Signer, enrolled, proposal
from tests.support.repositories import Commit, build, git

OF_TESTS = ("test.letter", "test.registered", "test.parcel")
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
            policies={"changelog": Policy(summary="The world's", effects=(*KINDS, *OF_TESTS))},
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
        shown = {"panels": tuple(panel for effect in effects for panel in self.panels(effect))}
        sealed = proposal(self.ledger, effects=effects, **(times | shown | fields))
        self.ledger.store_proposal(sealed)
        return sealed, self.signer.decide(sealed, decided_at=now)

    def change(self, repository: Path | str, files: Mapping[str, bytes | None], **given: Any) -> Effect:
        """The effect of a change of several files; None removes one."""
        values: dict[str, Any] = {
            "run": "run-1",
            "revision": 1,
            "base": given.pop("base", None) or git(Path(str(repository).removeprefix("file://")), "rev-parse", "HEAD"),
            "identity": self.toolbox.identity,
            "subject": "Fix the bug",
            "ticket": "T-1",
        }
        put = self.toolbox.artifacts.put
        modes = given.pop("modes", {})
        changed = [
            FileChange(path=path, ref="" if body is None else put(body), mode=modes.get(path, ""))
            for path, body in files.items()
        ]
        return git_change_effect(repository=str(repository), files=changed, **(values | given))

    def panels(self, effect: Effect) -> list[DiffPanel]:
        """The diffs that a person is shown of a commit; none of anything else."""
        params: dict[str, Any] = dict(effect.params)
        if "base" not in params:
            return []
        one = {"path": params.get("path"), "ref": params.get("text_ref"), "mode": ""}
        return [self.panel(params["repository"], params["base"], each) for each in params.get("files") or [one]]

    def panel(self, repository: str, base: str, file: Mapping[str, str]) -> DiffPanel:
        folder, blob = repository.removeprefix("file://"), f"{base}:{file['path']}"
        there = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", folder, "cat-file", "blob", blob], capture_output=True
        )
        before = None if there.returncode else text_of(there.stdout)
        after = text_of(self.toolbox.artifacts.get(file["ref"])) if file["ref"] else None
        diff = unified(file["path"], before, after, mode=file["mode"])
        return DiffPanel(title="The diff", path=file["path"], diff=diff)

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
    refs = git(repository, "show-ref", "--head")
    ours = "refs/heads/countersign/"
    index = (repository / ".git" / "index").read_bytes().hex()
    return (status, "\n".join(line for line in refs.splitlines() if ours not in line), index)


def act(folder: Path) -> None:
    """Carry out FOLDER/request.json, or die trying. For a process of its own."""
    world = World.open(folder, signer=Signer("ana", None))  # type: ignore[arg-type]
    request = CarryOut.model_validate_json((folder / "request.json").read_text())
    print(asyncio.run(world.carry_out(request)).model_dump_json())
