"""What a workflow does with a machine, on two real workers that live."""

import asyncio
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap
from tests.machines.conftest import SMALL, Fleet, until
from tests.machines.own.workflows.scripted import Act
from workers import machines

NOTE = Act(do="write", args={"path": "notes/a.txt", "text": "kept\n"})
READ = Act(do="read", args={"path": "notes/a.txt"})


def bash(words: str, **args: object) -> Act:
    return Act(do="run", args={"argv": ["bash", "-c", words], **args})


async def test_every_call_does_what_it_says(fleet: Fleet, repository: Path) -> None:
    run = await fleet.run(
        repository,
        NOTE,
        READ,
        Act(do="list", args={"limit": 2}),
        Act(do="search", args={"pattern": "k.pt"}),
        Act(do="diff"),
        bash("cat; pwd; echo $WHO; exit 3", stdin="in\n", env={"WHO": "me"}, cwd="notes"),
        bash("sleep 60", timeout=1),
        Act(do="run", args={"argv": ["nonsense"]}),
        Act(do="read", args={"path": "missing"}),
        Act(do="checkpoint"),
    )
    write, read, names, search, diff, bashed, late, nonsense, missing, kept = (await fleet.account(run)).told
    assert (write.result["size"], read.result["head"]) == (5, "kept\n")
    assert (names.result["names"], names.result["truncated"]) == ([".git/", ".github/"], True)
    assert search.result["hits"] == [{"path": "notes/a.txt", "line": 1, "text": "kept"}]
    assert "+kept" in diff.result["body"]["head"]
    assert (bashed.result["exit_code"], bashed.result["stdout"]["head"]) == (3, "in\n/work/repository/notes\nme\n")
    assert (late.result["exit_code"], late.result["timed_out"]) == (-9, True)
    assert (nonsense.outcome, missing.outcome) == ("CommandNotFound", "NotFound")
    assert kept.result == write.checkpoint, "nothing changed since, and the same work has the same reference"
    await fleet.nothing_is_left()


async def test_the_ledger_says_what_was_done_and_the_history_stays_small(fleet: Fleet, repository: Path) -> None:
    flood = bash("cat /dev/zero | tr '\\0' x | head -c 100000000; echo the end")
    run = await fleet.run(repository, flood, bash(r"printf 'caf\xe9'"))
    flooded, latin = (await fleet.account(run)).told
    out = flooded.result["stdout"]
    assert (out["size"], out["cut"], out["head"][:3]) == (100_000_008, True, "xxx")
    assert out["tail"].endswith("x" * 100 + "the end\n")
    artifacts = fleet.here.ledger.artifacts
    assert artifacts.get(out["ref"]) == b"x" * (32 << 20)
    assert (latin.result["stdout"]["head"], artifacts.get(latin.result["stdout"]["ref"])) == ("caf�", b"caf\xe9")
    history = await run.fetch_history()
    assert sum(event.ByteSize() for event in history.events) < 100_000

    entries = [each for each in fleet.here.ledger.entries(run=run.id) if each.name.startswith("machine.")]
    assert [each.name for each in entries] == ["machine.open", "machine.run", "machine.run", "machine.close"]
    assert re.match(r"`bash -c 'cat /dev/zero .*` exited with 0 after \d+\.\d s", entries[1].says)
    assert {"exit_code", "seconds", "truncated", "checkpoint"} <= entries[1].facts.keys()


async def test_a_machine_that_was_idle_for_long_is_given_back_and_nobody_notices(
    fleet: Fleet, repository: Path
) -> None:
    wait = Act(do="wait")
    run = await fleet.run(repository, NOTE, wait, READ, bash("cat notes/a.txt"), idle="PT1S")
    provider = Bubblewrap(fleet.here.settings.state / "sandboxes")
    await until(lambda: any(each["owner"] == run.id for each in provider.alive()))
    await until(lambda: not provider.alive(), 20)
    await run.signal("go")
    _, _, read, cat = (await fleet.account(run)).told
    assert (read.outcome, read.result["head"], cat.result["stdout"]["head"]) == ("ok", "kept\n", "kept\n")


async def test_a_parked_run_holds_no_machine_and_finds_its_work_again(fleet: Fleet, repository: Path) -> None:
    run = await fleet.run(repository, NOTE, Act(do="park"), Act(do="wait"), READ)
    provider = Bubblewrap(fleet.here.settings.state / "sandboxes")
    await fleet.told(run, 2)
    await until(lambda: not provider.alive(), 20)
    await run.signal("go")
    assert (await fleet.account(run)).told[-1].result["head"] == "kept\n"


async def test_a_run_that_continues_as_new_keeps_its_machine(fleet: Fleet, repository: Path) -> None:
    run = await fleet.run(
        repository, bash("mkfifo /work/pipe; echo x > notes.txt"), Act(do="continue"), bash("ls /work")
    )
    before, after = (await fleet.account(run)).told
    assert (before.queue, before.commit) == (after.queue, after.commit)
    assert "pipe" in after.result["stdout"]["head"], "the very same machine: a pipe is in no checkpoint"
    await fleet.nothing_is_left()


async def test_an_empty_work_tree_and_a_commit_by_name(fleet: Fleet, repository: Path) -> None:
    empty = await fleet.run(None, bash("ls -A; pwd"))
    old = await fleet.run(repository, bash("git rev-parse HEAD; cat src/a.py"), commit="v1.0.0")
    assert (await fleet.account(empty)).told[0].result["stdout"]["head"] == "/work\n"
    [told] = (await fleet.account(old)).told
    assert told.result["stdout"]["head"] == f"{told.commit}\na = 1\n"


@pytest.mark.parametrize(
    ("repository_name", "spec", "error"),
    [
        ("/nowhere", {}, "NotARepository"),
        ("app", {"commit": "no-such-branch"}, "UnknownRange"),
        ("app", {"commit": "--upload-pack=x"}, "UnknownRange"),
        ("app", {"sandbox": SandboxPolicy(memory_bytes=1 << 50)}, "SandboxUnavailable"),
    ],
)
async def test_a_machine_that_cannot_be_is_refused_by_name(
    fleet: Fleet, repository: Path, repository_name: str, spec: dict[str, object], error: str
) -> None:
    run = await fleet.run(repository.parent / repository_name, NOTE, **spec)
    with pytest.raises(WorkflowFailureError) as failed:
        await fleet.account(run)
    cause = failed.value.cause
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__  # type: ignore[assignment]
    assert isinstance(cause, ApplicationError)
    assert cause.type == error
    await fleet.nothing_is_left()


async def test_a_run_waits_while_the_host_has_no_room(fleet: Fleet, repository: Path) -> None:
    """The room that workers share, seen from outside: half of a small machine's is left."""
    room = machines.leases(fleet.here.settings.state, 0).room
    place = room.take(room.limit - SMALL // 2)
    try:
        run = await fleet.run(repository, NOTE)
        await asyncio.sleep(3)
        alive = Bubblewrap(fleet.here.settings.state / "sandboxes").alive()
        assert not any(each["owner"] == run.id for each in alive)
    finally:
        room.give(place)
    assert (await fleet.account(run)).told[0].outcome == "ok"
