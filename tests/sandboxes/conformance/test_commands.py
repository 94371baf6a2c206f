"""Commands: results, limits, time, output, and that nothing is left behind."""

import asyncio
import tracemalloc

import pytest

from contracts.errors import BadInput, CommandNotFound, SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes import Sandbox, SandboxProvider

# Whatever it is told, it goes on: each turn leaves another word in a file.
BEATING = "trap '' TERM INT HUP; (setsid sh -c 'while :; do date +%N > beat; sleep 0.05; done' &) ; "


async def beats(box: Sandbox) -> bool:
    """Whether something inside still writes."""
    before = await box.read("beat")
    await asyncio.sleep(0.4)
    return await box.read("beat") != before


async def until_it_beats(box: Sandbox) -> None:
    while "beat" not in await box.list():
        await asyncio.sleep(0.05)


async def test_a_result_has_code_output_and_time(box: Sandbox) -> None:
    result = await box.exec(["sh", "-c", "cat; echo oops >&2; exit 3"], stdin=b"given\xff\x00")
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"given\xff\x00", b"oops\n")
    assert 0 < result.seconds < 20
    assert not result.truncated
    assert not result.timed_out


async def test_work_stays_and_tmp_does_not(box: Sandbox) -> None:
    await box.exec(["sh", "-c", "echo kept > /work/a; echo gone > /tmp/b"])
    result = await box.exec(["sh", "-c", "cat /work/a; ls /tmp"])
    assert result.stdout == b"kept\n"


async def test_cwd_env_and_dashes(box: Sandbox) -> None:
    await box.write("deep/er/x", b"1")
    result = await box.exec(["sh", "-c", 'pwd; echo "$A"'], cwd="/work/deep/er", env={"A": "-- b\n$(c)"})
    assert result.stdout == b"/work/deep/er\n-- b\n$(c)\n"
    assert (await box.exec(["echo", "--", "--bind", "/", "/"])).stdout == b"-- --bind / /\n"


@pytest.mark.parametrize("argv", [[], [""], ["a\0b"], ["echo", "x" * 5_000_000]])
async def test_a_command_line_that_cannot_be(box: Sandbox, argv: list[str]) -> None:
    with pytest.raises((BadInput, SandboxFailed)):
        await box.exec(argv)


async def test_a_folder_that_is_not_there(box: Sandbox) -> None:
    with pytest.raises(SandboxFailed, match="nowhere"):
        await box.exec(["true"], cwd="/work/nowhere")


async def test_a_large_input_to_one_who_does_not_read(box: Sandbox) -> None:
    assert (await box.exec(["true"], stdin=b"x" * 10_000_000)).exit_code == 0
    assert (await box.exec(["wc", "-c"], stdin=b"x" * 10_000_000)).stdout.strip() == b"10000000"


async def test_output_beyond_the_limit_is_dropped_and_marked(provider: SandboxProvider) -> None:
    async with await provider.create(SandboxPolicy(output_bytes=100_000)) as box:
        result = await box.exec(["sh", "-c", "head -c 50000000 /dev/zero; exit 7"])
    assert result.truncated
    assert len(result.stdout) == 100_000
    assert result.exit_code == 7


async def test_gigabytes_stream_in_flat_memory_and_leave_the_loop_free(provider: SandboxProvider) -> None:
    box = await provider.create(SandboxPolicy(wall_seconds=200))
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
    await box.destroy()
    assert (total, result.stdout, result.truncated) == (1 << 30, b"", False)
    assert peak < 16 << 20
    assert ticks > result.seconds * 3


async def test_a_program_that_is_not_there(box: Sandbox) -> None:
    for argv in (["no-such-program"], ["/work/no-such-program"], ["/work"]):
        with pytest.raises(CommandNotFound, match=argv[0]):
            await box.exec(argv)
    fake = await box.exec(["sh", "-c", "echo 'sh: 1: exec: fake: not found' >&2; exit 127"])
    assert (fake.exit_code, fake.stderr) == (127, b"sh: 1: exec: fake: not found\n")


async def test_bytes_that_are_no_text_go_in_and_out(box: Sandbox) -> None:
    words = ["caf\udce9", "\udc81\udc88\x01\x7f", "Á 'quoted' \"twice\" $HOME `id` \\", "two\nlines\n", "", "*"]
    result = await box.exec(["printf", "%s|", *words], env={"ODD": "\udcff\n'"})
    assert result.stdout == b"".join(word.encode("utf-8", "surrogateescape") + b"|" for word in words)
    assert (await box.exec(["sh", "-c", 'printf %s "$ODD"'], env={"ODD": "\udcff\n'"})).stdout == b"\xff\n'"


async def test_a_signal_is_told_in_the_exit_code(box: Sandbox) -> None:
    assert (await box.exec(["sh", "-c", "kill -SEGV $$"])).exit_code == 128 + 11


async def test_the_time_is_up_for_the_whole_tree(box: Sandbox) -> None:
    result = await box.exec(["sh", "-c", BEATING + "for i in 1 2 3; do sleep 300 & done; echo on; wait"], timeout=5)
    assert result.timed_out
    assert result.exit_code == -9
    assert result.stdout == b"on\n"
    assert result.seconds < 100
    assert not await beats(box)


async def test_what_a_command_left_running_ends_with_it(box: Sandbox) -> None:
    script = BEATING + "until [ -f beat ]; do sleep 0.05; done; sleep 300 & exit 0"
    result = await box.exec(["sh", "-c", script])
    assert (result.exit_code, result.timed_out) == (0, False)
    assert not await beats(box)


async def test_cancelling_ends_the_tree(box: Sandbox) -> None:
    task = asyncio.create_task(box.exec(["sh", "-c", BEATING + "sleep 300"]))
    await until_it_beats(box)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await beats(box)


async def test_a_reader_that_fails_ends_the_command_with_its_own_error(box: Sandbox) -> None:
    def refuse(chunk: bytes) -> None:
        raise BadInput("enough")

    with pytest.raises(BadInput, match="enough"):
        await box.exec(["sh", "-c", BEATING + "until [ -f beat ]; do sleep 0.05; done; yes"], on_stdout=refuse)
    assert not await beats(box)


async def test_many_at_once_keep_their_output_apart(box: Sandbox) -> None:
    results = await asyncio.gather(*(box.exec(["echo", str(number)]) for number in range(5)))
    assert [result.stdout for result in results] == [f"{number}\n".encode() for number in range(5)]


async def test_a_memory_bomb_is_bounded(box: Sandbox) -> None:
    script = "b = []\nfor _ in range(64): b.append(bytearray(b'x') * (16 << 20))\nprint('had it all')"
    result = await box.exec(["/usr/bin/python3", "-c", script])
    assert result.exit_code != 0
    assert b"had it all" not in result.stdout
    assert (await box.exec(["echo", "fine"])).stdout == b"fine\n", "the next command does not suffer"


async def test_a_fork_bomb_is_bounded(box: Sandbox) -> None:
    script = """
import os, time
made = 0
try:
    for _ in range(100):
        if not os.fork():
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError:
    print(made, flush=True)
"""
    result = await box.exec(["/usr/bin/python3", "-c", script])
    assert result.stdout.strip().isdigit(), result
    assert 2 < int(result.stdout) <= 34
