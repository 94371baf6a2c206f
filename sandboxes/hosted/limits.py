"""From a policy to what the vendor can hold; what it can't hold is refused by name, never left open.

The vendor counts whole cores and whole GiB, blocks the network by a switch, and builds an image on request. It has
no broker of ours, no seccomp of ours, no limit on processes, and it sees no folder of the host's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes.protocol import Mount

GIB = 1 << 30
USER = "agent"
HOME = f"/home/{USER}"
SCRATCH = f"{HOME}/.countersign"
# The image as it is, and a user without rights who owns /work.
SETUP = (
    f"RUN (id {USER} || useradd --create-home {USER} || adduser -D {USER}) && mkdir -p /work {SCRATCH}"
    f" && chown -R {USER} /work {HOME} && chmod 755 /work && chmod 700 {SCRATCH}",
    f"USER {USER}",
    "WORKDIR /work",
)


@dataclass(frozen=True)
class Given:
    """What is asked of the vendor: cores, GiB, GiB."""

    cpu: int
    memory: int
    disk: int


def given(policy: SandboxPolicy) -> Given:
    """Rounded up to what the vendor counts in; a policy that `needs` the exact limit is refused by `refuse`."""
    return Given(math.ceil(policy.cpus), math.ceil(policy.memory_bytes / GIB), math.ceil(policy.disk_bytes / GIB))


def refuse(policy: SandboxPolicy, mounts: Sequence[Mount]) -> None:
    """Raises SandboxUnavailable that names what a hosted sandbox can't hold."""
    if policy.provider != "daytona":
        raise SandboxUnavailable(
            'Only a policy that says provider="daytona" may send data to a third party.', subject=policy.provider
        )
    if policy.network == "allow":
        raise _refusal('egress through the worker\'s broker (`network="allow"`)', "Use a local sandbox.")
    if mounts:
        raise _refusal("folders of this host", "Give the repository as `tree`; it is uploaded.")
    for need, says in _lacking(policy).items():
        if need in policy.needs:
            raise _refusal(says, "Ask for whole units, or use a local sandbox.")


def _lacking(policy: SandboxPolicy) -> dict[str, str]:
    """Limits that would not hold as they are asked for."""
    lacking = {"processes": "a limit on the number of processes"}
    if policy.cpus != int(policy.cpus):
        lacking["cpu"] = f"{policy.cpus} cores, since it counts whole ones"
    for need, size in (("memory", policy.memory_bytes), ("disk", policy.disk_bytes)):
        if size % GIB:
            lacking[need] = f"{size:,} bytes of {need}, since it counts whole GiB"
    return lacking


def _refusal(need: str, way_out: str = "") -> SandboxUnavailable:
    return SandboxUnavailable(f"A hosted sandbox can't give what is needed: {need}.", subject=need, way_out=way_out)
