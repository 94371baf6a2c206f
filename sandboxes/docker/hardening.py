"""From a policy to a container's settings. Everything that is not given here is refused inside."""

import resource
from collections.abc import Mapping, Sequence
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
# An engine's default network: out by the host's address, and away from what listens on the host's loopback.
NETWORKS = {"none": "none", "open": "bridge"}


def settings(
    api: APIClient,
    policy: SandboxPolicy,
    *,
    image: str,
    runtime: str,
    user: User,
    work: Path,
    mounts: Sequence[Mount],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """What `create_container_from_config` takes, for a container that waits for its command."""
    host = api.create_host_config(
        runtime=runtime,
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
        pids_limit=policy.processes + 2,  # and the shell that waits, and the one that becomes the command
        cpu_period=PERIOD_US,
        cpu_quota=max(int(policy.cpus * PERIOD_US), 1000),
        ulimits=list(_ulimits(policy)),
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


def _ulimits(policy: SandboxPolicy) -> list[Ulimit]:
    """As in every sandbox, but for processes: RLIMIT_NPROC counts a user's over the whole host here."""
    wanted = limits.of(policy, cgroup=True)
    names = {resource.RLIMIT_CORE: "core", resource.RLIMIT_FSIZE: "fsize", resource.RLIMIT_NOFILE: "nofile"}
    return [Ulimit(name=name, soft=wanted[which], hard=wanted[which]) for which, name in names.items()]
