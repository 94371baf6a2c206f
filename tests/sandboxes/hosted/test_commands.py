"""Commands in a hosted sandbox: what they print, how they end, and that nothing of them is left."""

import asyncio
import time

import pytest

from contracts.errors import BadInput, CommandNotFound, SandboxFailed
from sandboxes.hosted import Daytona
from sandboxes.hosted.machine import HostedSandbox
from tests.sandboxes.hosted.conftest import POLICY


async def test_output_input_and_exit_code(far: HostedSandbox) -> None:
    result = await far.exec(["sh", "-c", "cat; echo err >&2; exit 7"], stdin=b"\0\xff\ngiven")
    assert (result.exit_code, result.stdout, result.stderr) == (7, b"\0\xff\ngiven", b"err\n")
    assert not result.truncated
    assert not result.timed_out


async def test_arguments_are_never_a_shells(far: HostedSandbox) -> None:
    odd = ["", "a b", "$(id)", "'", '"', "\\", "*", "--", "caf\udce9", "new\nline"]
    script = 'import os, sys; sys.stdout.buffer.write(b"|".join(map(os.fsencode, sys.argv[1:])))'
    result = await far.exec(["python3", "-c", script, *odd])
    assert result.stdout == b"|".join(part.encode("utf-8", "surrogateescape") for part in odd)


async def test_environment_is_ours_and_folder_is_asked_for(far: HostedSandbox) -> None:
    await far.write("deep/er/file", b"x")
    result = await far.exec(["sh", "-c", "pwd; env | cut -d= -f1 | sort | tr '\\n' ' '"], cwd="deep", env={"MORE": "1"})
    folder, names = result.stdout.decode().splitlines()
    assert folder == "/work/deep"
    assert set(names.split()) - {"PWD", "_", "SHLVL", "OLDPWD"} == {
        *("GIT_TERMINAL_PROMPT", "HOME", "LANG", "MORE", "PATH", "TERM", "TMPDIR", "USER")
    }


async def test_a_secret_is_not_in_what_the_vendor_keeps(
    hosted: Daytona, monkeypatch: pytest.MonkeyPatch, standin: object
) -> None:
    monkeypatch.setenv("A_TOKEN", "sentinel-secret")
    policy = POLICY.model_copy(update={"environment_names": ("A_TOKEN",)})
    async with await hosted.create(policy) as box:
        assert (await box.exec(["sh", "-c", 'echo "$A_TOKEN"'])).stdout == b"sentinel-secret\n"
        left = await box.exec(["grep", "-rl", "sentinel-secret", "/home/agent", "/work"])
        assert left.stdout == b""
    assert "sentinel-secret" not in str(getattr(standin, "asked", None))


async def test_programs_that_are_not_there(far: HostedSandbox) -> None:
    with pytest.raises(CommandNotFound, match="no-such-program"):
        await far.exec(["no-such-program"])
    with pytest.raises(CommandNotFound):
        await far.exec(["/work"])
    with pytest.raises(SandboxFailed, match="nowhere"):
        await far.exec(["true"], cwd="nowhere")
    for argv in ([], [""], ["a\0b"], ["echo", "x" * 5_000_000]):
        with pytest.raises(BadInput):
            await far.exec(argv)
    assert (await far.exec(["true"])).exit_code == 0


async def test_output_goes_on_as_it_comes(far: HostedSandbox) -> None:
    first, chunks = asyncio.Event(), []

    def take(chunk: bytes) -> None:
        chunks.append(chunk)
        first.set()

    script = "echo first; while [ ! -e /work/go ]; do sleep 0.05; done; echo second"
    running = asyncio.create_task(far.exec(["sh", "-c", script], on_stdout=take))
    await asyncio.wait_for(first.wait(), 10)
    assert b"".join(chunks) == b"first\n"
    await far.write("go", b"")
    assert (await running).stdout == b""
    assert b"".join(chunks) == b"first\nsecond\n"


