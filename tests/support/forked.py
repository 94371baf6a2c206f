"""Processes forked from one that has imported everything: real processes to kill, without seconds of imports."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PR_SET_PDEATHSIG = 1


def start(work: Callable[..., None], *args: Any, environ: Mapping[str, str], output: Path) -> ForkServerProcess:
    """A process that does `work`, a function of a module, with this environment and no other.

    What it prints is added to `output`. It leads a session of its own, and doesn't outlive the tests.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preloaded"])
    process = context.Process(target=_work, args=(work, args, dict(environ), str(output)))
    process.start()
    return process


def died(work: Callable[..., None], *args: Any, environ: Mapping[str, str], output: Path) -> None:
    """Such a process, until it has killed itself at its fault point."""
    process = start(work, *args, environ=environ, output=output)
    process.join()
    assert process.exitcode == -signal.SIGKILL, output.read_text()


def kill(process: ForkServerProcess) -> None:
    """Kill it, if it is alive, and wait for its end."""
    if process.is_alive() and process.pid is not None:
        with contextlib.suppress(ProcessLookupError):  # it died meanwhile, and the server of forks has buried it
            os.kill(process.pid, signal.SIGKILL)
    process.join()


def worker(kind: str, workflows: tuple[str, ...], noticed: float | None = None, part: int | None = None) -> None:
    """`countersign worker KIND`, serving the workflows of these names only. A silent worker counts as dead after
    `noticed` seconds, where the steps say more. `part`: tickets of a part of a history, so that few make several."""
    from contracts import steps
    from workers import discovery
    from workers.settings import Settings
    from workers.worker import main

    # Each workflow that a worker serves is loaded anew in a sandbox of its own, which takes a second.
    every = discovery.workflow_classes
    discovery.workflow_classes = lambda: [each for each in every() if discovery.workflow_name(each) in workflows]
    if noticed is not None:
        for step in vars(steps).values():
            if isinstance(step, steps.Step) and step.heartbeat > timedelta(seconds=noticed):
                object.__setattr__(step, "heartbeat", timedelta(seconds=noticed))
    if part is not None:
        from activities.support_triage import history

        history.PART = part
    main(Settings(), "effects" if kind == "effects" else "agents")


def console() -> None:
    """`countersign console`."""
    from workers.settings import Settings
    from workers.webserver import serve

    serve(Settings())


def _work(work: Callable[..., None], args: tuple[Any, ...], environ: dict[str, str], output: str) -> None:
    os.setsid()
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    file = os.open(output, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    work(*args)
