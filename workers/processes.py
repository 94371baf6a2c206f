"""Processes and ports of this host: children that die with us, who listens where."""

import contextlib
import ctypes
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

import psutil

from contracts.errors import PortTaken

PR_SET_PDEATHSIG = 1

_random = random.SystemRandom()  # not the seed that tests set: every process would try the same ports
_given: set[int] = set()

# What any program needs to run at all. Nothing here is a credential.
BASIC_NAMES = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM")


def die_with_parent() -> Callable[[], None] | None:
    """A `preexec_fn` that has Linux kill the child when the thread that started it ends.

    Start children from the main thread: the kernel watches the thread, not the process. Elsewhere than on
    Linux there is no such thing, and None is returned; the next start finds a leftover by its pid file.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os.kill(os.getpid(), signal.SIGKILL)

    return set_signal


def leave(code: int) -> NoReturn:
    """End this process without the interpreter's own shutdown, all output written.

    The SDK's native threads may ask for the interpreter's lock while it shuts down, which aborts the process
    (temporalio/sdk-python#300): 3 of 24 workers, and now and then a command after all its work was done.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
            stream.flush()
    os._exit(code)


def pick(environ: Mapping[str, str], *names: str, prefixes: tuple[str, ...] = ()) -> dict[str, str]:
    """The part of an environment that a child may see: the basics, `names`, and names with a prefix."""
    wanted = {*BASIC_NAMES, *names}
    return {name: value for name, value in environ.items() if name in wanted or name.startswith(prefixes)}


def free_port() -> int:
    """A port that nobody listened on a moment ago, and that this process was not given before.

    From below those that operating systems hand out by themselves (Linux from 32768, others from 49152): one of
    theirs may become the near end of somebody's connection before its server starts.
    """
    for _ in range(1000):
        port = _random.randrange(20_000, 32_768)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise PortTaken(
        "No port between 20000 and 32767 of this host is free.",
        subject="127.0.0.1",
        way_out="End what listens there, or name the ports: COUNTERSIGN_CONSOLE_PORT, COUNTERSIGN_TEMPORAL_PORT.",
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now (one in TIME_WAIT counts as free)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def next_free(port: int) -> int:
    """A free port to suggest instead: the next one, ten at a time."""
    return next((other for other in range(port + 10, 65536, 10) if is_free(other)), 0) or free_port()


def holder(port: int) -> psutil.Process | None:
    """The process that listens on the port, where the operating system lets us see it."""
    try:
        listeners = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for listener in listeners:
        if listener.laddr and listener.laddr.port == port and listener.status == psutil.CONN_LISTEN:
            return psutil.Process(listener.pid) if listener.pid else None
    return None


def describe(process: psutil.Process | None) -> str:
    """A process in words: `nginx (process 4711)`."""
    if process is None:
        return "a process that this user may not see"
    try:
        return f"{process.name()} (process {process.pid})"
    except psutil.Error:
        return f"process {process.pid}"


def require_free(ports: Mapping[str, int]) -> None:
    """Raise PortTaken for the first port in use. `ports` maps a setting's name to its port."""
    for setting, port in ports.items():
        if not is_free(port):
            raise PortTaken(
                f"Port {port} is taken by {describe(holder(port))}.",
                subject=str(port),
                way_out=f"End that process, or choose another port: {setting}={next_free(port)}.",
            )