async def test_output_is_bounded(hosted: Daytona) -> None:
    policy = POLICY.model_copy(update={"output_bytes": 100_000})
    async with await hosted.create(policy) as box:
        result = await box.exec(["sh", "-c", "yes | head -c 5000000; echo done >&2"])
        assert (len(result.stdout), len(result.stderr)) == (100_000, 0)
        assert result.truncated
        assert result.exit_code == 0


async def test_much_output_that_is_no_text(far: HostedSandbox) -> None:
    result = await far.exec(["head", "-c", "3000000", "/dev/urandom"])
    assert len(result.stdout) == 3_000_000


async def test_the_time_is_up_for_the_whole_tree(far: HostedSandbox) -> None:
    script = (
        "trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; while :; do date +%s%N > /work/alive; done' &);"
        " sleep 300 & echo on; wait"
    )
    result = await far.exec(["sh", "-c", script], timeout=0.7)
    assert (result.exit_code, result.timed_out, result.stdout) == (-9, True, b"on\n")
    last = await far.read("alive")
    await asyncio.sleep(0.3)
    assert await far.read("alive") == last


async def test_what_a_command_leaves_behind_ends_with_it(far: HostedSandbox) -> None:
    before = time.monotonic()
    result = await far.exec(["sh", "-c", "(setsid sh -c 'while :; do date +%s%N > /work/alive; done' &) ; sleep 0.3"])
    assert result.exit_code == 0
    assert time.monotonic() - before < 15
    last = await far.read("alive")
    await asyncio.sleep(0.3)
    assert await far.read("alive") == last


async def test_a_signal_is_told_as_a_shell_does(far: HostedSandbox) -> None:
    assert (await far.exec(["sh", "-c", "kill -11 $$"])).exit_code == 139


async def test_cancelling_ends_the_command(far: HostedSandbox) -> None:
    on = asyncio.Event()
    script = "echo on; while :; do date +%s%N > /work/alive; done"
    running = asyncio.create_task(far.exec(["sh", "-c", script], on_stdout=lambda _: on.set()))
    await asyncio.wait_for(on.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    last = await far.read("alive")
    await asyncio.sleep(0.3)
    assert await far.read("alive") == last


async def test_what_the_callers_callback_raises_comes_out(far: HostedSandbox) -> None:
    def take(chunk: bytes) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await far.exec(["sh", "-c", "echo x; sleep 60"], on_stdout=take)
    assert (await far.exec(["echo", "on"])).stdout == b"on\n"


async def test_a_command_that_kills_what_runs_it_gives_the_sandbox_up(far: HostedSandbox) -> None:
    with pytest.raises(SandboxFailed, match="without a word"):
        await far.exec(["sh", "-c", "kill -9 $PPID; sleep 60"])
    with pytest.raises(SandboxFailed):
        await far.exec(["true"])


async def test_nobody_else_can_write_what_a_command_is_said_to_print(far: HostedSandbox) -> None:
    result = await far.exec(["sh", "-c", 'echo forged > "/proc/$PPID/fd/1"; echo $?'])
    assert b"ermission denied" in result.stderr
    assert b"forged" not in result.stdout


async def test_no_new_privileges(far: HostedSandbox) -> None:
    assert (await far.exec(["grep", "NoNewPrivs", "/proc/self/status"])).stdout.split() == [b"NoNewPrivs:", b"1"]


async def test_several_at_once(far: HostedSandbox) -> None:
    results = await asyncio.gather(*(far.exec(["sh", "-c", f"sleep 0.1; echo {n}"]) for n in range(8)))
    assert [each.stdout for each in results] == [b"%d\n" % n for n in range(8)]


async def test_destroying_ends_what_runs(hosted: Daytona) -> None:
    box = await hosted.create(POLICY)
    on = asyncio.Event()
    running = asyncio.create_task(box.exec(["sh", "-c", "echo on; sleep 60"], on_stdout=lambda _: on.set()))
    await asyncio.wait_for(on.wait(), 10)
    await box.destroy()
    await box.destroy()
    with pytest.raises(SandboxFailed, match="destroyed"):
        await running
    with pytest.raises(SandboxFailed, match="destroyed"):
        await box.read("x")
    assert await hosted.alive() == []
