"""Temporal's time-skipping server: a run that waits for a month is over in a second.

It is a Java program, fetched once through Maven into the tools folder. Tests skip, with the reason, without it.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from google.protobuf.empty_pb2 import Empty
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client
from temporalio.service import RPCError

from contracts.search import TYPES
from workers.devserver.attributes import KINDS
from workers.processes import free_port
from workers.settings import Settings

VERSION = "1.28.1"
MAIN = "io.temporal.testserver.TestServer"
POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>time-skipping</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>{VERSION}</version>
  </dependency></dependencies>
</project>
"""


@dataclass(frozen=True)
class SkippingServer:
    """A server whose clock stands as long as nobody moves it. Workers see it as any other."""

    address: str
    ui: str = ""

    async def prepare(self, client: Client) -> None:
        """Add our search attributes. This server can't list those it has, but takes them again."""
        added = AddSearchAttributesRequest(search_attributes={name: KINDS[kind] for name, kind in TYPES.items()})
        with contextlib.suppress(RPCError):
            await client.operator_service.add_search_attributes(added)

    async def now(self, client: Client) -> datetime:
        answer = await client.test_service.get_current_time(Empty())
        return answer.time.ToDatetime(tzinfo=UTC)

    async def skip(self, client: Client, time: timedelta) -> None:
        """Let that much time pass, with all timers in it; activities that they start are waited for."""
        request = SleepRequest()
        request.duration.FromTimedelta(time)
        await client.test_service.unlock_time_skipping_with_sleep(request)


def jars(tools: Path) -> Path:
    """The folder with the server's jars, fetched once. Skips when it can't be."""
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("the time-skipping server needs java and mvn")
    folder = tools / f"time-skipping-{VERSION}-{hashlib.sha256(POM.encode()).hexdigest()[:8]}"
    if (folder / "lib").is_dir():
        return folder / "lib"
    new = folder.with_name(f"{folder.name}.{os.getpid()}")
    new.mkdir(parents=True)
    (new / "pom.xml").write_text(POM)
    fetch = ["mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", f"-DoutputDirectory={new / 'lib'}"]
    try:
        done = subprocess.run(fetch, cwd=new, capture_output=True, text=True, timeout=240)
        if done.returncode:
            pytest.skip(f"Maven could not fetch the time-skipping server: {done.stdout.strip()[:300]}")
        with contextlib.suppress(OSError):  # another process was quicker
            new.rename(folder)
    except subprocess.TimeoutExpired:
        pytest.skip("Maven took longer than 240 s to fetch the time-skipping server")
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder / "lib"


@contextlib.contextmanager
def running(lib: Path, log: Path) -> Iterator[str]:
    """The address of a server on a free port."""
    port = free_port()
    command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{lib}/*", MAIN, str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest_asyncio.fixture(scope="package")
async def time_skipping(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SkippingServer]:
    lib = await asyncio.to_thread(jars, Settings().tools)
    log = tmp_path_factory.mktemp("time-skipping") / "log"
    with running(lib, log) as address:
        for _ in range(300):
            with contextlib.suppress(RuntimeError):
                await Client.connect(address)
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(f"the time-skipping server did not start:\n{log.read_text()[-2000:]}")
        yield SkippingServer(address)
