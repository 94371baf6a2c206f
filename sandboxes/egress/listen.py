"""Listeners inside sandboxes' network namespaces, opened by a helper process (`enter.py`)."""

import asyncio
import contextlib
import errno
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

from contracts.errors import SandboxFailed, SandboxUnavailable

PORT = 3128  # inside; each namespace has ports of its own
ANSWER_SECONDS = 10


class Entrance:
    """The helper process of a worker, started when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def listener(self, pid: int) -> socket.socket:
        """A listener on 127.0.0.1:3128 as the process sees it. The caller has to know that `pid` still is the
        process it means, such as by a pidfd.

        Raises ProcessLookupError, SandboxUnavailable where this worker may not enter.
        """
        return await asyncio.to_thread(self._listener, pid)

    def _listener(self, pid: int) -> socket.socket:
        with self._lock:
            try:
                return self._ask(pid)
            except (OSError, EOFError) as error:
                if isinstance(error, ProcessLookupError):
                    raise
                self._stop()  # somebody killed it: the next one gets a new one
                raise SandboxFailed("The helper that opens a sandbox's way out went away.", subject=str(pid)) from error

    def _ask(self, pid: int) -> socket.socket:
        orders = self._orders or self._start()
        orders.send(json.dumps({"pid": pid, "port": PORT}).encode())
        said, descriptors, _, _ = socket.recv_fds(orders, 4096, 1)
        if descriptors:
            return socket.socket(fileno=descriptors[0])
        if not said:
            raise EOFError
        answer = json.loads(said)
        if answer["errno"] in (errno.ENOENT, errno.ESRCH):
            raise ProcessLookupError(answer["says"])
        raise SandboxUnavailable(
            f"This worker can't open a way out of the sandbox: {answer['says']}.",
            subject='network="allow"',
            way_out="Run the worker as the user who starts the sandboxes, or as root, outside of a container that "
            "forbids setns.",
        )

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(ANSWER_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("enter.py"))],
                stdin=theirs.fileno(),
                env={},
                cwd="/",
            )
        self._orders = ours
        return ours

    def _stop(self) -> None:
        if self._orders:
            self._orders.close()
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        self._orders = self._process = None

    def close(self) -> None:
        """End the helper. It also ends by itself when this process does."""
        with self._lock:
            self._stop()

    def __del__(self) -> None:
        self._stop()
