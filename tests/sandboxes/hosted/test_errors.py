"""What the vendor or the way there does wrong: our error, its retry posture, the setting to fix, nothing left."""

import logging

import pytest

from contracts.errors import CountersignError, DiskFull, SandboxBusy, SandboxFailed, SandboxUnavailable
from sandboxes.hosted import Daytona, Options
from sandboxes.hosted.machine import HostedSandbox
from tests.sandboxes.hosted.conftest import POLICY
from tests.support.hosted import KEY, Fault, StandIn
from workers.interceptors import translated

CREATE, EXECUTE, FOLLOW, START = "POST /api/sandbox", "/process/execute", "/logs", "/exec$"


@pytest.mark.parametrize(
    ("status", "error", "retry", "names"),
    [
        (400, SandboxUnavailable, False, "policy"),
        (401, SandboxUnavailable, False, "DAYTONA_API_KEY"),
        (403, SandboxUnavailable, False, "DAYTONA_API_KEY"),
        (404, SandboxFailed, True, "new one"),
        (409, SandboxFailed, True, "409"),
        (429, SandboxBusy, True, "later"),
        (500, SandboxFailed, True, "500"),
        (503, SandboxFailed, True, "503"),
    ],
)
@pytest.mark.parametrize("where", [CREATE, EXECUTE])
async def test_statuses(
    hosted: Daytona,
    standin: StandIn,
    where: str,
    status: int,
    error: type[CountersignError],
    retry: bool,
    names: str,
) -> None:
    standin.faults.append(Fault(where, status=status, headers={"Retry-After": "7"}, message=f"no {KEY} here"))
    with pytest.raises(error) as raised:
        await hosted.create(POLICY)
    assert type(raised.value) is error
    assert raised.value.retryable is retry
    assert names in str(raised.value)
    assert KEY not in f"{raised.value} {raised.value.__cause__}"
    assert sum(where in each for each in standin.requests if "GET" not in each and "DELETE" not in each) == 1
    assert standin.machines == {}
    if isinstance(raised.value, SandboxBusy):
        pause = translated(raised.value).next_retry_delay
        assert pause is not None
        assert 7 <= pause.total_seconds() <= 7.7, "what was asked for, and a little more so that not all come at once"


async def test_an_expired_key(hosted: Daytona, far: HostedSandbox, standin: StandIn) -> None:
    standin.keys.clear()
    with pytest.raises(SandboxUnavailable, match="DAYTONA_API_KEY"):
        await far.exec(["true"])
    standin.keys.add(KEY)


async def test_nobody_is_there() -> None:
    options = Options(switch="daytona", key=KEY, url="http://127.0.0.1:9/api", create_seconds=20)
    provider = Daytona(options, installation="tests")
    with pytest.raises(SandboxFailed, match="DAYTONA_API_URL"):
        await provider.create(POLICY)
    await provider.close()


@pytest.mark.parametrize("late", [False, True])
async def test_an_answer_that_is_lost_leaves_no_sandbox(hosted: Daytona, standin: StandIn, late: bool) -> None:
    standin.faults.append(Fault(CREATE, drop=True, late=late))
    with pytest.raises(SandboxFailed):
        await hosted.create(POLICY)
    assert standin.calls(CREATE) == 1
    assert standin.machines == {}


@pytest.mark.parametrize("where", ["/files/bulk-upload", "POST .*/process/session$", START])
async def test_nothing_is_tried_twice(far: HostedSandbox, standin: StandIn, where: str) -> None:
    fault = Fault(where, drop=True, late=True, times=10)
    standin.faults.append(fault)
    with pytest.raises(SandboxFailed):
        await far.exec(["true"])
    assert fault.times == 9
    with pytest.raises(SandboxFailed):  # whether it ran isn't known, so the sandbox is given up
        await far.exec(["true"])


async def test_a_file_call_is_not_tried_twice(far: HostedSandbox, standin: StandIn) -> None:
    fault = Fault(EXECUTE, drop=True, times=10)
    standin.faults.append(fault)
    with pytest.raises(SandboxFailed):
        await far.read("x")
    assert fault.times == 9


