"""Resource limits of a sandbox's first process, inherited by all it starts.

They are set from outside by prlimit while that process still waits, so nothing runs before they hold.
"""

import contextlib
import platform
import resource
import subprocess

from contracts.policy import SandboxPolicy

OPEN_FILES = 4096


def own_process_counts() -> bool:
    """Whether RLIMIT_NPROC counts within a user namespace (Linux 5.14) and not over the whole host."""
    major, minor = (int("".join(filter(str.isdigit, part))) for part in platform.release().split(".")[:2])
    return (major, minor) >= (5, 14)


def of(policy: SandboxPolicy, *, cgroup: bool) -> dict[int, int]:
    """RLIMIT_* to value. Memory only where no cgroup holds it: a limit on data, not on address space,
    so that runtimes which reserve much and use little still start."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: policy.disk_bytes,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if own_process_counts():
        limits[resource.RLIMIT_NPROC] = policy.processes + 1
    if not cgroup:
        limits[resource.RLIMIT_DATA] = policy.memory_bytes
    return limits


def apply(pid: int, limits: dict[int, int]) -> None:
    """Set soft and hard limits of a process. One that is lower already stays. Raises OSError."""
    for which, value in limits.items():
        _, hard = resource.prlimit(pid, which)
        lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, which, (lower, lower))


def apply_as(pid: int, limits: dict[int, int], uid: int, gid: int) -> None:
    """The same for a process of another user: root in a container often lacks the right, the user has it.

    Raises OSError."""
    names = {getattr(resource, f"RLIMIT_{name}"): name.lower() for name in ("CORE", "FSIZE", "NOFILE", "NPROC", "DATA")}
    wanted = [f"--{names[which]}={value}:{value}" for which, value in limits.items()]
    done = subprocess.run(
        ["/usr/bin/prlimit", "--pid", str(pid), *wanted],
        user=uid,
        group=gid,
        extra_groups=[],
        env={},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(done.stderr.decode(errors="replace").strip())
