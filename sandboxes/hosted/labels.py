"""Whose a hosted sandbox is, in labels that the vendor keeps, so that what a dead worker left is found again."""

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from sandboxes.reaper import start_time

PREFIX = "countersign."
LONGEST = 200


@dataclass(frozen=True)
class Worker:
    """A process of a host: its pid and the time of its start name it until the next boot, which `host` tells."""

    host: str
    process: str

    @classmethod
    def this(cls) -> "Worker":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(f"{socket.gethostname()}-{boot[:8]}", f"{os.getpid()}-{start_time(os.getpid())}")


def made(installation: str, owner: str, worker: Worker) -> dict[str, str]:
    return {
        f"{PREFIX}installation": installation,
        f"{PREFIX}owner": owner[:LONGEST],
        f"{PREFIX}host": worker.host,
        f"{PREFIX}process": worker.process,
        f"{PREFIX}id": secrets.token_hex(8),
    }


def of_installation(installation: str) -> dict[str, str]:
    return {f"{PREFIX}installation": installation}


def worker_of(labels: dict[str, str]) -> Worker:
    return Worker(labels.get(f"{PREFIX}host", ""), labels.get(f"{PREFIX}process", ""))


def is_dead(worker: Worker, here: Worker) -> bool:
    """Known to be dead: of this host, and its process is no more. Another host's is left to that, and to the vendor's
    intervals."""
    if worker.host != here.host:
        return False
    pid, _, started = worker.process.partition("-")
    try:
        return str(start_time(int(pid))) != started
    except (OSError, ValueError):
        return True
