"""The seccomp profile of a container: what Docker's own allows, less all that the filter of bubblewrap denies.

Docker's profile is a list of what is allowed; `sandboxes/seccomp.py` is a list of what is denied. A call has to
pass both, so neither provider lets through what the other stops. gVisor doesn't use it: there a call never
reaches the host's kernel.
"""

import json
import platform
from functools import lru_cache
from typing import Any

from sandboxes import seccomp
from sandboxes.docker.calls import ALLOWED

ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64", "arm64": "SCMP_ARCH_AARCH64"}
ENOSYS = 38
# The kernel looks at 32 bits of these arguments, and libseccomp compares 64.
INT = 0xFFFFFFFF
# Calls whose arguments are looked at, and those that pass behind a pointer what would have to be looked at:
# libraries fall back from the latter when told that they aren't there.
LOOKED_AT = frozenset({"clone", "socket", "socketpair", "ioctl"})
NOT_THERE = ("clone3", "openat2", "fchmodat2")

Rule = dict[str, Any]


@lru_cache
def profile(machine: str = "") -> str:
    """As JSON, for `--security-opt seccomp=`. Raises SandboxUnavailable on an unknown architecture."""
    name = machine or platform.machine()
    seccomp.compiled(machine=name)
    known = seccomp.MACHINES[name]
    plain = ALLOWED - known.denied.keys() - known.modes.keys() - LOOKED_AT - set(NOT_THERE)
    rules = [
        _allow(*sorted(plain)),
        *(_answer(call, ENOSYS) for call in NOT_THERE),
        _allow("clone", args=[_masked(0, seccomp.NEW_NAMESPACES, 0)]),
        *(_allow(call, args=[_masked(at, seccomp.SETUID, 0)]) for call, (_, at) in known.modes.items()),
        *_sockets(),
        *(_allow("ioctl", args=[_masked(1, mask, value)]) for mask, value in _but_terminal_injection()),
    ]
    # One architecture only: a call by another one's convention (32-bit, x32) ends the process.
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "architectures": [ARCHITECTURES[name]],
            "syscalls": rules,
        }
    )


def _allow(*names: str, args: list[Rule] | None = None) -> Rule:
    return {"names": list(names), "action": "SCMP_ACT_ALLOW", "args": args or []}


def _answer(name: str, error: int) -> Rule:
    return {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": error, "args": []}


def _masked(index: int, mask: int, value: int) -> Rule:
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}


def _sockets() -> list[Rule]:
    """The network is a namespace's own, so unix sockets are too. Netlink only tells of addresses and routes."""
    families = (seccomp.AF_UNIX, seccomp.AF_INET, seccomp.AF_INET6)
    return [
        *(_allow("socket", args=[_masked(0, INT, family)]) for family in families),
        _allow("socket", args=[_masked(0, INT, seccomp.AF_NETLINK), _masked(2, INT, 0)]),
        _allow("socketpair", args=[_masked(0, INT, seccomp.AF_UNIX)]),
    ]


def _but_terminal_injection() -> list[tuple[int, int]]:
    """(mask, value) pairs that any request but TIOCSTI and TIOCLINUX fits: profiles have no "not one of these".

    Either a bit differs that both have alike, or the few bits in which they differ are neither's.
    """
    one, other = seccomp.TIOCSTI, seccomp.TIOCLINUX
    differ = one ^ other
    alike = [1 << bit for bit in range(32) if not differ >> bit & 1]
    within = [value for value in range(differ + 1) if value & ~differ == 0]
    return [
        *((bit, ~one & bit) for bit in alike),
        *((differ, value) for value in within if value not in (one & differ, other & differ)),
    ]
