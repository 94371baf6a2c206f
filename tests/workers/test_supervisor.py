"""The supervisor, tried on stand-in children: started again when they die, ended with it, output kept apart."""

import asyncio
import http.server
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from contracts.errors import ChildDied, PortTaken
from workers.processes import require_free
from workers.settings import Settings
from workers.supervisor import Child, Plan, Supervisor, Terminal, answers, children, says_ready

SLEEPS = "echo ready; exec sleep 600"
IGNORES_TERM = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def plan(name: str, script: str, *, restarts: int = 5, start_limit: float = 10, stop_limit: float = 5) -> Plan:
    return Plan(
        name=name,
        argv=["/bin/sh", "-c", script],
        environment={"PATH": os.environ["PATH"]},
        ready=says_ready,
        restarts=restarts,
        start_limit=start_limit,
        stop_limit=stop_limit,
    )


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(Console(file=io.StringIO(), width=200))


def printed(terminal: Terminal) -> str:
    file = terminal.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def eventually(condition: object, limit: float = 90) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + limit
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


async def test_a_killed_child_is_started_again_and_said_so(terminal: Terminal) -> None:
    async with Supervisor([plan("agents", SLEEPS)], terminal) as supervisor:
        before = supervisor.pid("agents")
        os.kill(before, signal.SIGKILL)
        await asyncio.wait_for(supervisor.restarted("agents"), 90)
        assert supervisor.pid("agents") != before
    assert "agents died with signal 9 (SIGKILL); started again, 1 of 5." in printed(terminal)


async def test_a_child_that_keeps_dying_is_given_up(terminal: Terminal) -> None:
    async with Supervisor(
        [plan("agents", "echo ready; sleep 0.5; echo no luck; exit 3", restarts=1)], terminal
    ) as supervisor:
        with pytest.raises(ChildDied, match=r"exit code 3, 2 times in a row.*no luck"):
            await asyncio.wait_for(supervisor.watch(), 90)


