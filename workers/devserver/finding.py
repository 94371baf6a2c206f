"""Where the Temporal server comes from: a binary on the path, one kept from last time, a download, a build.

TEMPORAL_ADDRESS comes before all of these and is the caller's to look at: then nothing is started.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import TemporalUnavailable
from workers.devserver import building, downloading
from workers.devserver.locking import file_lock

CLI_VERSION = "1.5.1"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Binary:
    """A `temporal` program that answered. `server` is the version of the server inside it, as 1.29.1."""

    path: Path
    server: str
    how: str


def kept_path(tools: Path) -> Path:
    """Where a downloaded or built binary is kept, for all state folders of this user."""
    return tools / f"temporal-{CLI_VERSION}" / "temporal"


async def look(tools: Path) -> tuple[Binary | None, list[str]]:
    """A binary that is on this host already, and what was tried. Changes nothing, takes no time."""
    tried: list[str] = []
    on_path = shutil.which("temporal")
    for how, path in (("on the path", on_path and Path(on_path)), ("kept from last time", kept_path(tools))):
        if not path or not path.exists():
            tried.append(f"{how}: there is none" + ("" if how == "on the path" else f" in {tools}"))
            continue
        version = await answer(path)
        if version:
            return Binary(path, version, how), tried
        tried.append(f"{how}: {path} does not answer `temporal --version`; it is damaged or half-built")
    return None, tried


async def find(tools: Path, say: Say) -> Binary:
    """A working binary, fetched or built if need be (about three minutes, once). Raises TemporalUnavailable."""
    found, tried = await look(tools)
    if found is not None:
        return found
    say("No Temporal server on this host yet: fetching one, once.")
    async with _alone(tools, say):
        found, _ = await look(tools)  # another process may have made it while we waited
        return found or await _obtain(tools, tried, say)


async def answer(path: Path) -> str | None:
    """The version of the server inside a binary, or None if it does not run or is something else."""
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        stdout, _ = await asyncio.wait_for(process.communicate(), 20)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    match = re.search(rb"Server (\d+\.\d+\.\d+)", stdout)
    return match[1].decode() if match and process.returncode == 0 else None


async def _obtain(tools: Path, tried: list[str], say: Say) -> Binary:
    ways = (
        ("downloaded by the Temporal SDK", downloading.download),
        (f"built by `go install` (v{CLI_VERSION})", building.build),
    )
    for how, way in ways:
        try:
            made = await way(tools, CLI_VERSION, say)
        except (downloading.NotDownloaded, building.NotBuilt) as why:
            tried.append(f"{how}: {why}")
            say(f"Not {how}: {why}.")
            continue
        version = await answer(made)
        if version:
            return Binary(_keep(made, tools), version, how)
        tried.append(f"{how}: {made} does not answer `temporal --version`")
    raise _unavailable(tried)


def _keep(made: Path, tools: Path) -> Path:
    kept = kept_path(tools)
    kept.parent.mkdir(parents=True, exist_ok=True)
    made.replace(kept)
    shutil.rmtree(made.parent, ignore_errors=True)
    return kept


@asynccontextmanager
async def _alone(tools: Path, say: Say) -> AsyncIterator[None]:
    _make(tools)
    waiting = "Another process is fetching the Temporal server; waiting for it."
    async with file_lock(tools / "temporal.lock", on_wait=lambda: say(waiting)):
        yield


def _make(tools: Path) -> None:
    try:
        tools.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TemporalUnavailable(
            f"The tools folder {str(tools)!r} cannot be written: {error.strerror}.",
            subject=str(tools),
            way_out="Choose another: COUNTERSIGN_TOOLS=/path/to/folder.",
        ) from error


def _unavailable(tried: list[str]) -> TemporalUnavailable:
    lines = "".join(f"\n  - {line}" for line in tried)
    return TemporalUnavailable(
        f"No Temporal server could be found or made. Tried, in this order:{lines}\n",
        subject="temporal",
        way_out=(
            "Do one of these: install the temporal command (https://docs.temporal.io/cli, or "
            "`brew install temporal`); install Go 1.24 or newer and start again; or point "
            "TEMPORAL_ADDRESS=host:7233 at a server that runs."
        ),
    )
