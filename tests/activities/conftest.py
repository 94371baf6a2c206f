"""What tests of activities share."""

import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.repositories import small


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Path, str]]:
    """A repository behind a real git server on this host."""
    folder = small(tmp_path / "served" / "demo.git")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["git", "daemon", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", "--export-all"]
    process = subprocess.Popen([*command, f"--base-path={folder.parent}"], stderr=subprocess.DEVNULL)
    for _ in range(1200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield folder, f"git://127.0.0.1:{port}/demo.git"
    process.terminate()
    process.wait()
