"""The seccomp filter: a small BPF program in pure Python, for x86_64 and aarch64.

It allows by default and denies what a build, a test suite or git never needs: kernel keys, io_uring, new
namespaces, mounts, tracing, loading code into the kernel, socket families that leave the network namespace
(AF_VSOCK does), terminal injection, and files that would be setuid on the host. The kernel caches the answer
for syscalls whose arguments are not looked at, so the length of the list costs nothing at run time.
"""

import errno
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from contracts.errors import SandboxUnavailable

# Instruction codes of classic BPF (linux/bpf_common.h) and seccomp's return values (linux/seccomp.h).
LOAD, JUMP_EQ, JUMP_GE, JUMP_SET, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]. Both machines are little-endian.
NUMBER, ARCH, ARGS = 0, 4, 16

NEW_NAMESPACES = 0x7E020000  # CLONE_NEW{CGROUP,UTS,IPC,USER,PID,NET} and CLONE_NEWNS
CLONE_NEWTIME = 0x80
SETUID = 0o4000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16


@dataclass(frozen=True)
class Machine:
    """Syscall numbers of one architecture; None where it does not have that call."""

    audit: int
    denied: dict[str, int]
    clone: int
    clone3: int
    socket: int
    socketpair: int
    ioctl: int
    openat2: int
    fchmodat2: int
    modes: dict[str, tuple[int, int]]  # a call that takes a file mode: its number and which argument
    x32: bool = False


# Same number everywhere: calls newer than the unified table.
_NEW = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "quotactl_fd": 443,
}
# name: (x86_64, aarch64)
_OLD = {
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
    "personality": (135, 92),
}
_X86_ONLY = {"iopl": 172, "ioperm": 173, "modify_ldt": 154, "uselib": 134, "_sysctl": 156}

X86_64 = Machine(
    audit=0xC000003E,
    denied=_NEW | _X86_ONLY | {name: numbers[0] for name, numbers in _OLD.items()},
    clone=56,
    clone3=435,
    socket=41,
    socketpair=53,
    ioctl=16,
    openat2=437,
    fchmodat2=452,
    modes={
        "chmod": (90, 1),
        "fchmod": (91, 1),
        "fchmodat": (268, 2),
        "open": (2, 2),
        "openat": (257, 3),
        "creat": (85, 1),
        "mknod": (133, 1),
        "mknodat": (259, 2),
    },
    x32=True,
)
AARCH64 = Machine(
    audit=0xC00000B7,
    denied=_NEW | {name: numbers[1] for name, numbers in _OLD.items()},
    clone=220,
    clone3=435,
    socket=198,
    socketpair=199,
    ioctl=29,
    openat2=437,
    fchmodat2=452,
    modes={"fchmod": (52, 1), "fchmodat": (53, 2), "openat": (56, 3), "mknodat": (33, 2)},
)
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}

Instruction = tuple[int, int, int, int]


def _deny(reason: int = errno.EPERM) -> Instruction:
    return (RETURN, 0, 0, ERRNO | reason)


def _argument(index: int) -> Instruction:
    """Load the low 32 bits of an argument; the kernel truncates these arguments likewise."""
    return (LOAD, 0, 0, ARGS + 8 * index)


def _on(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run `body` for this syscall only. A body always ends by returning."""
    return [(JUMP_EQ, 0, len(body), number), *body]


def _deny_bits(number: int, argument: int, bits: int) -> list[Instruction]:
    body = [_argument(argument), (JUMP_SET, 0, 1, bits), _deny(), (RETURN, 0, 0, ALLOW)]
    return _on(number, body)


def _deny_values(number: int, argument: int, values: Iterable[int]) -> list[Instruction]:
    body = [_argument(argument)]
    for value in values:
        body += [(JUMP_EQ, 0, 1, value), _deny()]
    return _on(number, [*body, (RETURN, 0, 0, ALLOW)])


def _families(number: int, families: Iterable[int]) -> list[Instruction]:
    body = [_argument(0)]
    for family in families:
        body += [(JUMP_EQ, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    return _on(number, [*body, _deny(errno.EAFNOSUPPORT)])


def _routes(number: int) -> list[Instruction]:
    """AF_NETLINK for NETLINK_ROUTE only: name resolution asks it which addresses there are."""
    body = [
        _argument(0),
        (JUMP_EQ, 0, 3, AF_NETLINK),
        _argument(2),
        (JUMP_EQ, 1, 0, 0),
        _deny(errno.EAFNOSUPPORT),
        (LOAD, 0, 0, NUMBER),
    ]
    # Falls through to _families with the number loaded again, so it does not end by returning.
    return [(JUMP_EQ, 0, len(body), number), *body]


def instructions(machine: Machine, *, host_network: bool) -> list[Instruction]:
    """The filter. With the host's network, unix sockets go too: abstract ones would reach host services."""
    families = [AF_INET, AF_INET6, AF_NETLINK] if host_network else [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK]
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCH),
        (JUMP_EQ, 1, 0, machine.audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine.x32:
        program += [(JUMP_GE, 0, 1, 0x40000000), _deny(errno.ENOSYS)]
    # These two pass what we must see behind a pointer; libraries fall back to clone and openat.
    for number in (machine.clone3, machine.openat2, machine.fchmodat2):
        program += _on(number, [_deny(errno.ENOSYS)])
    for number in machine.denied.values():
        program += _on(number, [_deny()])
    program += _deny_bits(machine.clone, 0, NEW_NAMESPACES)
    for number, argument in machine.modes.values():
        program += _deny_bits(number, argument, SETUID)
    program += _deny_values(machine.ioctl, 1, (TIOCSTI, TIOCLINUX))
    program += _routes(machine.socket) + _families(machine.socket, families)
    program += _families(machine.socketpair, [AF_UNIX])
    return [*program, (RETURN, 0, 0, ALLOW)]


@lru_cache
def compiled(*, host_network: bool = False, machine: str = "") -> bytes:
    """The program as `struct sock_filter[]`, for bubblewrap's --seccomp.

    Raises SandboxUnavailable on an architecture whose syscall numbers are not in the table.
    """
    name = machine or platform.machine()
    if name not in MACHINES:
        raise SandboxUnavailable(
            f"There is no seccomp filter for the architecture {name!r}.",
            subject=name,
            way_out="Run the worker on x86_64 or aarch64.",
        )
    return b"".join(struct.pack("<HBBI", *one) for one in instructions(MACHINES[name], host_network=host_network))
