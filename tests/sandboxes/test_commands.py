"""Commands: results, limits, time, output, and that nothing is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path

import pytest

from contracts.errors import BadInput, CommandNotFound, NotFound, SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, cgroups, reaper
from sandboxes.bubblewrap import BubblewrapSandbox

ROOT = Path(__file__).parents[2]


def leftovers(box: BubblewrapSandbox) -> list[int]:
    return reaper.processes_inside(box.place)


async def test_a_result_has_code_output_and_time(box: BubblewrapSandbox) -> None:
    result = await box.exec(["sh", "-c", "cat; echo oops >&2; exit 3"], stdin=b"given\xff\x00")
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"given\xff\x00", b"oops\n")
    assert 0 < result.seconds < 20
    assert not result.truncated
    assert not result.timed_out


async def test_work_stays_and_tmp_does_not(box: BubblewrapSandbox) -> None:
    await box.exec(["sh", "-c", "echo kept > /work/a; echo gone > /tmp/b"])
    result = await box.exec(["sh", "-c", "cat /work/a; ls /tmp"])
    assert result.stdout == b"kept\n"


async def test_cwd_env_and_dashes(box: BubblewrapSandbox) -> None:
    await box.write("deep/er/x", b"1")
    result = await box.exec(["sh", "-c", 'pwd; echo "$A"'], cwd="/work/deep/er", env={"A": "-- b\n$(c)"})
    assert result.stdout == b"/work/deep/er\n-- b\n$(c)\n"
    assert (await box.exec(["echo", "--", "--bind", "/", "/"])).stdout == b"-- --bind / /\n"


async def test_a_program_that_is_not_there(box: BubblewrapSandbox) -> None:
    with pytest.raises(CommandNotFound, match="no-such-program"):
        await box.exec(["no-such-program"])
    fake = await box.exec(["sh", "-c", "echo 'bwrap: execvp fake: No such file or directory' >&2; exit 1"])
    assert fake.exit_code == 1


@pytest.mark.parametrize("argv", [[], [""], ["a\0b"], ["echo", "x" * 5_000_000]])
async def test_a_command_line_that_cannot_be(box: BubblewrapSandbox, argv: list[str]) -> None:
    with pytest.raises((BadInput, SandboxFailed)):
        await box.exec(argv)


async def test_a_folder_that_is_not_there(box: BubblewrapSandbox) -> None:
    with pytest.raises(SandboxFailed, match="nowhere"):
        await box.exec(["true"], cwd="/work/nowhere")


async def test_a_large_input_to_one_who_does_not_read(box: BubblewrapSandbox) -> None:
    assert (await box.exec(["true"], stdin=b"x" * 10_000_000)).exit_code == 0
    assert (await box.exec(["wc", "-c"], stdin=b"x" * 10_000_000)).stdout.strip() == b"10000000"


async def test_the_time_is_up_for_the_whole_tree(box: BubblewrapSandbox) -> None:
    script = "trap '' TERM INT HUP; (setsid sleep 300 &) ; for i in 1 2 3; do sleep 300 & done; echo on; wait"
    before = time.monotonic()
    result = await box.exec(["sh", "-c", script], timeout=0.5)
    assert time.monotonic() - before < 5
    assert result.timed_out
    assert result.exit_code == -9
    assert result.stdout == b"on\n"
    assert leftovers(box) == []


async def test_what_a_command_left_running_ends_with_it(box: BubblewrapSandbox) -> None:
    before = time.monotonic()
    assert (await box.exec(["sh", "-c", "(setsid sleep 300 &) ; sleep 300 & exit 0"])).exit_code == 0
    assert time.monotonic() - before < 5
    assert leftovers(box) == []


async def test_cancelling_ends_the_tree(box: BubblewrapSandbox) -> None:
    task = asyncio.create_task(box.exec(["sleep", "300"]))
    while not leftovers(box):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert leftovers(box) == []


async def test_a_reader_that_fails_ends_the_command_with_its_own_error(box: BubblewrapSandbox) -> None:
    def refuse(chunk: bytes) -> None:
        raise BadInput("enough")

    with pytest.raises(BadInput, match="enough"):
        await box.exec(["yes"], on_stdout=refuse)
    assert leftovers(box) == []


async def test_cancelling_a_create_leaves_no_folder(provider: Bubblewrap) -> None:
    before = provider.alive()
    task = asyncio.create_task(provider.create(SandboxPolicy()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [one["id"] for one in provider.alive()] == [one["id"] for one in before]


async def test_a_fork_bomb_is_bounded(box: BubblewrapSandbox) -> None:
    script = "(while true; do sleep 60 & done) 2>/dev/null; exec sleep 60"
    most = 0
    task = asyncio.create_task(box.exec(["sh", "-c", script], timeout=2))
    while not task.done():
        most = max(most, len(leftovers(box)))
        await asyncio.sleep(0.05)
    assert 2 < most <= 34
    assert leftovers(box) == []


@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no system Python to try with")
async def test_a_memory_bomb_is_bounded(box: BubblewrapSandbox) -> None:
    script = "b = []\nfor _ in range(64): b.append(bytearray(b'x') * (16 << 20))\nprint('had it all')"
    result = await box.exec(["/usr/bin/python3", "-c", script])
    assert b"had it all" not in result.stdout
    assert result.exit_code != 0


async def test_a_file_cannot_outgrow_the_disk_limit(box: BubblewrapSandbox) -> None:
    result = await box.exec(["sh", "-c", "head -c 20000000 /dev/zero > big; truncate -s 1T sparse; ls -s"])
    assert b"1073741824" not in result.stdout
    assert (box.place / "big").stat().st_size <= 8 << 20


async def test_output_beyond_the_limit_is_dropped_and_marked(provider: Bubblewrap) -> None:
    async with await provider.create(SandboxPolicy(output_bytes=100_000)) as box:
        result = await box.exec(["sh", "-c", "head -c 50000000 /dev/zero; exit 7"])
    assert result.truncated
    assert len(result.stdout) == 100_000
    assert result.exit_code == 7


async def test_gigabytes_stream_in_flat_memory_and_leave_the_loop_free(box: BubblewrapSandbox) -> None:
    total, ticks = 0, 0

    def take(chunk: bytes) -> None:
        nonlocal total
        total += len(chunk)

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    tracemalloc.start()
    result = await box.exec(["head", "-c", str(1 << 30), "/dev/zero"], on_stdout=take)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    ticking.cancel()
    assert (total, result.stdout, result.truncated) == (1 << 30, b"", False)
    assert peak < 16 << 20
    assert ticks > result.seconds * 10


async def test_many_at_once_keep_their_output_apart(box: BubblewrapSandbox) -> None:
    results = await asyncio.gather(*(box.exec(["echo", str(number)]) for number in range(12)))
    assert [result.stdout for result in results] == [f"{number}\n".encode() for number in range(12)]


async def test_files_are_written_read_and_listed(box: BubblewrapSandbox) -> None:
    name = "n" * 255
    await box.write(f"/work/a/{name}", b"\xff\x00", mode=0o755)
    await box.write("a/plain", b"")
    assert await box.read(f"a/{name}") == b"\xff\x00"
    assert await box.list("a") == [name, "plain"]
    assert await box.list() == ["a/"]
    assert (await box.exec(["test", "-x", f"a/{name}"])).exit_code == 0
    with pytest.raises(BadInput):
        await box.write("n" * 256, b"")
    with pytest.raises(BadInput, match="larger"):
        await box.read(f"a/{name}", limit=1)
    with pytest.raises(NotFound):
        await box.read("nothing")
    for path in ("", ".", "..", "/work"):
        with pytest.raises(BadInput):
            await box.write(path, b"x")


async def test_a_name_that_is_not_utf8(box: BubblewrapSandbox) -> None:
    await box.exec(["sh", "-c", r"printf x > $(printf 'caf\351')"])
    (name,) = await box.list()
    assert await box.read(name) == b"x"


async def test_destroy_leaves_nothing_and_may_be_repeated(provider: Bubblewrap) -> None:
    box = await provider.create(SandboxPolicy(), owner="run-1")
    running = asyncio.create_task(box.exec(["sleep", "300"]))
    await box.exec(["sh", "-c", "mkdir -p locked/deep; ln -s / out; chmod 000 locked/deep locked"])
    assert [one["owner"] for one in provider.alive() if one["id"] == box.id] == ["run-1"]
    await box.destroy()
    await box.destroy()
    with pytest.raises(SandboxFailed):
        await running
    assert not (provider.folder / "boxes" / box.id).exists()
    assert leftovers(box) == []
    if hierarchies := cgroups.find():
        assert not any(folder.exists() for folder in hierarchies.at(box.id).folders)
    with pytest.raises(SandboxFailed, match="destroyed"):
        await box.exec(["true"])


@pytest.mark.chaos
async def test_what_a_killed_worker_left_is_removed(provider: Bubblewrap, tmp_path: Path) -> None:
    """The worker dies by kill -9 with a command running; the next provider finds nothing of it."""
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from contracts.policy import SandboxPolicy
        from sandboxes import choose

        async def main():
            box = await choose(Path({str(tmp_path)!r})).create(SandboxPolicy(), owner="killed")
            await box.write("file", b"x")
            print(box.id, flush=True)
            await box.exec(["sh", "-c", "setsid sleep 300 & sleep 300"])

        asyncio.run(main())
    """)
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout
    name = worker.stdout.readline().decode().strip()
    work = tmp_path / "boxes" / name / "work"
    while not reaper.processes_inside(work):
        await asyncio.sleep(0.01)
    assert Bubblewrap(tmp_path).reap() == [], "a live one must be left alone"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert Bubblewrap(tmp_path).reap() == [name]
    assert not work.parent.exists()
    assert reaper.processes_inside(work) == []
    if hierarchies := cgroups.find():
        assert not any(folder.exists() for folder in hierarchies.at(name).folders)
