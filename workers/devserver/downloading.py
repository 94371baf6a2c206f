"""The SDK's own download of the Temporal server.

It runs in a process of its own: the SDK's download can neither be cancelled nor limited from Python.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from workers.processes import die_with_parent

STALLED = 12.0  # seconds without a byte
LIMIT = 600.0

# Starting the server is how the SDK downloads it; it ends at once, and the binary stays.
PROGRAM = """
import asyncio, sys
from temporalio.testing import WorkflowEnvironment

async def main():
    environment = await WorkflowEnvironment.start_local(
        dev_server_download_version=sys.argv[1], download_dest_dir=sys.argv[2]
    )
    await environment.shutdown()

try:
    asyncio.run(main())
except Exception as error:
    sys.exit(str(error))
"""


class NotDownloaded(Exception):
    """The download is out of reach, refused or stalled; the message says which."""


async def download(tools: Path, version: str, say: Callable[[str], None]) -> Path:
    """The path of a binary in a temporary folder below `tools`. Raises NotDownloaded."""
    say("Asking the Temporal SDK for its own download (temporal.download).")
    folder = Path(tempfile.mkdtemp(prefix=".download-", dir=tools))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        f"v{version}",
        folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent(),
    )
    try:
        complaint = await _watch(process, folder)
    except BaseException:
        await _end(process, folder)
        raise
    made = _largest(folder)
    if process.returncode != 0 or made is None:
        await _end(process, folder)
        raise NotDownloaded(_in_words(complaint))
    made.chmod(0o755)
    return made


async def _watch(process: asyncio.subprocess.Process, folder: Path) -> str:
    """Wait for the end, as long as bytes keep coming; what it said on stderr."""
    clock = asyncio.get_running_loop().time
    began = moved = clock()
    seen = 0
    talk = asyncio.create_task(process.communicate())
    while not (await asyncio.wait({talk}, timeout=0.5))[0]:
        size = _size(folder)
        if size != seen:
            seen, moved = size, clock()
        if clock() - moved > STALLED or clock() - began > LIMIT:
            raise NotDownloaded(f"no byte came for {STALLED:.0f} seconds")
    _, stderr = talk.result()
    return stderr.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process, folder: Path) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _in_words(complaint: str) -> str:
    last = complaint.strip().rpartition("\n")[2]
    return "https://temporal.download cannot be reached from here" if "sending request" in last else last


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _largest(folder: Path) -> Path | None:
    return max(_files(folder), key=lambda path: path.stat().st_size, default=None)