async def test_a_child_that_does_not_start_stops_those_before_it(terminal: Terminal, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    first = plan("first", f"echo $$ > {pid_file}; {SLEEPS}")
    with pytest.raises(ChildDied, match=r"second ended with exit code 7 while starting.*bad setting"):
        async with Supervisor([first, plan("second", "echo bad setting; exit 7")], terminal):
            pass
    assert gone(int(pid_file.read_text()))


async def test_a_child_that_never_gets_ready_is_an_error(terminal: Terminal) -> None:
    with pytest.raises(ChildDied, match="not ready after 0 seconds"):
        async with Supervisor([plan("slow", "exec sleep 60", start_limit=0.3)], terminal):
            pass


async def test_they_are_stopped_last_started_first(terminal: Terminal, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "trap 'echo {0} >> {1}; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    plans = [plan(name, script.format(name, log)) for name in ("temporal", "agents", "console")]
    async with Supervisor(plans, terminal):
        pass
    assert log.read_text().split() == ["console", "agents", "temporal"]


async def test_one_that_ignores_being_stopped_is_killed(terminal: Terminal) -> None:
    async with Supervisor([plan("stubborn", IGNORES_TERM, stop_limit=0.3)], terminal) as supervisor:
        pid = supervisor.pid("stubborn")
    assert gone(pid)


async def test_what_a_child_started_ends_with_it(terminal: Terminal, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with Supervisor([plan("agents", f"sleep 600 & echo $! > {pid_file}; {SLEEPS}")], terminal):
        grandchild = int(pid_file.read_text())
        assert not gone(grandchild)
    assert eventually(lambda: gone(grandchild))


async def test_output_is_prefixed_and_harmless(terminal: Terminal) -> None:
    script = "printf 'ready\\n[bold]x[/bold] \\033[2Jcleared \\033]0;title\\007\\n'; exec sleep 600"
    async with Supervisor([plan("agents", script)], terminal):
        while "title" not in printed(terminal):
            await asyncio.sleep(0.02)
    lines = printed(terminal).splitlines()
    assert lines[0].startswith("agents   │ ready")
    assert "[bold]x[/bold]" in lines[1]
    assert "\x1b[2J" not in lines[1]
    assert "\x07" not in lines[1]


async def test_an_endless_line_does_not_stop_the_reading(terminal: Terminal) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; " + SLEEPS
    async with Supervisor([plan("agents", script)], terminal):
        pass
    assert len(printed(terminal)) < 2_500_000


@pytest.fixture
def healthy() -> Iterator[int]:
    """A web server that is healthy; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


async def test_the_console_is_ready_when_it_answers(healthy: int, terminal: Terminal) -> None:
    console = Plan("console", ["sleep", "600"], {"PATH": os.environ["PATH"]}, answers(f"http://127.0.0.1:{healthy}/"))
    child = await Child.start(console, lambda _: None)
    assert await asyncio.wait_for(child.wait_ready(), 90)
    await child.stop()


def test_a_taken_port_names_its_holder_and_the_setting(healthy: int) -> None:
    with pytest.raises(PortTaken) as caught:
        require_free({"COUNTERSIGN_CONSOLE_PORT": healthy})
    said = str(caught.value)
    assert f"Port {healthy}" in said
    assert f"process {os.getpid()}" in said
    assert "COUNTERSIGN_CONSOLE_PORT=" in said


SECRETS = {
    "ANTHROPIC_API_KEY": "sk-model",
    "OPENAI_API_KEY": "sk-other",
    "SSH_AUTH_SOCK": "/agent",
    "AWS_SECRET_ACCESS_KEY": "cloud",
    "GITHUB_TOKEN": "hub",
}


@pytest.mark.parametrize(
    ("kind", "sees"),
    [
        ("agents", {"ANTHROPIC_API_KEY", "OPENAI_API_KEY"}),
        ("effects", {"SSH_AUTH_SOCK"}),
        ("console", set()),
    ],
)
def test_each_process_sees_only_its_own_secrets(kind: str, sees: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    made = {"agents": children.agents, "effects": children.effects, "console": children.console}[kind](Settings())
    assert {name for name in SECRETS if name in made.environment} == sees


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("COUNTERSIGN_MODEL_SMALL", "bedrock/amazon.nova-lite-v1:0", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_BEARER_TOKEN_BEDROCK", "key", "AWS_REGION"),
        ("COUNTERSIGN_HOSTED_SANDBOXES", "daytona", "DAYTONA_API_KEY"),
    ],
)
def test_keys_that_open_more_go_only_where_a_setting_asks_for_them(
    setting: str, value: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "secret")
    assert name not in children.agents(Settings()).environment
    monkeypatch.setenv(setting, value)
    assert children.agents(Settings()).environment[name] == "secret"
    assert name not in children.effects(Settings()).environment


def test_a_child_gets_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the terminal's own environment says otherwise."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "elsewhere:7233")
    settings = Settings(state=tmp_path / "a b", console_port=8401, demo=True, author_name="Ä, B")
    settings.temporal_address = ""
    for name, value in children.settings_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


# A whole process: a supervisor with one stand-in child, until it is told.
WHOLE = """
import asyncio, sys
from workers.supervisor import Plan, Supervisor, Terminal, says_ready, until_told

async def work():
    plans = [Plan("child", ["/bin/sh", "-c", sys.argv[1]], {"PATH": "/usr/bin:/bin"}, says_ready, stop_limit=30)]
    async with Supervisor(plans) as supervisor:
        print("pid", supervisor.pid("child"), flush=True)
        await supervisor.watch()

sys.exit(asyncio.run(until_told(work(), Terminal())))
"""


def start_whole(script: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([sys.executable, "-c", WHOLE, script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("pid"):
            return process, int(line.split()[1])
    raise AssertionError("it did not start")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_once_it_stops_in_order_with_exit_code_0(number: signal.Signals) -> None:
    process, pid = start_whole(SLEEPS)
    process.send_signal(number)
    assert process.wait(90) == 0
    assert gone(pid)


def test_told_twice_it_kills_with_exit_code_130() -> None:
    process, pid = start_whole(IGNORES_TERM)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert any("Stopping" in line for line in process.stdout), "else both signals are one"
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == 130
    assert gone(pid)


def test_kill_9_of_the_supervisor_leaves_nothing() -> None:
    process, pid = start_whole(IGNORES_TERM)
    process.kill()
    process.wait()
    assert eventually(lambda: gone(pid))