async def test_removing_is_tried_again_only_on_a_stale_connection(hosted: Daytona, standin: StandIn) -> None:
    """aiohttp sends what can be sent twice once more if a kept connection was closed; the SDK's own retries are off."""
    box = await hosted.create(POLICY)
    fault = Fault("DELETE /api/sandbox/", drop=True, times=10)
    standin.faults.append(fault)
    with pytest.raises(SandboxFailed):
        await box.destroy()
    assert fault.times >= 8
    standin.faults.clear()
    await box.destroy()
    assert standin.machines == {}


async def test_being_asked_to_slow_down_does_not_give_a_sandbox_up(far: HostedSandbox, standin: StandIn) -> None:
    standin.faults.append(Fault("POST .*/process/session$", status=429))
    with pytest.raises(SandboxBusy):
        await far.exec(["true"])
    assert (await far.exec(["echo", "on"])).stdout == b"on\n"


async def test_a_command_whose_end_is_not_known_gives_the_sandbox_up(far: HostedSandbox, standin: StandIn) -> None:
    standin.faults.append(Fault("DELETE .*/process/session", status=500))
    with pytest.raises(KeyError):
        await far.exec(["sh", "-c", "echo x; sleep 60"], on_stdout=lambda _: {}["none"])
    with pytest.raises(SandboxFailed, match="isn't known"):
        await far.exec(["true"])


async def test_a_full_disk(far: HostedSandbox, standin: StandIn) -> None:
    standin.faults.append(Fault("/files/bulk-upload", status=400, message="write: no space left on device"))
    with pytest.raises(DiskFull, match="disk_bytes"):
        await far.write("x", b"x")
    room = (
        "for size in 800 200 100 50 20 10 5 2 1; do fallocate -l ${size}M $size; done; head -c 9000000 /dev/zero > zero"
    )
    filled = await far.exec(["sh", "-c", room])
    assert b"No space left" in filled.stderr
    with pytest.raises(DiskFull):
        await far.write("x", b"x" * 10_000_000)


async def test_a_slow_answer_ends_by_our_clock(options: Options, standin: StandIn) -> None:
    provider = Daytona(Options(**{**vars(options), "create_seconds": 1}), installation="tests")
    standin.faults.append(Fault(CREATE, seconds=3))
    with pytest.raises(SandboxFailed):
        await provider.create(POLICY)
    await provider.close()


async def test_a_connection_that_drops_while_a_command_prints(
    far: HostedSandbox, hosted: Daytona, standin: StandIn
) -> None:
    standin.faults.append(Fault(FOLLOW, drop_after=50_000))
    script = "echo ran >> /work/ran; while :; do head -c 9000 /dev/urandom; done"
    with pytest.raises(SandboxFailed):
        await far.exec(["sh", "-c", script])
    assert standin.calls("/exec") - standin.calls("/execute") == 1
    (machine,) = standin.machines.values()
    assert machine.sessions == {}  # the command was ended
    with pytest.raises(SandboxFailed):  # what else still runs there isn't known
        await far.exec(["true"])


async def test_a_sandbox_that_goes_while_a_command_runs(far: HostedSandbox, standin: StandIn) -> None:
    lost = False

    def take(chunk: bytes) -> None:
        nonlocal lost
        if not lost:
            lost = True
            standin.faults.append(Fault(".", status=404, times=1000))

    standin.faults.append(Fault(FOLLOW, drop_after=0))
    with pytest.raises(SandboxFailed):
        await far.exec(["sh", "-c", "echo on; sleep 60"], on_stdout=take)
    standin.faults.clear()


async def test_a_failed_end_is_logged_and_reaped(
    hosted: Daytona, standin: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with await hosted.create(POLICY):
            standin.faults.append(Fault("DELETE /api/sandbox", status=500))
    assert "could not be removed" in caplog.text
    assert KEY not in caplog.text
    assert len(standin.machines) == 1


@pytest.mark.parametrize("text", ["", "reply:!", "reply:bm90IGpzb24=", "reply:W10=", "reply:eyJzaXplIjotMX0="])
async def test_an_answer_that_cannot_be_is_no_answer(
    far: HostedSandbox, standin: StandIn, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (machine,) = standin.machines.values()

    async def lie(argv: list[str], **_: object) -> object:
        return type("Done", (), {"stdout": text.encode(), "stderr": b"", "exit_code": 0, "timed_out": False})()

    monkeypatch.setattr(machine.box, "exec", lie)
    with pytest.raises(SandboxFailed, match="unusable"):
        await far.read("x")
