"""Worker processes forked from one that has imported everything: real processes to kill, without seconds of imports."""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PR_SET_PDEATHSIG = 1


def start(kind: str, environ: Mapping[str, str], log: Path) -> ForkServerProcess:
    """A worker with this environment and no other. Its output goes to `log`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.preloaded"])
    process = context.Process(target=_work, args=(kind, dict(environ), str(log)), name=f"{kind} worker")
    process.start()
    return process


def _work(kind: str, environ: dict[str, str], log: str) -> None:
    os.setsid()
    if hasattr(signal, "SIGKILL") and os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environ)
    output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from workers import discovery
    from workers.settings import Settings
    from workers.worker import main
    from workflows.agent import Agent
    from workflows.ticket_to_pr import TicketToPr

    # Each workflow that a worker serves is loaded anew in a sandbox of its own, which takes a second.
    discovery.workflow_classes = lambda: [Agent, TicketToPr]
    main(Settings(), "effects" if kind == "effects" else "agents")
