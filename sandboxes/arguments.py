"""From a policy to bubblewrap's options.

The system is put together from read-only pieces; the host's root is never mounted. Options travel through a
descriptor, so that /proc/1/cmdline inside shows the command and nothing else.
"""

import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from contracts.errors import BadInput
from contracts.policy import SandboxPolicy
from sandboxes.protocol import Mount

UID = 1000
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",  # noqa: S108
    "TMPDIR": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    "USER": "agent",
    "TERM": "dumb",
    "GIT_TERMINAL_PROMPT": "0",
}
# What a program needs to find its libraries, its names and the time zone; nothing that tells of the host.
HOST_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "mime.types",
    "ssl/openssl.cnf",
)
# A repository mounted from the host has another owner inside; git refuses it unless told. It is told here
# only, where git has nothing to lose.
OWN_ETC = {
    "passwd": f"root:x:0:0:root:/:/bin/false\nagent:x:{UID}:{UID}:agent:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"root:x:0:\nagent:x:{UID}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "gitconfig": "[safe]\n\tdirectory = *\n",
}
PROC_READ_ONLY = ("sys", "sysrq-trigger", "mtrr", "fs", "driver", "pressure")
PROC_HIDDEN = ("acpi", "scsi", "kcore", "keys", "kmsg", "kallsyms", "timer_list", "sched_debug", "latency_stats")
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
TAKEN = tuple(f"/{name}" for name in (*SYSTEM, "usr", "etc", "proc", "dev", "tmp", "work"))


def write_etc(folder: Path) -> None:
    """Write the sandbox's own /etc files, once for a provider."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name, text in OWN_ETC.items():
        if not (folder / name).exists():
            (folder / f"{name}.{os.getpid()}").write_text(text)
            (folder / f"{name}.{os.getpid()}").replace(folder / name)


def options(policy: SandboxPolicy, *, work: Path, etc: Path, mounts: Sequence[Mount], tmpfs_size: bool) -> list[str]:
    """Everything that stays the same for each command of a sandbox."""
    return [
        *_namespaces(policy),
        *_system(),
        *_etc(etc, network=policy.network == "open"),
        *(("--size", str(policy.memory_bytes)) if tmpfs_size else ()),
        *("--tmpfs", "/tmp", "--dev", "/dev"),  # noqa: S108
        *_proc(),
        *("--bind", str(work), "/work"),
        *(part for mount in mounts for part in _mount(mount)),
    ]


def for_command(policy: SandboxPolicy, *, cwd: str, env: Mapping[str, str]) -> list[str]:
    """What differs from one command to the next."""
    merged = ENVIRONMENT | policy.environment | dict(env)
    return [*("--chdir", cwd), *(part for name, value in merged.items() for part in ("--setenv", name, value))]


def _namespaces(policy: SandboxPolicy) -> list[str]:
    unshared = ["user", "ipc", "pid", "uts", "cgroup-try", *(["net"] if policy.network == "none" else [])]
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
    for name in PROC_HIDDEN:
        if (path := Path("/proc", name)).exists():
            yield from ("--tmpfs", str(path)) if path.is_dir() else ("--ro-bind", "/dev/null", str(path))


def _etc(own: Path, *, network: bool) -> Iterator[str]:
    for name in HOST_ETC:
        if (path := Path("/etc", name)).exists():
            yield from ("--ro-bind", str(path.resolve()), str(path))
    for name in OWN_ETC:
        yield from ("--ro-bind", str(own / name), f"/etc/{name}")
    if network:
        yield from _network_files()


def _network_files() -> Iterator[str]:
    """Name resolution and the certificates of public authorities. Private keys in /etc/ssl stay outside."""
    if (resolver := Path("/etc/resolv.conf")).exists():
        yield from ("--ro-bind", str(resolver.resolve()), "/etc/resolv.conf")
    places = {"/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted", "/etc/ca-certificates"}
    if default := ssl.get_default_verify_paths().cafile:
        places.add(default)
    covered = [place for place in sorted(places) if Path(place).exists() and not place.startswith("/usr/")]
    for place in covered:
        if not any(place.startswith(f"{other}/") for other in covered):
            yield from ("--ro-bind", place, place)


def _mount(mount: Mount) -> list[str]:
    """Raises BadInput for a target that would cover the system or be reachable by a link inside /work."""
    target = PurePosixPath(mount.target)
    if not target.is_absolute() or ".." in target.parts or len(target.parts) < 2:
        raise BadInput(f"{mount.target!r} is not an absolute folder to mount at.", subject=mount.target)
    if any(target.is_relative_to(taken) for taken in TAKEN):
        raise BadInput(
            f"Nothing can be mounted at {mount.target!r}.",
            subject=mount.target,
            way_out="Use a folder of its own, such as /repository.",
        )
    return ["--bind" if mount.writable else "--ro-bind", str(mount.source.resolve()), str(target)]
