"""The Temporal server built from source by Go: about three minutes on two cores, once."""

import asyncio
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workers.processes import die_with_parent, pick

MODULE = "github.com/temporalio/cli/cmd/temporal"  # v1.9 has a replace directive and cannot be installed so
ESTIMATE = 180.0  # seconds from nothing on two cores
PACKAGES = 640  # that are compiled then
REPORT_EVERY = 5.0
LIMIT = 1800.0
FREE_BYTES = 4 << 30  # modules, build cache and binary
GO_NAMES = ("GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOFLAGS")
NETWORK_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


class NotBuilt(Exception):
    """Go is not there, or the build failed; the message says which."""


async def build(tools: Path, version: str, say: Callable[[str], None]) -> Path:
    """The path of a binary in a temporary folder below `tools`. Raises NotBuilt.

    Cancelling (Ctrl-C) ends the compiler and leaves nothing but Go's own caches.
    """
    go = shutil.which("go")
    if go is None:
        raise NotBuilt("there is no `go` on the path")
    if shutil.disk_usage(tools).free < FREE_BYTES:
        raise NotBuilt(f"less than {FREE_BYTES >> 30} GiB is free in {tools}")
    sweep(tools)
    folder = Path(tempfile.mkdtemp(prefix=".build-", dir=tools))
    try:
        await _install(go, folder, version, say)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder / "temporal"


def sweep(tools: Path) -> None:
    """Remove what an interrupted build or download left. The caller holds the lock."""
    for pattern in (".build-*", ".download-*"):
        for leftover in tools.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


async def _install(go: str, folder: Path, version: str, say: Callable[[str], None]) -> None:
    say(f"Building it with Go: {MODULE}@v{version}, about three minutes, once. Ctrl-C stops it.")
    process = await asyncio.create_subprocess_exec(
        go,
        "install",
        "-v",
        f"{MODULE}@v{version}",
        env=_environment(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # so that the compilers end with it
        preexec_fn=die_with_parent(),
    )
    try:
        tail = await asyncio.wait_for(_follow(process, say), LIMIT)
    except TimeoutError as error:
        raise NotBuilt(f"it was not done after {LIMIT / 60:.0f} minutes") from error
    finally:
        await _end_group(process)
    if process.returncode != 0:
        raise NotBuilt(f"go install failed: {' / '.join(tail[-3:])}")


def _environment(folder: Path) -> dict[str, str]:
    kept = pick(os.environ, *GO_NAMES, *NETWORK_NAMES, "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CACHE_HOME")
    return {**kept, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto"}


async def _follow(process: asyncio.subprocess.Process, say: Callable[[str], None]) -> list[str]:
    """Report what Go is at, every few seconds, until it ends; its last lines."""
    assert process.stderr is not None
    progress = _Progress(say)
    ticker = asyncio.create_task(progress.tick())
    try:
        async for line in process.stderr:
            progress.note(line.decode(errors="replace").strip())
        await process.wait()
    finally:
        ticker.cancel()
    return progress.tail


class _Progress:
    """Turns Go's lines (downloads, then one package a line) into a sentence every few seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.began = time.monotonic()
        self.packages = 0
        self.now = "starting"
        self.tail: list[str] = []

    def note(self, line: str) -> None:
        download = re.match(r"go: downloading (\S+)", line)
        if download:
            self.now = f"downloading {download[1]}"
        elif line and not line.startswith("go: ") and " " not in line:
            self.packages += 1
            self.now = f"compiling {line} ({self.packages} packages so far)"
        self.tail = [*self.tail[-9:], line]

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY)
            self.say(self.sentence())

    def sentence(self) -> str:
        elapsed = time.monotonic() - self.began
        about = f"about {max(5, self.left(elapsed)):.0f} s to go"
        return f"Building the Temporal server, {elapsed:.0f} s, {about}: {self.now}"

    def left(self, elapsed: float) -> float:
        """Seconds to go: the usual time at first, then this host's own pace."""
        if elapsed < 45 or not self.packages:
            return ESTIMATE - elapsed
        return elapsed / self.packages * (PACKAGES - self.packages)


async def _end_group(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
