"""What a container provider doesn't hold that bubblewrap does, and why. A policy that needs it is refused."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """Without what of `SandboxPolicy.needs` a provider is (empty: nothing is missing), and why.

    `attempts` are those of `tests/sandboxes/escapes/attempts.py` that say they got out; a test holds them to it.
    """

    lacks: str
    why: str
    attempts: tuple[str, ...]


DOCKER: tuple[Gap, ...] = ()
GVISOR = (
    Gap(
        "syscalls",
        "gVisor's kernel answers these calls itself and knows no filter of ours. They act on that kernel alone, which "
        "ends with the command; a file's setuid bit stays on /work, which the host mounts without setuid.",
        (
            "remount the system writable",
            "leave a setuid file",
            "give birth to a setuid file",
            "keyctl",
            "a user namespace by unshare",
            "a user namespace by clone3",
            "ptrace",
            "read another process's memory",
        ),
    ),
    Gap(
        "",
        "The host's cgroup holds the processors; gVisor's kernel may count the time that it was kept waiting as used.",
        ("eat the processor",),
    ),
)
