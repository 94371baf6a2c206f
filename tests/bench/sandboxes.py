"""How long a sandbox takes, beside a bare subprocess measured in the same run.

`python -m tests.bench.sandboxes [repetitions] [alive]` prints one JSON line. Figures are milliseconds:

cycle_ms: create, run `true`, destroy. exec_ms: run `true` in a live one. write_read_ms: a small file in and out.
search_ms: search 5,000 files, beside ripgrep on the host (bare_search_ms). clone_ms: a shared-object clone of a
repository of 5,000 files, inside. checkpoint_ms, restore_ms: a change of 100 of 5,000 files.
`alive`: so many at once, each with a command that runs: until all run, memory of each, until all are gone.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from contracts.policy import SandboxPolicy
from ledger import FolderArtifacts
from sandboxes import Bubblewrap, Mount, choose
from sandboxes.bubblewrap import BubblewrapSandbox

FILES, CHANGED = 5000, 100
WARM_UP = 3

Work = Callable[[], Awaitable[float]]


async def timed(work: Awaitable[Any]) -> float:
    before = time.perf_counter()
    await work
    return (time.perf_counter() - before) * 1000


async def bare(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.communicate()


def summary(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "p95": round(statistics.quantiles(values, n=20)[-1], 2),
        "best": round(min(values), 2),
    }


async def measured(works: dict[str, Work], repetitions: int) -> dict[str, dict[str, float]]:
    """Interleaved, so that whatever else the machine does falls on all of them alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for round_number in range(repetitions + WARM_UP):
        for name, work in works.items():
            value = await work()
            if round_number >= WARM_UP:
                taken[name].append(value)
    return {name: summary(values) for name, values in taken.items()}


async def starts(provider: Bubblewrap, repetitions: int) -> dict[str, dict[str, float]]:
    async def cycle() -> None:
        async with await provider.create(SandboxPolicy()) as fresh:
            await fresh.exec(["true"])

    async def write_read() -> None:
        await box.write("file", b"x" * 4096)
        await box.read("file")

    async with await provider.create(SandboxPolicy()) as box:
        works: dict[str, Work] = {
            "bare_ms": lambda: timed(bare("/bin/true")),
            "exec_ms": lambda: timed(box.exec(["true"])),
            "cycle_ms": lambda: timed(cycle()),
            "write_read_ms": lambda: timed(write_read()),
        }
        return await measured(works, repetitions)


def make_tree(folder: Path) -> None:
    """A repository of 5,000 files of 2 kB in 100 folders, one commit."""
    for number in range(FILES):
        path = folder / f"package{number % 100}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def function_{number}():\n    return {number}\n" + "# filler of a line\n" * 100)
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True)


async def trees(
    provider: Bubblewrap, tree: Path, artifacts: FolderArtifacts, count: int
) -> dict[str, dict[str, float]]:
    mounts = [Mount(tree, "/source")]
    clone = ["git", "clone", "--quiet", "--shared", "/source", "/work/clone"]
    number = 0

    async def arrived() -> BubblewrapSandbox:
        box = await provider.create(SandboxPolicy(), mounts=mounts)
        result = await box.exec(clone)
        assert result.exit_code == 0, result.stderr
        return box

    async def search() -> float:
        return await timed(kept.search(r"function_\d*77\b"))

    async def bare_search() -> float:
        return await timed(bare("rg", "--json", r"function_\d*77\b", str(tree)))

    async def clone_one() -> float:
        before = time.perf_counter()
        box = await arrived()
        taken = (time.perf_counter() - before) * 1000
        await box.destroy()
        return taken

    async def checkpoint() -> float:
        nonlocal number
        number += 1
        for changed in range(CHANGED):
            await kept.write(f"clone/package{changed}/module{changed}.py", b"# changed %d %d\n" % (number, changed))
        return await timed(kept.checkpoint(artifacts))

    async def restore() -> float:
        ref = await kept.checkpoint(artifacts)
        async with await arrived() as other:
            await other.mark_base("bench")
            return await timed(other.restore(artifacts, ref))

    async with await arrived() as kept:
        # The index differs from one clone to the next by the times it holds; the bench's base is the files.
        await kept.mark_base("bench")
        works: dict[str, Work] = {"bare_search_ms": bare_search, "search_ms": search, "clone_ms": clone_one}
        return await measured({**works, "checkpoint_ms": checkpoint, "restore_ms": restore}, count)


async def together(provider: Bubblewrap, count: int) -> dict[str, float]:
    """Many alive at once, each with a running command."""
    running = asyncio.Semaphore(0)

    async def one() -> BubblewrapSandbox:
        box = await provider.create(SandboxPolicy())
        commands.append(
            asyncio.create_task(
                box.exec(["sh", "-c", "echo on; exec sleep 600"], on_stdout=lambda _: running.release())
            )
        )
        return box

    commands: list[asyncio.Task[Any]] = []
    before = time.perf_counter()
    boxes = await asyncio.gather(*(one() for _ in range(count)))
    for _ in range(count):
        await running.acquire()
    up = time.perf_counter() - before
    memory = [each["memory"] or 0 for each in provider.alive()]
    before = time.perf_counter()
    await asyncio.gather(*(box.destroy() for box in boxes))
    gone = time.perf_counter() - before
    await asyncio.gather(*commands, return_exceptions=True)
    left = len(provider.alive())
    return {
        "count": count,
        "up_s": round(up, 2),
        "gone_s": round(gone, 2),
        "mb_each": round(statistics.mean(memory) / 1e6, 2),
        "left": left,
    }


async def main(repetitions: int, alive: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        provider = choose(Path(place, "sandboxes"))
        figures = await starts(provider, repetitions)
        tree = Path(place, "tree")
        make_tree(tree)
        figures |= await trees(provider, tree, FolderArtifacts(Path(place, "artifacts")), max(5, repetitions // 5))
        many = await together(provider, alive) if alive else {}
    ratio = figures["exec_ms"]["median"] / figures["bare_ms"]["median"]
    report = {**figures, "ratio_to_bare": round(ratio, 2), "alive": many}
    print(json.dumps({"bubblewrap": report, "repetitions": repetitions}))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] + [60, 200][len(sys.argv) - 1 :]
    asyncio.run(main(*numbers))
