"""The Temporal server that we start: it keeps its state, ends when it should, and refuses what it can't use."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from contracts.errors import PortTaken, StateUnusable, TemporalUnavailable
from contracts.search import TYPES
from workers.devserver import Binary, DevServer, ServerFolder, connect, ensure_search_attributes
from workers.devserver.attributes import command, missing_search_attributes
from workers.devserver.server import DYNAMIC_CONFIG
from workers.devserver.state import version_key
from workers.probe import probe
from workers.processes import free_port

# A process that starts a server, says its pid, and would go on for ever.
HOLDER = """
import asyncio, sys
from pathlib import Path
from workers.devserver import DevServer

async def main():
    async with DevServer(Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def start_holder(folder: Path) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_gone(pid: int, limit: float = 5) -> bool:
    deadline = time.monotonic() + limit
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


async def test_it_knows_our_search_attributes_and_writes_ahead(temporal_server: DevServer) -> None:
    assert await missing_search_attributes(temporal_server.client) == {}
    with sqlite3.connect(temporal_server.folder.database) as database:
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)


async def test_the_measured_settings_reach_the_server(temporal_server: DevServer) -> None:
    """As the operating system shows them, quotes included."""
    process = psutil.Process(temporal_server.pid)
    argv = process.cmdline()
    assert set(DYNAMIC_CONFIG) < set(argv)
    assert 'history.timerProcessorMaxTimeShift="1ms"' in argv
    assert process.environ()["GOGC"] == "400"
    assert not [name for name in process.environ() if name.startswith(("TEMPORAL", "ANTHROPIC", "OPENAI"))]


async def test_a_probe_runs_through_it(temporal_server: DevServer) -> None:
    result = await probe(temporal_server.client, chains=1)
    assert result.steps == 10
    assert 0 < result.median_ms <= result.p95_ms
    assert "ms a step" in result.says


async def test_state_survives_a_stop_and_a_crash(temporal_binary: Binary, tmp_path: Path) -> None:
    from workers.probe import Probe

    server = await DevServer(tmp_path, binary=temporal_binary).start()
    await server.client.start_workflow(Probe.run, 1, id="parked", task_queue="nobody")
    await server.kill()
    async with DevServer(tmp_path, binary=temporal_binary) as again:
        description = await again.client.get_workflow_handle("parked").describe()
        assert description.status is not None
        assert description.status.name == "RUNNING"


async def test_kill_9_of_the_parent_leaves_nothing(temporal_binary: Binary, tmp_path: Path) -> None:
    holder, pid = start_holder(tmp_path)
    assert is_running(pid)
    holder.kill()
    holder.wait()
    assert wait_gone(pid)


async def test_a_leftover_server_is_ended(temporal_binary: Binary, tmp_path: Path) -> None:
    """One that outlived its parent, as on a system without a parent-death signal."""
    first = await DevServer(tmp_path, binary=temporal_binary).start()
    lease = json.loads(first.folder.lease.read_text())
    first.folder.lease.write_text(json.dumps({**lease, "parent": 2**22 + 1}))
    said: list[str] = []
    leftover = first.pid
    assert leftover is not None
    async with DevServer(tmp_path, binary=temporal_binary, say=said.append) as second:
        assert second.pid != leftover
        assert not is_running(leftover)
    await first.stop()
    assert any("left over" in line for line in said)


async def test_a_folder_in_use_is_refused(temporal_binary: Binary, tmp_path: Path) -> None:
    holder, pid = start_holder(tmp_path)
    try:
        with pytest.raises(StateUnusable, match=f"process {holder.pid}"):
            await DevServer(tmp_path, binary=temporal_binary).start()
        assert is_running(pid)
    finally:
        holder.send_signal(signal.SIGINT)
        holder.wait()
    assert wait_gone(pid)


def test_a_reused_pid_is_not_taken_for_the_server(tmp_path: Path) -> None:
    folder = ServerFolder(tmp_path)
    folder.mark_served("1.29.1", os.getpid(), 1, 2)
    assert folder.running() is not None
    lease = json.loads(folder.lease.read_text())
    folder.lease.write_text(json.dumps({**lease, "started": lease["started"] - 3600}))
    assert folder.running() is None
    assert folder.end_leftover() == []


