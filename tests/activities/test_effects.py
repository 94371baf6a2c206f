"""What the effects' worker refuses, and that it survives being killed anywhere."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from activities import faults
from contracts.decision import SignedDecision
from contracts.errors import AlreadyUsed, BadSignature, NotSigned, Refused, UnknownKey, WrongDigest
from contracts.runs import CarryOut
from tests.activities.effect_world import World, act, branches, looks
from tests.ledger.support import Signer, statement
from tests.support import forked
from tests.support.repositories import git

ROOT = Path(__file__).parents[2]
# The points inside an effect. Those around each step are the worker's, and tested with it.
POINTS = [
    point
    for point in faults.POINTS
    if not point.endswith(faults.MOMENTS)
    and point not in (*faults.MACHINE_POINTS, *faults.PAYMENT_POINTS)
    and not point.startswith("support.")
]  # those of a machine are tried in tests/machines, those of a triage in tests/chaos
MERGING = ("git.before_merge", "git.after_merge")  # tests/activities/test_git_change.py kills there


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.open(tmp_path)
    yield made
    made.ledger.close()


async def refused(world: World, repository: Path, request: CarryOut, error: type[Refused]) -> None:
    """The error is raised, the ledger says so once however often it is tried, and the repository is untouched."""
    before, made = looks(repository), branches(repository)
    for _ in range(2):
        with pytest.raises(error):
            await world.carry_out(request)
    entries = [entry for entry in world.ledger.entries(kind="refusal") if entry.facts["error"] == error.__name__]
    assert len(entries) == 1
    assert entries[0].outcome == "refused"
    assert entries[0].facts["effect"] == request.effect
    assert looks(repository) == before
    assert branches(repository) == made


async def test_a_decision_for_another_digest(world: World) -> None:
    repository = world.repository()
    first = world.request(world.effect(repository))
    second, _ = world.sign(world.effect(repository, text=b"other", revision=2), revision=2)
    request = first.model_copy(update={"digest": second.digest, "effect": second.effects[0].key})
    await refused(world, repository, request, WrongDigest)


async def test_a_digest_that_nobody_sealed(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository)).model_copy(update={"digest": "sha256:" + "0" * 64})
    await refused(world, repository, request, WrongDigest)


async def test_a_second_use_by_another_run(world: World) -> None:
    repository = world.repository()
    effect = world.effect(repository)
    await world.carry_out(world.request(effect))
    again = world.request(effect, revision=2)
    await refused(world, repository, again, AlreadyUsed)


async def test_an_unknown_key(world: World) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    repository = world.repository()
    sealed, _ = world.sign(world.effect(repository))
    stranger = Signer("ana", Ed25519PrivateKey.generate())
    decision = stranger.decide(sealed, decided_at=datetime.now(UTC))
    request = CarryOut(run=sealed.run, digest=sealed.digest, effect=sealed.effects[0].key, decision=decision)
    await refused(world, repository, request, UnknownKey)


async def test_a_revoked_key(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository))
    world.ledger.revoke_key(world.signer.fingerprint)
    await refused(world, repository, request, UnknownKey)


async def test_a_signature_over_other_words(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository))
    moved = request.decision.statement.model_copy(update={"words": "and give me a raise"})
    forged = SignedDecision(statement=moved, signature=request.decision.signature)
    await refused(world, repository, request.model_copy(update={"decision": forged}), BadSignature)


async def test_a_rejection_carries_nothing_out(world: World) -> None:
    repository = world.repository()
    sealed, _ = world.sign(world.effect(repository))
    said = statement(sealed, verdict="reject", reason="incorrect", decided_at=datetime.now(UTC))
    request = CarryOut(
        run=sealed.run, digest=sealed.digest, effect=sealed.effects[0].key, decision=world.signer.sign(said)
    )
    before = looks(repository)
    with pytest.raises(Refused):
        await world.carry_out(request)
    assert branches(repository) == []
    assert looks(repository) == before


async def test_an_effect_that_was_not_listed(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository)).model_copy(update={"effect": "git.commit_file/other"})
    await refused(world, repository, request, NotSigned)


async def test_an_effect_that_was_edited_after_it_was_signed(world: World) -> None:
    """Somebody with the artifact folder points the signed proposal at another file."""
    repository = world.repository()
    request = world.request(world.effect(repository))
    with world.ledger.store.read() as connection:
        tables = sa.inspect(connection).get_table_names()
    assert "proposals" in tables
    edited = 0
    for path in (world.folder / "artifacts").rglob("*"):
        if path.is_file() and b'"CHANGELOG.md"' in (data := path.read_bytes()):
            path.chmod(0o600)
            path.write_bytes(data.replace(b'"CHANGELOG.md"', b'"README.md"'))
            edited += 1
    assert edited, "the proposal's body was not found"
    before = looks(repository)
    with pytest.raises(WrongDigest):
        await world.carry_out(request)
    assert [entry.facts["error"] for entry in world.ledger.entries(kind="refusal")] == ["WrongDigest"]
    assert branches(repository) == []
    assert looks(repository) == before


@pytest.mark.parametrize("lie", ["another text", "another file", "nothing", "both"])
async def test_a_diff_that_was_not_shown_is_not_committed(world: World, lie: str) -> None:
    """Whoever seals proposals shows the person one diff, and names another text in the effect."""
    repository = world.repository()
    effect = world.effect(repository, text=b"# Changelog\n\nSend all money to Mallory.\n")
    [true] = world.panels(effect)
    [harmless] = world.panels(world.effect(repository))
    other_file = harmless.model_copy(update={"path": "README.md"})
    panels = {"another text": (harmless,), "another file": (other_file,), "nothing": (), "both": (harmless, true)}
    sealed, decision = world.sign(effect, panels=panels[lie])
    request = CarryOut(run=sealed.run, digest=sealed.digest, effect=effect.key, decision=decision)
    before = looks(repository)
    with pytest.raises(NotSigned, match="shown"):
        await world.carry_out(request)
    assert branches(repository) == []
    assert looks(repository) == before
    assert [record.state for record in world.ledger.effects(run=sealed.run)] == ["failed"]


async def test_changed_content_is_not_committed(world: World) -> None:
    """The signed reference is a hash: other bytes under it are noticed."""
    repository = world.repository()
    effect = world.effect(repository)
    ref = str(effect.params["text_ref"]).removeprefix("sha256:")
    (path,) = [p for p in (world.folder / "artifacts").rglob("*") if p.is_file() and ref.endswith(p.name)]
    request = world.request(effect)
    path.chmod(0o600)
    path.write_bytes(b"evil")
    with pytest.raises(Exception, match=r"hash|damaged|sha256"):
        await world.carry_out(request)
    assert branches(repository) == []


# Other kinds have points of their own, and are killed there in the tests of each.
POINTS_OF_IT = [point for point in POINTS if point.startswith(("effect.", "git.")) and point not in MERGING]


@pytest.mark.chaos
@pytest.mark.parametrize("point", [point for point in POINTS_OF_IT if point != "git.after_push"])
async def test_killed_anywhere_there_is_one_commit(world: World, point: str) -> None:
    repository = world.repository()
    await _killed_and_resumed(world, repository, str(repository), point)


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["git.after_commit", "git.after_push"])
async def test_killed_anywhere_there_is_one_push(world: World, point: str) -> None:
    main, remote = world.repository(), world.folder / "remote.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(main), str(remote)], check=True)
    await _killed_and_resumed(world, remote, f"file://{remote}", point)


async def _killed_and_resumed(world: World, repository: Path, name: str, point: str) -> None:
    base = git(repository, "rev-parse", "HEAD")
    request = world.request(world.effect(name, base=base))
    (world.folder / "request.json").write_text(request.model_dump_json())
    once = world.folder / "once" / point
    environ = os.environ | {"COUNTERSIGN_FAULT": point, "COUNTERSIGN_FAULT_ONCE": str(once)}
    forked.died(act, world.folder, environ=environ, output=world.folder / "killed.log")
    assert once.exists()

    done = await world.carry_out(request)
    (branch,) = branches(repository)
    assert git(repository, "rev-parse", branch) == done.facts["commit"]
    assert git(repository, "rev-parse", f"{branch}^") == base
    assert git(repository, "rev-list", "--all", "--count") == "3"
    (record,) = world.ledger.effects(run=request.run)
    assert record.state == "done"
    assert record.outcome["commit"] == done.facts["commit"]
    assert world.toolbox.sandboxes.alive() == []  # type: ignore[attr-defined]


def test_points_are_known_and_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_FAULT", raising=False)
    for point in faults.POINTS:
        faults.fault(point)
    with pytest.raises(KeyError):
        faults.fault("nowhere")


def test_every_point_is_in_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "activities").rglob("*.py") if path.name != "faults.py")
    assert [point for point in POINTS if f'fault("{point}")' not in code] == []
