"""From a policy to a container's settings. Everything that is not given here is refused inside."""

import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.types import LogConfig, Ulimit
from docker.types import Mount as Bind

from contracts.policy import SandboxPolicy
from sandboxes import limits
from sandboxes.docker.launcher import SHELL
from sandboxes.docker.profile import profile
from sandboxes.process import User
from sandboxes.protocol import Mount

SHM_BYTES = 64 << 20
PERIOD_US = 100_000
# What the engine covers by itself, and all of /sys: it tells of the host.
HIDDEN = (
    *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys"),
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
# gVisor's kernel is threads of the host: some of its own, and several for each process inside. Without them it ends.
KERNEL_THREADS, THREADS_EACH = 256, 10
# An engine's default network: out by the host's address, and away from what listens on the host's loopback.
# With a list it is nobody's network, but for the broker's listener.
NETWORKS = {"none": "none", "allow": "none", "open": "bridge"}


@dataclass(frozen=True)
class Runtime:
    """What the engine starts a container by. With a kernel of its own, limits of processes are held by that kernel."""

    name: str
    own_kernel: bool = False


def settings(
    api: APIClient,
    policy: SandboxPolicy,
    *,
    image: str,
    runtime: Runtime,
    user: User,
    work: Path,
    mounts: Sequence[Mount],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """What `create_container_from_config` takes, for a container that waits for its command."""
    host = api.create_host_config(
        runtime=runtime.name,
        network_mode=NETWORKS[policy.network],
        ipc_mode="private",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true", f"seccomp={profile()}"],
        read_only=True,
        mounts=[_bind(Mount(work, "/work", writable=True)), *(_bind(mount) for mount in mounts)],
        tmpfs={"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={policy.memory_bytes}"},  # noqa: S108
        shm_size=min(SHM_BYTES, policy.memory_bytes),
        mem_limit=policy.memory_bytes,
        memswap_limit=policy.memory_bytes,  # the sum of both, so no swap
        pids_limit=_host_processes(policy, runtime),
        cpu_period=PERIOD_US,
        cpu_quota=max(int(policy.cpus * PERIOD_US), 1000),
        ulimits=list(_ulimits(policy, runtime)),
        log_config=LogConfig(type="none"),
        oom_kill_disable=False,
    )
    host["MaskedPaths"], host["ReadonlyPaths"] = list(HIDDEN), list(READ_ONLY)
    config: dict[str, Any] = api.create_container_config(
        image=image,
        command=[],
        entrypoint=list(SHELL),
        user=f"{user.uid}:{user.gid}",
        hostname="sandbox",
        working_dir="/work",
        stdin_open=True,
        labels=dict(labels),
        healthcheck={"test": ["NONE"]},
        host_config=host,
    )
    # The engine ends the command's input when ours ends, also when that is by the worker's death.
    return config | {"StdinOnce": True, "AttachStdin": True}


def _bind(mount: Mount) -> Bind:
    return Bind(mount.target, str(mount.source.resolve()), type="bind", read_only=not mount.writable)


def _processes(policy: SandboxPolicy) -> int:
    """And the shell that waits, and the one that becomes the command."""
    return policy.processes + 2


def _host_processes(policy: SandboxPolicy, runtime: Runtime) -> int:
    processes = _processes(policy)
    return KERNEL_THREADS + THREADS_EACH * processes if runtime.own_kernel else processes


def _ulimits(policy: SandboxPolicy, runtime: Runtime) -> list[Ulimit]:
    """As in every sandbox, but for processes: the host's kernel counts a user's RLIMIT_NPROC over the whole host."""
    wanted = limits.of(policy, cgroup=True) | {resource.RLIMIT_NPROC: _processes(policy)}
    names = {resource.RLIMIT_CORE: "core", resource.RLIMIT_FSIZE: "fsize", resource.RLIMIT_NOFILE: "nofile"}
    if runtime.own_kernel:
        names[resource.RLIMIT_NPROC] = "nproc"
    return [Ulimit(name=name, soft=wanted[which], hard=wanted[which]) for which, name in names.items()]