async def test_a_taken_port_is_named_with_its_holder_and_setting(
    temporal_binary: Binary, temporal_server: DevServer, tmp_path: Path
) -> None:
    taken = temporal_server.plan.port
    with pytest.raises(PortTaken) as caught:
        await DevServer(tmp_path, binary=temporal_binary, port=taken).start()
    said = str(caught.value)
    assert str(taken) in said
    assert f"process {temporal_server.pid}" in said
    assert "COUNTERSIGN_TEMPORAL_PORT=" in said


@pytest.mark.parametrize(
    ("stamp", "says"),
    [
        ('{"format": 1, "server": "1.31.0"}', "written by Temporal server 1.31.0"),
        ('{"format": 2, "server": "1.29.1"}', "newer release of Countersign"),
        ("{", "cannot be read"),
    ],
)
def test_a_state_folder_of_another_version_is_refused(tmp_path: Path, stamp: str, says: str) -> None:
    folder = ServerFolder(tmp_path)
    folder.stamp.write_text(stamp)
    with pytest.raises(StateUnusable, match=says) as caught:
        folder.prepare("1.29.1")
    assert "COUNTERSIGN_STATE" in caught.value.way_out
    assert folder.stamp.read_text() == stamp


def test_patch_releases_share_a_state_folder(tmp_path: Path) -> None:
    assert version_key("1.29.1") == version_key("1.29.4") < version_key("1.30.0") < version_key("2.0")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    folder = ServerFolder(tmp_path)
    folder.database.write_bytes(b"no database" * 1000)
    with pytest.raises(StateUnusable, match="cannot be read"):
        folder.prepare("1.29.1")
    assert folder.database.read_bytes() == b"no database" * 1000


async def test_an_unfinished_first_start_is_set_aside(temporal_binary: Binary, tmp_path: Path) -> None:
    """Killed while its tables were being made, it would refuse to start for ever."""
    with sqlite3.connect(tmp_path / "temporal.db") as database:
        database.execute("create table namespaces (id)")
    said: list[str] = []
    async with DevServer(tmp_path, binary=temporal_binary, say=said.append):
        pass
    assert "set aside" in said[0]
    assert len(list(tmp_path.glob("temporal.db.unfinished-*"))) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateUnusable, match="cannot be written"):
        ServerFolder(tmp_path / "temporal").prepare("1.29.1")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "temporal").write_text("")
    with pytest.raises(StateUnusable, match="cannot be written"):
        ServerFolder(tmp_path / "temporal").prepare("1.29.1")


async def test_a_server_that_does_not_come_up_says_its_last_error(tmp_path: Path) -> None:
    program = tmp_path / "temporal"
    program.write_text('#!/bin/sh\necho \'{"level":"ERROR","msg":"failed","error":"no luck"}\'; exit 1\n')
    program.chmod(0o755)
    broken = Binary(program, "1.29.1", "made up")
    with pytest.raises(TemporalUnavailable, match="failed: no luck"):
        await DevServer(tmp_path / "state", binary=broken, port=free_port(), ui_port=free_port()).start()


async def test_an_existing_server_gets_the_missing_attributes(temporal_binary: Binary, tmp_path: Path) -> None:
    """A plain server that knows nothing of us, as at somebody's TEMPORAL_ADDRESS."""
    port, ui_port = free_port(), free_port()
    plain = subprocess.Popen(
        [temporal_binary.path, "server", "start-dev", "--port", str(port), "--ui-port", str(ui_port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client = await eventually_connected(f"127.0.0.1:{port}")
        assert await ensure_search_attributes(client) == sorted(TYPES)
        assert await ensure_search_attributes(client) == []
    finally:
        plain.terminate()
        plain.wait()


async def eventually_connected(address: str):  # type: ignore[no-untyped-def]
    import asyncio

    for _ in range(600):
        try:
            client = await connect(address)
            await missing_search_attributes(client)
            return client
        except Exception:
            await asyncio.sleep(0.1)
    raise AssertionError(f"nobody answers at {address}")


def test_the_command_for_an_operator_names_all_attributes() -> None:
    said = command("production", dict(TYPES))
    assert said.startswith("temporal operator search-attribute create --namespace production")
    assert "--name CountersignCost --type Double" in said
