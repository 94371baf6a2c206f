"""From a policy to bubblewrap's options.

The system is put together from read-only pieces; the host's root is never mounted. Options travel through a
descriptor, so that /proc/1/cmdline inside shows the command and nothing else.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from contracts.errors import BadInput
from contracts.policy import SandboxPolicy
from sandboxes.egress import inside
from sandboxes.etc import MOUNT_POINTS, UID
from sandboxes.protocol import Mount

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",  # noqa: S108
    "TMPDIR": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    "USER": "agent",
    "TERM": "dumb",
    "GIT_TERMINAL_PROMPT": "0",
}
# Writable to root's uid even without a capability; or telling of the host.
# The rest of /proc asks for a capability when written to. Each cover costs a third of a millisecond.
PROC_READ_ONLY = ("sys", "sysrq-trigger")
PROC_HIDDEN = ("acpi", "scsi", "keys", "timer_list")
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
TAKEN = tuple(f"/{name}" for name in (*SYSTEM, "usr", "etc", "proc", "dev", "tmp", "work"))


def options(policy: SandboxPolicy, *, work: Path, etc: Path, mounts: Sequence[Mount], tmpfs_size: bool) -> list[str]:
    """Everything that stays the same for each command of a sandbox. Raises BadInput."""
    return [
        *_namespaces(policy),
        *_system(),
        *("--ro-bind", str(etc), "/etc"),
        *(_resolver() if policy.network == "open" else ()),
        *(_certificates() if policy.network == "open" or inside.has_tunnel(policy) else ()),
        *(("--size", str(policy.memory_bytes)) if tmpfs_size else ()),
        *("--tmpfs", "/tmp", "--dev", "/dev"),  # noqa: S108
        *_proc(),
        *("--bind", str(work), "/work"),
        *(part for mount in mounts for part in _mount(mount)),
    ]


def for_command(policy: SandboxPolicy, *, cwd: str, env: Mapping[str, str]) -> list[str]:
    """What differs from one command to the next."""
    merged = ENVIRONMENT | inside.environment(policy) | policy.environment | named(policy) | dict(env)
    return [*("--chdir", cwd), *(part for name, value in merged.items() for part in ("--setenv", name, value))]


def check_command(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> None:
    """Raises BadInput for what can be no command, whichever sandbox it is for."""
    for word in [*argv, cwd, *env, *env.values()]:
        if "\0" in word:
            raise BadInput("A command line can't hold a zero byte.", subject=repr(word))
    if not argv or not argv[0]:
        raise BadInput("There is no program to run.", subject=repr(argv))


def named(policy: SandboxPolicy) -> dict[str, str]:
    """The variables that the policy takes from the worker by name. Raises BadInput when one isn't set."""
    for name in policy.environment_names:
        if name not in os.environ:
            raise BadInput(
                f"The policy asks for the variable {name}, which is not set.",
                subject=name,
                way_out=f"Set {name} where the worker is started.",
            )
    return {name: os.environ[name] for name in policy.environment_names}


def _namespaces(policy: SandboxPolicy) -> list[str]:
    unshared = ["user", "ipc", "pid", "uts", "cgroup-try", *([] if policy.network == "open" else ["net"])]
    return [
        *(f"--unshare-{name}" for name in unshared),
        *("--uid", str(UID), "--gid", str(UID), "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    ]


def _system() -> Iterator[str]:
    """/usr, and the folders beside it: links on most systems of today, real folders on older ones."""
    yield from ("--ro-bind", "/usr", "/usr")
    for name in SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    if Path("/nix/store").is_dir():
        yield from ("--ro-bind", "/nix/store", "/nix/store")


def _proc() -> Iterator[str]:
    """A /proc of its own. Root on the host could write settings there even without a capability, because
    they belong to its uid: those are read-only, and what tells of the host is covered."""
    yield from ("--proc", "/proc")
    for name in PROC_READ_ONLY:
        if (path := Path("/proc", name)).exists():
            yield from ("--ro-bind", str(path), str(path))
    for name in PROC_HIDDEN if os.getuid() == 0 else ("keys",):
        if (path := Path("/proc", name)).exists():
            yield from ("--tmpfs", str(path)) if path.is_dir() else ("--ro-bind", "/dev/null", str(path))


def _resolver() -> Iterator[str]:
    """Name resolution as the host has it."""
    return _as_they_are(Path("/etc/resolv.conf"))


def _certificates() -> Iterator[str]:
    """The certificates of public authorities. Private keys in /etc/ssl stay outside."""
    return _as_they_are(*(Path("/etc", name) for name in MOUNT_POINTS))


def _as_they_are(*paths: Path) -> Iterator[str]:
    for path in paths:
        if path.exists():
            yield from ("--ro-bind", str(path.resolve()), str(path))


def check_target(name: str) -> None:
    """Raises BadInput for a target that would cover the system or be reachable by a link inside /work."""
    target = PurePosixPath(name)
    if not target.is_absolute() or ".." in target.parts or len(target.parts) < 2:
        raise BadInput(f"{name!r} is not an absolute folder to mount at.", subject=name)
    if any(target.is_relative_to(taken) for taken in TAKEN):
        raise BadInput(
            f"Nothing can be mounted at {name!r}.",
            subject=name,
            way_out="Use a folder of its own, such as /repository.",
        )


def _mount(mount: Mount) -> list[str]:
    check_target(mount.target)
    target = PurePosixPath(mount.target)
    return ["--bind" if mount.writable else "--ro-bind", str(mount.source.resolve()), str(target)]
